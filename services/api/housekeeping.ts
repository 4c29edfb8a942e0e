/** What nobody asks for: cores, reports and rows whose time is up, and bytes that no row names any more. */
import type { Logger } from "../log/logger.ts";
import { sweepBlobs } from "../storage/blob-trash.ts";
import type { BlobStore } from "../storage/blob-store.ts";
import type { Database } from "../storage/database.ts";
import type { DeliveryStore } from "../storage/delivery-store.ts";
import { indexEarlier } from "../storage/search/index-earlier.ts";
import type { JobStore } from "../storage/job-store.ts";
import { mendDuplicates } from "../storage/mend-duplicates.ts";

export interface HousekeepingParts {
  readonly database: Database;
  readonly jobs: Pick<JobStore, "expire">;
  readonly blobs: Pick<BlobStore, "remove" | "sweepPartials">;
  readonly uploads: { deleteExpired(): Promise<number> };
  readonly deliveries: Pick<DeliveryStore, "expire">;
  /** How long deliveries that ended are kept. */
  readonly deliverySeconds: number;
  readonly log: Pick<Logger, "info" | "warn">;
  readonly everyMilliseconds?: number;
}

/** Rounds from now until disposed; a round that fails is logged, and the next one comes all the same. */
export function startHousekeeping({
  database,
  jobs,
  blobs,
  uploads,
  deliveries,
  deliverySeconds,
  log,
  everyMilliseconds = 10 * 60_000,
}: HousekeepingParts): AsyncDisposable {
  const stop = new AbortController();
  let mended = false;
  async function round(): Promise<void> {
    try {
      const indexed = await indexEarlier(database, stop.signal);
      if (indexed > 0) log.info({ jobs: indexed }, "earlier_jobs_indexed");
      if (!mended) await mendDuplicates(database, stop.signal);
      mended = true;
      const expired = await jobs.expire(new Date());
      const removed = await sweepBlobs(database, blobs);
      const partials = await blobs.sweepPartials();
      const abandoned = await uploads.deleteExpired();
      const told = await deliveries.expire(new Date(Date.now() - deliverySeconds * 1_000));
      const gone = { ...expired, blobs: removed, partials, uploads: abandoned, deliveries: told };
      if (Object.values(gone).some((count) => count > 0)) log.info(gone, "expired");
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
