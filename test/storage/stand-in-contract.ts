/** Who counts the crash of equal cores when the first job goes or fails, and what becomes of uploads that are asked for as they expire; whatever database is beneath. */
import { describe, expect, test } from "vitest";
import type { Job } from "../../services/contract/job.ts";
import type { Database } from "../../services/storage/database.ts";
import { createDeliveryStore } from "../../services/storage/delivery-store.ts";
import { createGroupStore } from "../../services/storage/group-store.ts";
import { createJobStore } from "../../services/storage/create-job-store.ts";
import { mendDuplicates } from "../../services/storage/mend-duplicates.ts";
import { createWebhookStore } from "../../services/storage/webhook-store.ts";
import { signature } from "./group-contract.ts";
import { newCore, newJob, newReport } from "./sample.ts";

const error = { code: "debugger_died", stage: "debug", detail: "gdb died", hint: "none" };
const never = new AbortController().signal;

export function standInContract(openEmpty: () => Promise<Database>): void {
  async function open() {
    const database = await openEmpty();
    const jobs = createJobStore(database);
    const groups = createGroupStore(database);
    const job = async (id: string): Promise<Job> => {
      const stored = await jobs.get("default", id);
      if (stored === null) throw new Error("no such job");
      return stored.job;
    };
    return {
      database,
      jobs,
      job,
      count: async (hash = "a") => (await groups.get("default", hash))?.group.count ?? null,
      firsts: (made: readonly Job[]) => Promise.all(made.map(async ({ id }) => (await job(id)).duplicate_of)),
      twins: async (count: number) => {
        const core = newCore("the same");
        const made: Job[] = [];
        while (made.length < count) made.push((await jobs.create(newJob({ core }))).job);
        return made;
      },
      finish: async ({ id }: Job, hash = "a") => {
        const started = await jobs.start(id);
        await jobs.finish(id, started?.run ?? -1, { report: newReport(id, { signature: signature(hash) }), missingBinaries: [] });
      },
      fail: async ({ id }: Job) => jobs.fail(id, (await jobs.start(id))?.run ?? -1, error),
      [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
    };
  }

  describe("a duplicate that has its report", () => {
    test("counts the crash once the first job has failed, and its group is told as new", async () => {
      await using all = await open();
      const webhooks = createWebhookStore(all.database);
      const { webhook } = await webhooks.create("default", {
        url: "https://example.org/",
        events: ["group.new", "job.ended"],
        description: null,
        active: true,
        growing: { factor: 2, at_least: 2 },
      });
      const made = await all.twins(3);
      const [first, second, third] = made;
      if (first === undefined || second === undefined || third === undefined) throw new Error("three were made");
      await all.finish(second);
      await all.finish(third);
      expect(await all.count()).toBeNull();
      expect(await all.fail(first)).toBe(true);
      expect([await all.count(), await all.firsts(made)]).toEqual([1, [second.id, null, second.id]]);
      const { items } = await createDeliveryStore(all.database).list(webhook.id, { status: null, limit: 50, cursor: null });
      expect(items.map(({ event }) => event).toSorted()).toEqual(["group.new", "job.ended", "job.ended", "job.ended"]);
      await all.jobs.requeue("default", first.id);
      await all.finish(first);
      expect(await all.count()).toBe(1);
    });

    test("counts it as well when the queue gave the first job up", async () => {
      await using all = await open();
      const [first, second] = await all.twins(2);
      if (first === undefined || second === undefined) throw new Error("two were made");
      await all.finish(second);
      expect(await all.jobs.abandon(first.id, error)).toBe(true);
      expect([await all.count(), (await all.job(second.id)).duplicate_of]).toEqual([1, null]);
    });

    test.each(["cancelled", "deleted"])("counts it when the first job is %s before it had one", async (how) => {
      await using all = await open();
      const [first, second, third] = await all.twins(3);
      if (first === undefined || second === undefined || third === undefined) throw new Error("three were made");
      await all.finish(second, "b");
      await (how === "deleted" ? all.jobs.delete("default", first.id) : all.jobs.cancel("default", first.id));
      expect(await all.count("b")).toBe(1);
      expect(await all.firsts([second, third])).toEqual([null, second.id]);
      await all.jobs.delete("default", second.id);
      expect(await all.count("b")).toBe(0);
    });

    test("of a first job that fails and one that ends at the same time, one is counted", async () => {
      await using all = await open();
      for (let turn = 1; turn <= 8; turn += 1) {
        const core = newCore(`turn ${turn}`);
        const [first, second] = [(await all.jobs.create(newJob({ core }))).job, (await all.jobs.create(newJob({ core }))).job];
        await Promise.all([all.fail(first), all.finish(second)]);
        expect(await all.count()).toBe(turn);
      }
    });
  });

  describe("what earlier versions left of equal cores", () => {
    test("duplicates of a job that is gone, or that failed without being counted, are mended, once", async () => {
      await using all = await open();
      const gone = await all.twins(3);
      const other = newCore("another");
      const failed: Job[] = [];
      for (let count = 0; count < 2; count += 1) failed.push((await all.jobs.create(newJob({ core: other }))).job);
      for (const each of [...gone.slice(1), ...failed.slice(1)]) await all.finish(each);
      const [first] = gone;
      const [broken, counted] = failed;
      if (first === undefined || broken === undefined || counted === undefined) throw new Error("they were made");
      await all.database.query.deleteFrom("jobs").where("id", "=", first.id).execute();
      await all.database.query.updateTable("jobs").set({ status: "failed" }).where("id", "=", broken.id).execute();
      expect(await all.count()).toBeNull();
      await mendDuplicates(all.database, never);
      expect(await all.count()).toBe(2);
      expect(await all.firsts(gone.slice(1))).toEqual([null, gone[1]?.id]);
      expect(await all.firsts(failed)).toEqual([counted.id, null]);
      expect(await mendDuplicates(all.database, never)).toBe(0);
    });
  });

  describe("uploads whose time is up", () => {
    const old = { coreExpiresAt: "2026-01-01T00:00:00.000Z" };

    test("go once, those of jobs of logs alone too, however many there are", async () => {
      await using all = await open();
      const log = (index: number) => ({ filename: "log", size: 1, sha256: "0", blob: `attachments/${index}` });
      for (let index = 0; index < 200; index += 1) {
        const { job } = await all.jobs.create(newJob({ ...old, core: null, coreBlob: null, attachments: [log(index)] }));
        await all.jobs.abandon(job.id, error);
      }
      expect(await all.jobs.expire(new Date("2026-06-01T00:00:00Z"))).toMatchObject({ cores: 200 });
      expect(await all.jobs.expire(new Date("2026-06-01T00:00:00Z"))).toMatchObject({ cores: 0 });
    });

    test("stay while their job waits to be analysed again", async () => {
      await using all = await open();
      const { job } = await all.jobs.create(newJob(old));
      await all.finish(job);
      await Promise.all([all.jobs.expire(new Date("2026-06-01T00:00:00Z")), all.jobs.requeue("default", job.id).catch(() => null)]);
      const stored = await all.jobs.get("default", job.id);
      expect(stored?.job.status === "queued").toBe(stored?.coreBlob !== null);
    });
  });
}
