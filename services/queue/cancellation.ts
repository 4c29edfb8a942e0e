/**
 * How a worker hears that a job it runs is no longer wanted: at once over Redis, and from the database every few seconds
 * in case the message was lost. The row was changed before, so nothing the worker still writes would be kept anyway.
 */
import type { JobStore } from "../storage/job-store.ts";
import { subscribe } from "./channel.ts";
import type { RedisConnections } from "./connection.ts";

export interface CancellationOptions {
  readonly jobs: Pick<JobStore, "stopped">;
  /** The ids that this worker has in hand. */
  running(): readonly string[];
  cancel(jobId: string): void;
  readonly pollMilliseconds?: number;
}

export function listenForCancellations(redis: RedisConnections, options: CancellationOptions): Disposable {
  const check = () => {
    const ids = options.running();
    if (ids.length === 0) return;
    options.jobs.stopped(ids).then(
      (stopped) => {
        for (const id of stopped) options.cancel(id);
      },
      () => undefined, // The database is away; the next round asks again.
    );
  };
  const subscription = subscribe(redis, "cancellations", {
    message: (jobId) => {
      if (options.running().includes(jobId)) options.cancel(jobId);
    },
    connected: check,
  });
  const timer = setInterval(check, options.pollMilliseconds ?? 5_000);
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
      subscription[Symbol.dispose]();
    },
  };
}
