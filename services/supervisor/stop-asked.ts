/** How the processes learn that they shall end, and that they do end. */
import type { Logger } from "../log/logger.ts";

/** The supervisor kills after 20 s, container engines after 10 unless told otherwise. */
const limitMs = 18_000;

/**
 * Aborted by SIGTERM, SIGINT, SIGHUP, or when the process that watches this one is gone; the reason is the signal's name or `disconnect`.
 *
 * A process that has not ended `limit` ms later, as one whose Redis went first waits for an answer, ends with status 1: what it had not given
 * back by then is found by the recovery of its queue.
 */
export function stopAsked(log: Logger, limit = limitMs): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => stop.abort(signal));
  process.on("disconnect", () => stop.abort("disconnect"));
  stop.signal.addEventListener(
    "abort",
    () => {
      const overdue = () => {
        log.error({ seconds: limit / 1_000 }, "stop_overdue");
        process.exit(1);
      };
      setTimeout(overdue, limit).unref();
    },
    { once: true },
  );
  return stop.signal;
}
