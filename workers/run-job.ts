/**
 * One delivery of one job: from the row's start to its end, or back to where it was.
 *
 * The database decides: a job that was cancelled, deleted or taken over is dropped wherever that is noticed, and nothing
 * of it is stored. What may be tried again follows from the failure table alone.
 */
import { Failure, failures } from "../services/contract/failure.ts";
import type { JobError } from "../services/contract/job.ts";
import type { Logger } from "../services/log/logger.ts";
import type { JobChanges } from "../services/queue/job-changes.ts";
import { isRetryable, shutdownReason } from "../services/queue/queue-settings.ts";
import type { JobStore, StartedJob } from "../services/storage/job-store.ts";
import type { OnProgress, PipelineJob, PipelineResult } from "./pipeline/run-pipeline.ts";

export interface RunJobParts {
  readonly jobs: Pick<JobStore, "start" | "takeOver" | "setProgress" | "finish" | "fail" | "giveBack">;
  readonly changes: Pick<JobChanges, "announce">;
  readonly analyse: (job: PipelineJob, onProgress: OnProgress, signal: AbortSignal) => Promise<PipelineResult>;
  /** Removes the bytes that no row names any more: those of cores that the job's group has enough of. */
  readonly sweepBlobs: () => Promise<unknown>;
  /** Starts of one job, those after a worker's death included. */
  readonly attempts: number;
  readonly log: Pick<Logger, "info" | "warn" | "error">;
}

/** `returned`: back to `queued` without losing an attempt. `retry`: back to `queued`, to be tried after a pause. */
export type Outcome = { readonly kind: "succeeded" | "dropped" | "returned" } | { readonly kind: "retry" | "failed"; readonly error: unknown };

/** What the user is told. A fault that nobody foresaw keeps its words to the log: they may hold paths. */
export function jobError(error: unknown): JobError {
  if (error instanceof Failure) return { code: error.code, stage: error.stage, detail: error.message, hint: error.hint };
  const { stage, hint } = failures.internal_error;
  return { code: "internal_error", stage, detail: "the analysis failed in a way that was not foreseen", hint };
}

class Stopped extends Error {}

async function analyse(parts: RunJobParts, started: StartedJob, signal: AbortSignal): Promise<PipelineResult> {
  const { id } = started.job;
  if (started.coreBlob === null && started.job.core !== null) throw new Failure("core_lost", "the core is no longer stored");
  const stop = new AbortController();
  const onProgress: OnProgress = async (stage, percent) => {
    if (!(await parts.jobs.setProgress(id, started.run, stage, percent))) {
      stop.abort();
      throw new Stopped("the row belongs to another");
    }
    await parts.changes.announce(id);
  };
  const job: PipelineJob = { id, projectId: started.projectId, coreBlob: started.coreBlob, run: started.run, options: started.job.options };
  return parts.analyse(job, onProgress, AbortSignal.any([signal, stop.signal]));
}

/** The row follows what happened; a row that is no longer ours is left alone. */
async function settle(parts: RunJobParts, started: StartedJob, error: unknown, signal: AbortSignal): Promise<Outcome> {
  const { jobs, attempts } = parts;
  const { id } = started.job;
  if (signal.reason === shutdownReason) {
    return { kind: (await jobs.giveBack(id, started.run, { countAttempt: false })) ? "returned" : "dropped" };
  }
  if (signal.aborted || error instanceof Stopped) return { kind: "dropped" };
  if (!isRetryable(error)) return { kind: (await jobs.fail(id, started.run, jobError(error))) ? "failed" : "dropped", error };
  if (started.job.attempts < attempts) return { kind: (await jobs.giveBack(id, started.run, { countAttempt: true })) ? "retry" : "dropped", error };
  const last = jobError(error);
  const told: JobError = attempts === 1 ? last : { ...last, detail: `${last.detail} (the last of ${attempts} attempts)` };
  return { kind: (await jobs.fail(id, started.run, told)) ? "failed" : "dropped", error };
}

export async function runJob(parts: RunJobParts, id: string, signal: AbortSignal): Promise<Outcome> {
  const { jobs, changes, log } = parts;
  const started = await jobs.start(id);
  if (started === null) return { kind: "dropped" };
  await changes.announce(id);
  const fields = { job_id: id, run: started.run, attempt: started.job.attempts };
  log.info({ ...fields, core_size: started.job.core?.size ?? 0 }, "job_started");
  const began = performance.now();
  let outcome: Outcome;
  try {
    if (started.job.attempts > parts.attempts) throw new Failure("attempts_exhausted", `the worker died at each of ${parts.attempts} attempts`);
    const known = started.job.duplicate_of !== null && (await jobs.takeOver(id, started.run));
    outcome = { kind: known || (await jobs.finish(id, started.run, await analyse(parts, started, signal))) ? "succeeded" : "dropped" };
  } catch (error) {
    outcome = await settle(parts, started, error, signal);
  } finally {
    await changes.announce(id);
  }
  // What fails here is tried again by the next round of housekeeping.
  if (outcome.kind === "succeeded") await parts.sweepBlobs().catch((error: unknown) => log.warn({ err: error }, "blobs_not_swept"));
  const told = { ...fields, outcome: outcome.kind, duration_ms: Math.round(performance.now() - began) };
  if (!("error" in outcome)) log.info(told, "job_ended");
  else if (outcome.error instanceof Failure) log.warn({ ...told, code: outcome.error.code, detail: outcome.error.message }, "job_ended");
  else log.error({ ...told, err: outcome.error }, "job_ended");
  return outcome;
}
