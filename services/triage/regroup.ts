/** The background job that brings stored reports under the rules in force, a few at a time, until all are. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "../log/logger.ts";
import type { Database } from "../storage/database.ts";
import { regroupNext } from "../storage/regrouping.ts";
import { signatureOf, signatureVersion } from "./signature.ts";

export interface RegroupingParts {
  readonly database: Database;
  readonly log: Pick<Logger, "info" | "warn">;
  /** Between two batches: others want the database too. */
  readonly pauseMilliseconds?: number;
}

const retryMilliseconds = 30_000;

/** Runs until all is done or it is disposed; a batch that fails is tried again. */
export function startRegrouping({ database, log, pauseMilliseconds = 50 }: RegroupingParts): AsyncDisposable {
  const stop = new AbortController();
  const pause = (milliseconds: number) => sleep(milliseconds, undefined, { signal: stop.signal, ref: false }).catch(() => undefined);
  async function run(): Promise<void> {
    let changed = 0;
    while (!stop.signal.aborted) {
      try {
        const batch = await regroupNext(database, signatureVersion, signatureOf);
        changed += batch.changed;
        if (batch.done) {
          if (changed > 0) log.info({ jobs: changed, version: signatureVersion }, "regrouped");
          return;
        }
        await pause(pauseMilliseconds);
      } catch (error) {
        log.warn({ err: error }, "regrouping_failed");
        await pause(retryMilliseconds);
      }
    }
  }
  const running = run();
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
    },
  };
}
