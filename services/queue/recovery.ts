/**
 * The database is the truth and the queue delivers: what the database has unfinished and the queue does not know is queued
 * again, at the start and from then on periodically. This covers a Redis that lost everything, an API that died between row
 * and queue, and a job that BullMQ gave up because its workers kept dying.
 */
import type { Logger } from "../log/logger.ts";
import { failures } from "../contract/failure.ts";
import type { JobError } from "../contract/job.ts";
import type { JobStore, UnfinishedJob } from "../storage/job-store.ts";
import type { AnalysisQueue } from "./analysis-queue.ts";
import type { JobChanges } from "./job-changes.ts";
import { patientPriority, priorityOf } from "./queue-settings.ts";

export interface RecoveryParts {
  readonly jobs: Pick<JobStore, "unfinished" | "abandon">;
  readonly queue: Pick<AnalysisQueue, "add" | "lacking" | "setPriority">;
  readonly changes: Pick<JobChanges, "announce">;
  readonly attempts: number;
}

export interface Recovered {
  readonly queued: number;
  readonly abandoned: number;
}

const idsAtOnce = 200;
const preferredAtOnce = 100;

const workersDied = (job: UnfinishedJob): JobError => ({
  code: "worker_lost",
  stage: failures.worker_lost.stage,
  detail: `The worker died at each of the ${job.attempts} attempts.`,
  hint: "POST /v1/jobs/{id}/reanalyze tries again; the operator should look at the workers' memory and logs.",
});

/** One round. Rejects with `queue_unavailable` or `database_unavailable`. */
export async function recover({ jobs, queue, changes, attempts }: RecoveryParts): Promise<Recovered> {
  let queued = 0;
  let abandoned = 0;
  let preferred = 0;

  const settle = async (batch: readonly UnfinishedJob[]) => {
    const lacking = new Set(await queue.lacking(batch.map((job) => job.id)));
    for (const job of batch) {
      if (!lacking.has(job.id)) {
        const wanted = patientPriority(job, Date.now() - Date.parse(job.createdAt));
        if (job.status !== "queued" || wanted === priorityOf(job) || preferred >= preferredAtOnce) continue;
        await queue.setPriority(job.id, wanted);
        preferred += 1;
      } else if (job.attempts >= attempts) {
        if (!(await jobs.abandon(job.id, workersDied(job)))) continue;
        await changes.announce(job.id);
        abandoned += 1;
      } else {
        await queue.add(job);
        queued += 1;
      }
    }
  };

  let batch: UnfinishedJob[] = [];
  for await (const job of jobs.unfinished()) {
    batch.push(job);
    if (batch.length < idsAtOnce) continue;
    await settle(batch);
    batch = [];
  }
  if (batch.length > 0) await settle(batch);
  return { queued, abandoned };
}

/** Rounds from now until disposed; a round that fails is tried again at the next turn, soon. */
export function startRecovery(parts: RecoveryParts & { readonly log: Pick<Logger, "info" | "warn">; readonly everyMilliseconds?: number }): AsyncDisposable {
  const every = parts.everyMilliseconds ?? 30_000;
  let timer: NodeJS.Timeout | null = null;
  let closed = false;

  const round = async (): Promise<void> => {
    let pause = every;
    try {
      const recovered = await recover(parts);
      if (recovered.queued + recovered.abandoned > 0) parts.log.info({ ...recovered }, "jobs_recovered");
    } catch (error) {
      pause = Math.min(every, 2_000);
      parts.log.warn({ err: error }, "recovery_failed");
    }
    if (closed) return;
    timer = setTimeout(() => {
      current = round();
    }, pause);
  };
  let current = round();

  return {
    [Symbol.asyncDispose]: async () => {
      closed = true;
      if (timer !== null) clearTimeout(timer);
      await current;
    },
  };
}
