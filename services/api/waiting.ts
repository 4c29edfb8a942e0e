/** Waiting for a job, woken by news, ended by the client's leaving, the server's closing or the time's end. */
import type { FastifyReply } from "fastify";
import type { JobStatus } from "../contract/job.ts";
import type { JobChanges } from "../queue/job-changes.ts";
import type { JobStore, StoredJob } from "../storage/job-store.ts";

/** News may be lost: the row is read again this often while somebody waits for it. */
export const fallbackPollMs = 2_000;

const ended: ReadonlySet<JobStatus> = new Set<JobStatus>(["succeeded", "failed", "cancelled"]);

export const hasEnded = (status: JobStatus) => ended.has(status);

/** Aborts when the client is gone or the server closes; disposing it takes it off both. */
export function untilGone(reply: FastifyReply, closing: AbortSignal): { readonly signal: AbortSignal } & Disposable {
  const gone = new AbortController();
  const leave = () => gone.abort();
  if (closing.aborted) leave();
  closing.addEventListener("abort", leave, { once: true });
  reply.raw.once("close", leave);
  return {
    signal: gone.signal,
    [Symbol.dispose]() {
      closing.removeEventListener("abort", leave);
      reply.raw.off("close", leave);
      leave();
    },
  };
}

interface Wait {
  readonly jobs: Pick<JobStore, "get">;
  readonly changes: Pick<JobChanges, "next">;
  readonly project: string;
  readonly id: string;
  readonly milliseconds: number;
  readonly signal: AbortSignal;
}

/** The job once it has ended, or as it is when the time is up or the signal aborts; null when there is no such job (any more). */
export async function waitForEnd({ jobs, changes, project, id, milliseconds, signal }: Wait): Promise<StoredJob | null> {
  const deadline = Date.now() + milliseconds;
  for (;;) {
    const left = deadline - Date.now();
    const news = left > 0 && !signal.aborted ? changes.next(id, Math.min(left, fallbackPollMs), signal) : null;
    const stored = await jobs.get(project, id);
    if (stored === null || hasEnded(stored.job.status) || news === null) return stored;
    await news;
  }
}
