/** A job's event log as server-sent events. (HTML standard, 9.2) */
import { fallbackPollMs, hasEnded } from "./waiting.ts";
import type { JobChanges } from "../queue/job-changes.ts";
import type { JobEvent, JobStore } from "../storage/job-store.ts";

export const eventText = ({ seq, kind, data, at }: JobEvent) => `id: ${seq}\nevent: ${kind}\ndata: ${JSON.stringify({ ...data, at })}\n\n`;

interface Stream {
  readonly jobs: Pick<JobStore, "get" | "events">;
  readonly changes: Pick<JobChanges, "next">;
  readonly project: string;
  readonly id: string;
  /** Events up to this one were seen. */
  readonly after: number;
  readonly signal: AbortSignal;
  readonly heartbeatMs: number;
}

/** Ends after the event that ended the job, when the job is deleted, or when the signal aborts. */
export async function* eventStream({ jobs, changes, project, id, after, signal, heartbeatMs }: Stream): AsyncGenerator<string> {
  yield "retry: 2000\n\n";
  let seen = after;
  let quietSince = Date.now();
  while (!signal.aborted) {
    const news = changes.next(id, Math.min(fallbackPollMs, heartbeatMs), signal);
    // The row first: when it has ended, the events read after it are all there are.
    const stored = await jobs.get(project, id);
    if (stored === null) return;
    for (const event of await jobs.events(id, seen)) {
      yield eventText(event);
      seen = event.seq;
      quietSince = Date.now();
    }
    if (hasEnded(stored.job.status)) return;
    await news;
    if (Date.now() - quietSince >= heartbeatMs) {
      yield ": still here\n\n";
      quietSince = Date.now();
    }
  }
}
