/**
 * News about jobs between processes: who changed a row says so, who waits for one (`?wait=`, server-sent events) is woken.
 *
 * News may be lost (Redis restarts, a process dies), so waiting always ends by itself after a while and the waiter reads
 * the database again: the news saves time, the database is the truth.
 */
import { publish, subscribe } from "./channel.ts";
import type { RedisConnections } from "./connection.ts";

export interface JobChanges extends AsyncDisposable {
  /** Call after every change of a job's row. Never rejects. */
  announce(jobId: string): Promise<void>;
  /** Resolves at the next news about this job, after `milliseconds`, or when the signal aborts; never rejects. Subscribe before reading the row: `const news = changes.next(id, 2_000)`, read, then `await news`. */
  next(jobId: string, milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export function openJobChanges(redis: RedisConnections): JobChanges {
  const waiting = new Map<string, Set<() => void>>();
  const wake = (jobId: string) => {
    for (const resolve of waiting.get(jobId) ?? []) resolve();
  };
  const wakeAll = () => {
    for (const jobId of waiting.keys()) wake(jobId);
  };
  const subscription = subscribe(redis, "changes", { message: wake, connected: wakeAll });

  return {
    announce: async (jobId) => {
      wake(jobId);
      await publish(redis, "changes", jobId);
    },
    next: async (jobId, milliseconds, signal) => {
      if (signal?.aborted === true) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      const waiters = waiting.get(jobId) ?? new Set();
      waiting.set(jobId, waiters.add(resolve));
      const timer = setTimeout(resolve, milliseconds);
      const abort = () => resolve();
      signal?.addEventListener("abort", abort, { once: true });
      await promise;
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      waiters.delete(resolve);
      if (waiters.size === 0 && waiting.get(jobId) === waiters) waiting.delete(jobId);
    },
    [Symbol.asyncDispose]: () => {
      subscription[Symbol.dispose]();
      wakeAll();
      return Promise.resolve();
    },
  };
}
