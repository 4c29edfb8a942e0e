/** What nobody asks for: cores, reports and rows whose time is up, and bytes that no row names any more. */
import type { Logger } from "../log/logger.ts";
import { sweepBlobs } from "../storage/blob-trash.ts";
import type { BlobStore } from "../storage/blob-store.ts";
import type { Database } from "../storage/database.ts";
import { indexEarlier } from "../storage/search/index-earlier.ts";
import type { JobStore } from "../storage/job-store.ts";

export interface HousekeepingParts {
  readonly database: Database;
  readonly jobs: Pick<JobStore, "expire">;
  readonly blobs: Pick<BlobStore, "remove">;
  readonly uploads: { deleteExpired(): Promise<number> };
  readonly log: Pick<Logger, "info" | "warn">;
  readonly everyMilliseconds?: number;
}

/** Rounds from now until disposed; a round that fails is logged, and the next one comes all the same. */
export function startHousekeeping({ database, jobs, blobs, uploads, log, everyMilliseconds = 10 * 60_000 }: HousekeepingParts): AsyncDisposable {
  const stop = new AbortController();
  async function round(): Promise<void> {
    try {
      const indexed = await indexEarlier(database, stop.signal);
      if (indexed > 0) log.info({ jobs: indexed }, "earlier_jobs_indexed");
      const expired = await jobs.expire(new Date());
      const removed = await sweepBlobs(database, blobs);
      const abandoned = await uploads.deleteExpired();
      if (expired.cores + expired.reports + expired.jobs + removed + abandoned > 0) log.info({ ...expired, blobs: removed, uploads: abandoned }, "expired");
    } catch (error) {
      log.warn({ err: error }, "housekeeping_failed");
    }
  }
  let current = round();
  const timer = setInterval(() => {
    current = current.then(round);
  }, everyMilliseconds);
  return {
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      stop.abort();
      await current;
    },
  };
}
