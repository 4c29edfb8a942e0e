import { expect, test } from "vitest";
import { startBulkChanges } from "../../services/api/bulk-change-rounds.ts";
import { Failure } from "../../services/contract/failure.ts";
import { type BulkChangeStore, createBulkChangeStore } from "../../services/storage/bulk-change-store.ts";
import { openDatabase } from "../../services/storage/database.ts";
import { createJobStore } from "../../services/storage/create-job-store.ts";
import { newJob } from "../storage/sample.ts";

async function open() {
  const database = await openDatabase("sqlite::memory:");
  const store = createBulkChangeStore(database, { labels_per_job: 3, label_bytes: 20 });
  const jobs = createJobStore(database);
  return {
    jobs,
    store,
    label: (projectId: string) =>
      store.create(projectId, {
        action: "label",
        dryRun: false,
        filters: {},
        query: {},
        labels: { seen: "yes" },
        options: null,
        expiresAt: "2100-01-01T00:00:00.000Z",
      }),
    /** The ids in the order in which they ended. */
    work: async (count: number, step: BulkChangeStore["step"] = (claimed, lease) => store.step(claimed, lease)): Promise<unknown[]> => {
      const { promise, resolve } = Promise.withResolvers<unknown[]>();
      const ended: unknown[] = [];
      const note = (...[fields, event]: unknown[]) => {
        if (typeof fields !== "object" || fields === null) return;
        if (event === "jobs_changed" || event === "bulk_change_failed") ended.push(Reflect.get(fields, "change_id"));
        if (ended.length === count) resolve(ended);
      };
      await using rounds = startBulkChanges({
        bulkChanges: { ...store, step },
        queue: { add: async () => "added", cancel: async () => undefined },
        changes: { announce: async () => undefined },
        sweepBlobs: async () => undefined,
        log: { info: note, warn: note },
        turnMilliseconds: 0,
      });
      rounds.nudge();
      return await promise;
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

test("a long change does not hold up another project's", async () => {
  await using all = await open();
  for (let count = 0; count < 60; count += 1) await all.jobs.create(newJob());
  await all.jobs.create(newJob({ projectId: "other" }));
  const [long, short] = [await all.label("default"), await all.label("other")];
  expect(await all.work(2)).toEqual([short.id, long.id]);
  expect(await all.store.get("default", long.id)).toMatchObject({ state: "complete", changed: 60 });
});

test("one that is cancelled while it is worked on ends after the step that is under way", async () => {
  await using all = await open();
  for (let count = 0; count < 60; count += 1) await all.jobs.create(newJob());
  const [stopped, next] = [await all.label("default"), await all.label("other")];
  const step: BulkChangeStore["step"] = async (claimed, lease) => {
    const taken = await all.store.step(claimed, lease);
    if (claimed.id === stopped.id) await all.store.cancel("default", stopped.id);
    return taken;
  };
  expect(await all.work(1, step)).toEqual([next.id]);
  expect(await all.store.get("default", stopped.id)).toMatchObject({ state: "cancelled", seen: 25, changed: 25, total: 60 });
  expect((await all.jobs.list("default", { labels: { seen: "yes" } }, { limit: 100, cursor: null })).items).toHaveLength(25);
});

test("a step that met another transaction is done again", async () => {
  await using all = await open();
  await all.jobs.create(newJob());
  const { id } = await all.label("default");
  let met = 0;
  const step: BulkChangeStore["step"] = (claimed, lease) => {
    met += 1;
    if (met === 1) throw new Failure("database_unavailable", "a deadlock", { retryAfter: 1 });
    return all.store.step(claimed, lease);
  };
  expect(await all.work(1, step)).toEqual([id]);
  expect(await all.store.get("default", id)).toMatchObject({ state: "complete", changed: 1 });
});
