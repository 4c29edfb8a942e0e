/**
 * Makes the indexes that are wanted while this worker has nothing else to do. A job that comes ends the making at once and goes
 * first; the file is taken up again later.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "../../services/log/logger.ts";
import type { BinaryIndexes, IndexClaim, IndexOutcome } from "../../services/storage/binary-indexes.ts";

export interface IndexingParts {
  readonly indexes: BinaryIndexes;
  readonly make: (claim: IndexClaim, signal: AbortSignal) => Promise<IndexOutcome>;
  readonly log: Pick<Logger, "info" | "warn">;
  /** After a job, before an index is begun: the next job may be on its way. */
  readonly quietMs: number;
  /** Between looks for work when there was none. */
  readonly idleMs: number;
  /** Of a file: below it gdb is as quick without. */
  readonly leastSize: number;
  /** After which a claim belongs to a dead worker. */
  readonly staleSeconds: number;
}

export interface Indexing extends AsyncDisposable {
  /** Until it is disposed of nothing is indexed. */
  pause(): Disposable;
}

export function startIndexing(parts: IndexingParts): Indexing {
  const { indexes, make, log } = parts;
  const stop = new AbortController();
  let jobs = 0;
  let quietSince = performance.now();
  let making: AbortController | null = null;

  const one = async (): Promise<boolean> => {
    const claim = await indexes.claim(parts.leastSize);
    if (claim === null) return false;
    making = new AbortController();
    if (jobs > 0 || stop.signal.aborted) making.abort();
    const started = performance.now();
    let outcome: IndexOutcome = { state: "back" };
    try {
      if (!making.signal.aborted) outcome = await make(claim, making.signal);
    } finally {
      making = null;
      await indexes.settle(claim, outcome);
    }
    if (outcome.state !== "back") log.info({ build_id: claim.buildId, ...outcome, duration_ms: Math.round(performance.now() - started) }, "binary_indexed");
    return true;
  };
  const pauseFor = (milliseconds: number) => sleep(milliseconds, undefined, { signal: stop.signal, ref: false }).catch(() => undefined);
  const running = (async () => {
    while (!stop.signal.aborted) {
      const quiet = jobs === 0 ? performance.now() - quietSince : 0;
      if (quiet < parts.quietMs) {
        await pauseFor(Math.max(50, parts.quietMs - quiet));
        continue;
      }
      try {
        await indexes.releaseStale(parts.staleSeconds);
        if (!(await one())) await pauseFor(parts.idleMs);
      } catch (error) {
        log.warn({ err: error }, "indexing_interrupted");
        await pauseFor(parts.idleMs);
      }
    }
  })();

  return {
    pause: () => {
      jobs += 1;
      making?.abort();
      return {
        [Symbol.dispose]: () => {
          jobs -= 1;
          quietSince = performance.now();
        },
      };
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      making?.abort();
      await running;
    },
  };
}
