/** The whole API on real parts: SQLite and blobs in a temporary folder, a private Redis. Every injected answer is held against `/openapi.json`. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { InjectOptions, LightMyRequestResponse } from "fastify";
import { buildApp } from "../../../services/api/app.ts";
import type { App } from "../../../services/api/app-type.ts";
import { authenticateLocal } from "../../../services/api/auth/authenticate.ts";
import type { Dependencies } from "../../../services/api/dependencies.ts";
import { startBulkChanges } from "../../../services/api/bulk-change-rounds.ts";
import { readConfig } from "../../../services/config/environment.ts";
import { UploadFiles } from "../../../services/intake/resume/upload-files.ts";
import type { Limits } from "../../../services/contract/limits.ts";
import { createLogger } from "../../../services/log/logger.ts";
import { addressRules } from "../../../services/notify/address-rules.ts";
import { openAnalysisQueue } from "../../../services/queue/analysis-queue.ts";
import { connectRedis } from "../../../services/queue/connection.ts";
import { openJobChanges } from "../../../services/queue/job-changes.ts";
import { openWorkerDirectory } from "../../../services/queue/worker-presence.ts";
import { createBinaryStore } from "../../../services/storage/binary-store.ts";
import { sweepBlobs } from "../../../services/storage/blob-trash.ts";
import { createBulkStore } from "../../../services/storage/bulk-store.ts";
import { type Database, openDatabase } from "../../../services/storage/database.ts";
import { createDeliveryStore } from "../../../services/storage/delivery-store.ts";
import { createBulkChangeStore } from "../../../services/storage/bulk-change-store.ts";
import { openFileBlobStore } from "../../../services/storage/file-blob-store.ts";
import { countJobsByStatus } from "../../../services/storage/job-counts.ts";
import { createGroupStore } from "../../../services/storage/group-store.ts";
import { createJobStore } from "../../../services/storage/create-job-store.ts";
import { createReportStore } from "../../../services/storage/report-store.ts";
import { createWebhookStore } from "../../../services/storage/webhook-store.ts";
import { type PrivateRedis, startPrivateRedis } from "../../support/private-redis.ts";
import { deviation, type OpenApi } from "./conformance.ts";

export interface ApiUnderTest extends AsyncDisposable {
  readonly app: App;
  readonly parts: Dependencies;
  readonly redis: PrivateRedis;
  readonly folder: string;
  readonly document: OpenApi;
  /** Injects, and throws when the answer is not as the document promises. */
  ask(request: InjectOptions): Promise<LightMyRequestResponse>;
  /** A real server on a free port of the loopback; its base URL. */
  listen(): Promise<string>;
}

export interface ApiOptions {
  readonly limits?: Partial<Limits>;
  readonly parts?: Partial<Dependencies>;
  /** Where changes of many jobs are made; the API's own when left out. */
  readonly database?: Database;
}

export async function openApiUnderTest(options: ApiOptions = {}): Promise<ApiUnderTest> {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "inquest-api-"));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const redis = opened.use(await startPrivateRedis());
  const logger = createLogger({ level: "silent", component: "test" });
  const database = opened.use(await openDatabase(`sqlite:${folder}/inquest.sqlite`));
  const blobs = await openFileBlobStore(join(folder, "blobs"));
  const connections = opened.use(connectRedis(redis.url, logger));
  const limits: Limits = { ...readConfig({}).limits, free_disk_bytes: 0, ...options.limits };
  const queue = opened.use(await openAnalysisQueue(connections, { attempts: limits.attempts }));
  const changes = opened.use(openJobChanges(connections));
  const jobsDatabase = options.database ?? database;
  const bulkChanges = createBulkChangeStore(jobsDatabase, limits);
  const changing = opened.use(startBulkChanges({ bulkChanges, queue, changes, sweepBlobs: () => sweepBlobs(jobsDatabase, blobs), log: logger }));
  const parts: Dependencies = {
    version: "0.0.0",
    publicUrl: null,
    logger,
    limits,
    authenticate: authenticateLocal,
    database,
    jobs: createJobStore(database, { coresPerGroup: limits.cores_per_group }),
    reports: createReportStore(database),
    groups: createGroupStore(database),
    bulks: createBulkStore(database),
    bulkChanges,
    workOnChanges: () => changing.nudge(),
    binaries: createBinaryStore(database),
    blobs,
    uploads: new UploadFiles(join(folder, "uploads"), blobs, limits),
    queue,
    changes,
    workers: openWorkerDirectory(connections),
    webhooks: createWebhookStore(database),
    deliveries: createDeliveryStore(database),
    addresses: addressRules([]),
    sendDue: () => undefined,
    countJobs: () => countJobsByStatus(database),
    sweepBlobs: () => sweepBlobs(database, blobs),
    ...options.parts,
  };
  const app = await buildApp(parts);
  opened.defer(() => app.close());
  await app.ready();
  const document: OpenApi = JSON.parse((await app.inject("/openapi.json")).body);
  const resources = opened.move();
  return {
    app,
    parts,
    redis,
    folder,
    document,
    async ask(request) {
      const response = await app.inject(request);
      const url = typeof request.url === "string" ? request.url : "/";
      const wrong = deviation(document, {
        method: request.method ?? "GET",
        path: url.split("?", 1)[0] ?? "/",
        status: response.statusCode,
        contentType: response.headers["content-type"]?.toString(),
        body: response.body,
      });
      if (wrong !== null) throw new Error(wrong);
      return response;
    },
    async listen() {
      return app.listen({ host: "127.0.0.1", port: 0 });
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
