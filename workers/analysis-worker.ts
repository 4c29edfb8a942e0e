/**
 * The queue's consumer: takes one job after the other and runs it, until it is told to stop.
 *
 * BullMQ renews the job's lock while the pipeline waits for gdb; a worker that loses its lock, or is told that the job is
 * not wanted, ends gdb at once. Stopping gives the running job back, so that another worker begins it anew.
 */
import { Worker } from "bullmq";
import type { Logger } from "../services/log/logger.ts";
import { listenForCancellations } from "../services/queue/cancellation.ts";
import type { RedisConnections } from "../services/queue/connection.ts";
import {
  type AnalysisJobData,
  analysisQueueName,
  returnToQueue,
  stopWorker,
  unrecoverable,
  type WorkerSettings,
  workerSettings,
} from "../services/queue/queue-settings.ts";
import type { JobStore } from "../services/storage/job-store.ts";
import { type RunJobParts, runJob } from "./run-job.ts";

export interface AnalysisWorkerParts extends RunJobParts {
  readonly redis: RedisConnections;
  readonly jobs: RunJobParts["jobs"] & Pick<JobStore, "stopped">;
  readonly log: Pick<Logger, "info" | "warn" | "error">;
  readonly settings: Omit<WorkerSettings, "attempts">;
}

/** Disposing it takes no new job, gives the running ones back and waits until they are. */
export function startAnalysisWorker(parts: AnalysisWorkerParts): AsyncDisposable {
  const { redis, log, attempts, settings } = parts;
  const running = new Set<string>();
  const worker = new Worker<AnalysisJobData>(
    analysisQueueName,
    // Three parameters without defaults: BullMQ makes a signal only for a processor whose `length` says that it takes one.
    async (delivered, token, signal) => {
      const id = delivered.data.job_id;
      running.add(id);
      try {
        const outcome = await runJob(parts, id, signal ?? new AbortController().signal);
        if (outcome.kind === "returned") return await returnToQueue(delivered, token);
        if (outcome.kind === "retry") throw outcome.error;
        if (outcome.kind === "failed") throw unrecoverable(outcome.error);
      } finally {
        running.delete(id);
      }
    },
    workerSettings(redis, { ...settings, attempts }),
  );
  const cancel = (id: string, why: string) => worker.cancelJob(id, why);
  worker.on("lockRenewalFailed", (ids) => {
    for (const id of ids) cancel(id, "lock lost");
  });
  worker.on("stalled", (id) => log.warn({ job_id: id }, "job_taken_over"));
  worker.on("error", (error) => log.warn({ err: error }, "queue_error"));
  const cancellations = listenForCancellations(redis, { jobs: parts.jobs, running: () => [...running], cancel: (id) => cancel(id, "cancelled") });
  return {
    [Symbol.asyncDispose]: async () => {
      await stopWorker(worker);
      cancellations[Symbol.dispose]();
    },
  };
}
