/**
 * Works on changes of many jobs: step after step, each a short transaction, with others' work between them. A change that a
 * process left undone when it died is taken up again, here or in another process.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../contract/failure.ts";
import type { JobError } from "../contract/job.ts";
import type { Logger } from "../log/logger.ts";
import type { AnalysisQueue } from "../queue/analysis-queue.ts";
import type { JobChanges } from "../queue/job-changes.ts";
import { queuedJob } from "../queue/queue-settings.ts";
import type { BulkChangeStore, BulkStep, ClaimedChange } from "../storage/bulk-change-store.ts";

export interface BulkChangeParts {
  readonly bulkChanges: Pick<BulkChangeStore, "claim" | "step" | "fail">;
  readonly queue: Pick<AnalysisQueue, "add" | "cancel">;
  readonly changes: Pick<JobChanges, "announce">;
  readonly sweepBlobs: () => Promise<unknown>;
  readonly log: Pick<Logger, "info" | "warn">;
  readonly everyMilliseconds?: number;
  /** After that the change that has waited longest is next: a long one does not hold up another project's. */
  readonly turnMilliseconds?: number;
}

export interface BulkChangeRounds extends AsyncDisposable {
  /** There is a new one: look now. */
  nudge(): void;
}

const leaseSeconds = 30;
/** Between two steps: others want the database too. */
const pauseMilliseconds = 2;
const tries = 4;

const unforeseen: JobError = {
  code: "internal_error",
  stage: "request",
  detail: "The change broke off in a way that was not foreseen.",
  hint: "What `seen` tells is done. Send it again for the rest.",
};

async function tell({ queue, changes, sweepBlobs, log }: BulkChangeParts, { queued, deleted }: BulkStep): Promise<void> {
  for (const job of queued) await queue.add(queuedJob(job));
  for (const id of deleted) await queue.cancel(id);
  await Promise.all([...queued.map(({ id }) => id), ...deleted].map((id) => changes.announce(id)));
  // What fails here is tried again by the next round of housekeeping.
  if (deleted.length > 0) await sweepBlobs().catch((error: unknown) => log.warn({ err: error }, "blobs_not_swept"));
}

/** A transaction that met another is sent again. */
async function patiently<T>(step: () => Promise<T>): Promise<T> {
  for (let left = tries - 1; ; left -= 1) {
    try {
      return await step();
    } catch (error) {
      if (left === 0 || !(error instanceof Failure && error.retry)) throw error;
      await sleep(50 * (tries - left));
    }
  }
}

async function workOn(parts: BulkChangeParts, first: ClaimedChange, stop: AbortSignal): Promise<void> {
  const { bulkChanges, log, turnMilliseconds = 2_000 } = parts;
  let claimed = first;
  try {
    for (const began = performance.now(); !stop.aborted; ) {
      const last = performance.now() - began >= turnMilliseconds;
      const taken = await patiently(() => bulkChanges.step(claimed, last ? 0 : leaseSeconds));
      if (taken === null) return;
      claimed = taken.claimed;
      await tell(parts, taken.step);
      if (taken.step.ended) {
        log.info(
          { change_id: claimed.id, action: claimed.action, dry_run: claimed.dry_run === 1, seen: claimed.seen, changed: claimed.changed },
          "jobs_changed",
        );
        return;
      }
      if (last) return;
      await sleep(pauseMilliseconds);
    }
  } catch (error) {
    log.warn({ err: error, change_id: claimed.id }, "bulk_change_failed");
    // A database that is away: the lease ends, and it is taken up again.
    if (error instanceof Failure && error.retry) return;
    await bulkChanges.fail(claimed, error instanceof Failure ? { code: error.code, stage: error.stage, detail: error.message, hint: error.hint } : unforeseen);
  }
}

/** From now on until disposed. */
export function startBulkChanges(parts: BulkChangeParts): BulkChangeRounds {
  const { bulkChanges, log, everyMilliseconds = 5_000 } = parts;
  const stop = new AbortController();
  let again = false;

  async function round(): Promise<void> {
    try {
      while (!stop.signal.aborted) {
        const claimed = await bulkChanges.claim(leaseSeconds);
        if (claimed === null) return;
        await workOn(parts, claimed, stop.signal);
      }
    } catch (error) {
      log.warn({ err: error }, "bulk_changes_failed");
    }
  }

  let running: Promise<void> | null = null;
  const nudge = (): void => {
    again = running !== null;
    if (again || stop.signal.aborted) return;
    running = round().finally(() => {
      running = null;
      if (again) nudge();
    });
  };
  nudge();
  const timer = setInterval(nudge, everyMilliseconds);
  return {
    nudge,
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      stop.abort();
      await running;
    },
  };
}
