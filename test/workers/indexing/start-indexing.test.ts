/** When indexes are made: while no job runs, each once, whatever becomes of one. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import type { BinaryIndexes, IndexClaim, IndexOutcome } from "../../../services/storage/binary-indexes.ts";
import { type Indexing, startIndexing } from "../../../workers/indexing/start-indexing.ts";

const claim = (name: string): IndexClaim => ({ projectId: "default", sha256: name, buildId: name, blob: name, supplement: null, since: "" });

function house(names: readonly string[], make: (claim: IndexClaim, signal: AbortSignal) => Promise<IndexOutcome>) {
  const waiting = names.map(claim);
  const settled: [string, string][] = [];
  const indexes: BinaryIndexes = {
    claim: () => Promise.resolve(waiting.shift() ?? null),
    settle: (of, outcome) => {
      settled.push([of.sha256, outcome.state]);
      if (outcome.state === "back") waiting.push(of);
      return Promise.resolve();
    },
    releaseStale: () => Promise.resolve(),
  };
  const warnings: unknown[] = [];
  const log = { info: () => undefined, warn: (fields: unknown) => void warnings.push(fields) };
  const start = (): Indexing => startIndexing({ indexes, make, log, quietMs: 1, idleMs: 5, leastSize: 0, staleSeconds: 60 });
  return { start, settled, warnings };
}

const done = (): Promise<IndexOutcome> => Promise.resolve({ state: "none" });

test("makes one after the other while no job runs", async () => {
  const { start, settled } = house(["a", "b"], done);
  await using _indexing = start();
  await vi.waitFor(() =>
    expect(settled).toEqual([
      ["a", "none"],
      ["b", "none"],
    ]),
  );
});

test("a job ends what is being made; it is made when the job is over", async () => {
  const begun: string[] = [];
  const { start, settled } = house(["a"], async ({ sha256 }, signal) => {
    begun.push(sha256);
    if (begun.length > 1) return { state: "none" };
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    return { state: "back" };
  });
  await using indexing = start();
  await vi.waitFor(() => expect(begun).toEqual(["a"]));
  {
    using _job = indexing.pause();
    await vi.waitFor(() => expect(settled).toEqual([["a", "back"]]));
    await sleep(120);
    expect(begun).toEqual(["a"]);
  }
  await vi.waitFor(() =>
    expect(settled).toEqual([
      ["a", "back"],
      ["a", "none"],
    ]),
  );
});

test("a fault of the machine gives the file back, is logged, and the rest goes on", async () => {
  const { start, settled, warnings } = house(["a", "b"], ({ sha256 }) => (sha256 === "a" && settled.length === 0 ? Promise.reject(new Error("disk")) : done()));
  await using _indexing = start();
  await vi.waitFor(() =>
    expect(settled).toEqual([
      ["a", "back"],
      ["b", "none"],
      ["a", "none"],
    ]),
  );
  expect(warnings).toHaveLength(1);
});

test("ends at once when it is told to, with what it was making given back", async () => {
  const { start, settled } = house(["a"], async (_, signal) => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    return { state: "back" };
  });
  const indexing = start();
  await sleep(80);
  await indexing[Symbol.asyncDispose]();
  expect(settled).toEqual([["a", "back"]]);
});
