/**
 * Builds the API: plumbing first, then the routes in reading order. Nothing listens here and nothing is chosen here.
 */
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import Fastify, { type FastifyPluginAsync, type FastifyPluginOptions, LogController, type RawServerDefault } from "fastify";
import type { Logger } from "../log/logger.ts";
import type { App } from "./app-type.ts";
import { callerOfRequest, guard } from "./auth/guard.ts";
import type { Dependencies } from "./dependencies.ts";
import { closeSwiftly } from "./http/closing.ts";
import { answerClientError } from "./http/client-error.ts";
import { handleError } from "./http/error-handler.ts";
import { addHeaders } from "./http/headers.ts";
import { collectMethods, notFoundHandler } from "./http/methods.ts";
import { requestIdOf } from "./http/request-id.ts";
import { refuseLargeBodies } from "./http/early-refusal.ts";
import { closeGently, holdContinue, sendContinue } from "./http/unread-body.ts";
import { createMetrics } from "./metrics.ts";
import { bulkChangeRoutes } from "./routes/bulk-changes.ts";
import { changeRoutes } from "./routes/changes.ts";
import { bulkRoutes } from "./routes/bulk.ts";
import { binaryRoutes } from "./routes/binaries.ts";
import { binaryUploadRoutes } from "./routes/binary-upload.ts";
import { compareRoutes } from "./routes/compare.ts";
import { debuginfodRoutes } from "./routes/debuginfod.ts";
import { documentRoutes } from "./routes/documents.ts";
import { groupChangeRoutes } from "./routes/group-changes.ts";
import { groupViewRoutes } from "./routes/group-views.ts";
import { groupRoutes } from "./routes/groups.ts";
import { jobRoute } from "./routes/job.ts";
import { jobBundleRoute } from "./routes/job-bundle.ts";
import { jobChangesRoutes } from "./routes/job-changes.ts";
import { jobCoreRoute } from "./routes/job-core.ts";
import { jobEditRoute } from "./routes/job-edit.ts";
import { jobEventsRoute } from "./routes/job-events.ts";
import { jobExportRoute } from "./routes/job-export.ts";
import { jobListRoute } from "./routes/job-list.ts";
import { jobReportRoute } from "./routes/job-report.ts";
import { jobStatsRoute } from "./routes/job-stats.ts";
import { metricsRoute } from "./routes/metrics.ts";
import { operationsRoutes } from "./routes/operations.ts";
import { problemsRoutes } from "./routes/problems.ts";
import { resumableUploadRoutes } from "./routes/resumable-upload.ts";
import { submitJobRoute } from "./routes/submit-job.ts";
import { webhookDeliveryRoutes } from "./routes/webhook-deliveries.ts";
import { webhookRoutes } from "./routes/webhooks.ts";
import { describeApi } from "./schema/openapi.ts";
import { buildSerializer } from "./schema/serializers.ts";

const MiB = 1024 * 1024;

/** A connection on which nothing moves for this long is closed; longer than any `?wait=` and any pause between heartbeats. */
const silenceLimitMs = 120_000;

/** A scope of its own: what its routes set, such as how bodies are read, stays with them. */
const scoped =
  (build: (scope: App) => void): FastifyPluginAsync<FastifyPluginOptions, RawServerDefault, TypeBoxTypeProvider, Logger> =>
  async (scope) =>
    build(scope);

export async function buildApp(dependencies: Dependencies): Promise<App> {
  const { logger, authenticate } = dependencies;
  const app: App = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: "request_id" }),
    genReqId: requestIdOf,
    bodyLimit: MiB,
    connectionTimeout: silenceLimitMs,
    clientErrorHandler: answerClientError,
    frameworkErrors: handleError,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 512 },
    return503OnClosing: true,
    // verbose: the error handler names the offending value. Nothing is removed in silence.
    schemaController: { compilersFactory: { buildSerializer } },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true, useDefaults: true, allErrors: false, verbose: true } },
  });

  const closing = closeSwiftly(app);

  const metrics = createMetrics(dependencies);
  const methodsOf = collectMethods(app);
  holdContinue(app.server);
  app.removeContentTypeParser("text/plain");
  app.decorateRequest("caller", callerOfRequest);
  app.setErrorHandler(handleError);
  app.setNotFoundHandler(notFoundHandler(methodsOf));

  app.addHook("onRequest", addHeaders);
  app.addHook("onRequest", guard(authenticate));
  app.addHook("onRequest", refuseLargeBodies);
  app.addHook("preParsing", async (request, reply) => {
    // Routes that read their stream themselves say when they want it.
    if (!request.is404 && request.routeOptions.config.body === undefined) sendContinue(request, reply);
  });
  app.addHook("onSend", closeGently());
  app.addHook("onResponse", metrics.observe);
  app.addHook("onResponse", async (request, reply) => {
    const event = { method: request.method, route: request.routeOptions.url ?? null, status: reply.statusCode, duration_ms: Math.round(reply.elapsedTime) };
    request.log.info(event, "request_done");
  });

  await describeApi(app, dependencies.version);
  await app.register(scoped((scope) => submitJobRoute(scope, dependencies, metrics)));
  await app.register(scoped((scope) => resumableUploadRoutes(scope, dependencies, metrics)));
  await app.register(scoped((scope) => bulkRoutes(scope, dependencies, metrics, closing)));
  jobRoute(app, dependencies, closing);
  jobReportRoute(app, dependencies, closing);
  jobBundleRoute(app, dependencies);
  jobCoreRoute(app, dependencies);
  jobEventsRoute(app, dependencies, closing);
  await app.register(scoped((scope) => jobChangesRoutes(scope, dependencies)));
  jobEditRoute(app, dependencies);
  bulkChangeRoutes(app, dependencies, closing);
  changeRoutes(app, dependencies, closing);
  jobListRoute(app, dependencies);
  jobExportRoute(app, dependencies, closing);
  jobStatsRoute(app, dependencies);
  await app.register(scoped((scope) => binaryUploadRoutes(scope, dependencies, metrics)));
  binaryRoutes(app, dependencies);
  debuginfodRoutes(app, dependencies);
  groupRoutes(app, dependencies);
  groupChangeRoutes(app, dependencies);
  groupViewRoutes(app, dependencies);
  compareRoutes(app, dependencies);
  webhookRoutes(app, dependencies);
  await app.register(scoped((scope) => webhookDeliveryRoutes(scope, dependencies)));
  operationsRoutes(app, dependencies);
  metricsRoute(app, metrics);
  problemsRoutes(app);
  await documentRoutes(app);
  return app;
}
