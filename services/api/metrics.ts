/** What Prometheus is told. One registry per app, so that tests and processes do not share counters. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { JobStatus } from "../contract/job.ts";
import type { AnalysisQueue } from "../queue/analysis-queue.ts";
import type { WorkerDirectory } from "../queue/worker-presence.ts";

export interface MetricSources {
  readonly countJobs: () => Promise<Readonly<Record<JobStatus, number>>>;
  readonly queue: Pick<AnalysisQueue, "counts">;
  readonly workers: Pick<WorkerDirectory, "alive">;
}

export interface Metrics {
  readonly contentType: string;
  readonly uploadBytes: Counter<"kind">;
  /** `onResponse` hook. */
  readonly observe: (request: FastifyRequest, reply: FastifyReply) => Promise<void>;
  /** Never rejects: a source that does not answer leaves its gauges out. */
  readonly text: () => Promise<string>;
}

export function createMetrics({ countJobs, queue, workers }: MetricSources): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  const jobs = new Gauge({ name: "inquest_jobs", help: "Jobs by status.", labelNames: ["status"], registers });
  const depth = new Gauge({ name: "inquest_queue_jobs", help: "Jobs in the queue by state.", labelNames: ["state"], registers });
  const alive = new Gauge({ name: "inquest_workers", help: "Workers whose heartbeat is heard.", registers });
  const uploadBytes = new Counter({ name: "inquest_upload_bytes_total", help: "Bytes of stored uploads.", labelNames: ["kind"], registers });
  const durations = new Histogram({
    name: "inquest_http_request_duration_seconds",
    help: "Requests by route, method and status.",
    labelNames: ["route", "method", "status"],
    buckets: [0.005, 0.02, 0.1, 0.5, 1, 5, 30, 60, 300],
    registers,
  });

  async function refresh(): Promise<void> {
    await Promise.allSettled([
      countJobs().then(
        (counts) => {
          for (const [status, count] of Object.entries(counts)) jobs.set({ status }, count);
        },
        () => jobs.reset(),
      ),
      queue.counts().then(
        (counts) => {
          for (const [state, count] of Object.entries(counts)) depth.set({ state }, count);
        },
        () => depth.reset(),
      ),
      workers.alive().then(
        ({ length }) => alive.set(length),
        () => alive.set(0),
      ),
    ]);
  }

  return {
    contentType: registry.contentType,
    uploadBytes,
    async observe(request, reply) {
      const labels = { route: request.routeOptions.url ?? "none", method: request.method, status: String(reply.statusCode) };
      durations.observe(labels, reply.elapsedTime / 1_000);
    },
    async text() {
      await refresh();
      return registry.metrics();
    },
  };
}
