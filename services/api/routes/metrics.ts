/** `GET /metrics`. It counts over all projects, so where tokens are configured it takes an `admin` one. */
import { Type } from "typebox";
import type { App } from "../app-type.ts";
import type { Metrics } from "../metrics.ts";
import { answers } from "../schema/answers.ts";

export function metricsRoute(app: App, metrics: Metrics): void {
  app.get(
    "/metrics",
    {
      logLevel: "warn",
      config: { scope: "admin" },
      schema: {
        operationId: "metrics",
        summary: "Figures for Prometheus",
        tags: ["operations"],
        response: answers({ 200: { description: "The text format.", content: { "text/plain": { schema: Type.String() } } } }),
      },
    },
    async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()),
  );
}
