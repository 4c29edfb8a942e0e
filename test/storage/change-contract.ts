/** What edits, equal cores, cores kept of a group and changes of many jobs promise, whatever database is beneath. Each test gets an empty one. */
import { describe, expect, test } from "vitest";
import { v7 } from "uuid";
import type { Job } from "../../services/contract/job.ts";
import { noOptions } from "../../services/contract/job-options.ts";
import { type BulkChangeStore, createBulkChangeStore, type NewBulkChange } from "../../services/storage/bulk-change-store.ts";
import { sweepBlobs } from "../../services/storage/blob-trash.ts";
import type { Database } from "../../services/storage/database.ts";
import { createGroupStore } from "../../services/storage/group-store.ts";
import { createJobStore } from "../../services/storage/create-job-store.ts";
import type { JobFilters } from "../../services/storage/job-store.ts";
import { createReportStore } from "../../services/storage/report-store.ts";
import { signature } from "./group-contract.ts";
import { newBinary, newCore, newJob, newReport } from "./sample.ts";

const limits = { labels_per_job: 3, label_bytes: 20 };
const error = { code: "debugger_died", stage: "debug", detail: "gdb died", hint: "none" };

export function changeContract(openEmpty: () => Promise<Database>): void {
  async function open(coresPerGroup = 0) {
    const database = await openEmpty();
    const jobs = createJobStore(database, { coresPerGroup });
    const found = async (filters: JobFilters) => (await jobs.list("default", filters, { limit: 200, cursor: null })).items.map(({ id }) => id);
    const job = async (id: string): Promise<Job> => {
      const stored = await jobs.get("default", id);
      if (stored === null) throw new Error("no such job");
      return stored.job;
    };
    return {
      database,
      jobs,
      found,
      job,
      groups: createGroupStore(database),
      reports: createReportStore(database),
      changes: createBulkChangeStore(database, limits),
      group: async (hash: string) => (await createGroupStore(database).get("default", hash))?.group ?? null,
      blob: async (id: string) => (await jobs.get("default", id))?.coreBlob ?? null,
      finish: async (id: string, hash = "a") => {
        const started = await jobs.start(id);
        return jobs.finish(id, started?.run ?? -1, { report: newReport(id, { signature: signature(hash) }), missingBinaries: [] });
      },
      sweep: async () => {
        const removed: string[] = [];
        await sweepBlobs(database, { remove: (key) => Promise.resolve(removed.push(key) > 0) });
        return removed.toSorted();
      },
      [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
    };
  }
  type Open = Awaited<ReturnType<typeof open>>;
  const create = async ({ jobs }: Open, some: Parameters<typeof newJob>[0] = {}) => (await jobs.create(newJob(some))).job;

  describe("an edit of a job", () => {
    test("sets labels, takes others away and leaves the rest, wherever the job is found and counted by them", async () => {
      await using all = await open();
      const { id } = await create(all, { labels: { host: "web1", release: "1.0" } });
      await all.finish(id);
      const edited = await all.jobs.edit("default", id, { labels: { release: "1.1", host: null, night: "2" }, priority: "high" }, null, limits);
      expect(edited).toMatchObject({ revision: 2, job: { labels: { release: "1.1", night: "2" }, priority: "high" } });
      expect(await all.job(id)).toEqual(edited?.job);
      expect([await all.found({ labels: { release: "1.1", night: "2" } }), await all.found({ labels: { host: "web1" } })]).toEqual([[id], []]);
      const counted = await all.jobs.stats("default", {}, { by: ["label.host", "label.release"], interval: null, limit: 10 });
      expect(counted.rows).toMatchObject([{ values: [null, "1.1"], count: 1 }]);
      const facets = (await all.groups.get("default", "a"))?.facets.filter(({ kind }) => kind.startsWith("label."));
      expect(facets?.map(({ kind, value, count }) => `${kind}=${value} ${count}`).toSorted()).toEqual(["label.night=2 1", "label.release=1.1 1"]);
      await all.jobs.delete("default", id);
      expect((await all.groups.get("default", "a"))?.facets).toEqual([]);
    });

    test("that was written for another revision is refused, and of two at once one is", async () => {
      await using all = await open();
      const { id } = await create(all);
      const edit = (value: string) => all.jobs.edit("default", id, { labels: { by: value } }, 1, limits);
      const outcomes = await Promise.allSettled([edit("one"), edit("other")]);
      expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
      expect(outcomes.find(({ status }) => status === "rejected")).toMatchObject({ reason: { code: "precondition_failed" } });
      expect(await all.jobs.get("default", id)).toMatchObject({ revision: 2 });
    });

    test("beyond the limits changes nothing, and another project's job is none", async () => {
      await using all = await open();
      const { id } = await create(all, { labels: { a: "1", b: "2", c: "3" } });
      await expect(all.jobs.edit("default", id, { labels: { d: "4" } }, null, limits)).rejects.toMatchObject({ code: "labels_invalid" });
      await expect(all.jobs.edit("default", id, { labels: { a: "x".repeat(21) } }, null, limits)).rejects.toMatchObject({ code: "labels_invalid" });
      expect(await all.jobs.edit("other", id, { labels: { a: null } }, null, limits)).toBeNull();
      expect(await all.jobs.get("default", id)).toMatchObject({ revision: 1, job: { labels: { a: "1", b: "2", c: "3" } } });
    });
  });

  describe("an equal core", () => {
    const core = newCore("the same");
    const twin = (some: Parameters<typeof newJob>[0] = {}) => newJob({ core, ...some });

    test("names the first job, lies on its bytes, takes its report over and is not counted again", async () => {
      await using all = await open();
      const first = await create(all, twin({ labels: { night: "1" } }));
      await all.finish(first.id);
      const second = await create(all, twin({ labels: { night: "2" } }));
      expect(second).toMatchObject({ duplicate_of: first.id, status: "queued" });
      expect(await all.blob(second.id)).toBe(`cores/${first.id}`);
      expect(await all.sweep()).toEqual([`cores/${second.id}`]);
      expect(await all.jobs.takeOver(second.id, null)).toBe(true);
      expect(await all.job(second.id)).toMatchObject({ status: "succeeded", attempts: 0, signature: { hash: "a" }, labels: { night: "2" } });
      expect(await all.reports.get(second.id)).toMatchObject({ job_id: second.id });
      expect(await all.group("a")).toMatchObject({ count: 1 });
      expect(await all.found({ signature: "a" })).toEqual([second.id, first.id]);
      expect(await all.jobs.takeOver(second.id, null)).toBe(false);
      expect((await create(all, twin({ projectId: "other" }))).duplicate_of).toBeNull();
    });

    test.each([
      ["other options", { options: { ...noOptions, census: true } }],
      ["the option fresh", { options: { ...noOptions, fresh: true } }],
      ["a log", { attachments: [{ filename: "log", size: 1, sha256: "0", blob: "attachments/1" }] }],
      ["a binary that is new", { binaries: [newBinary({ content: "new" })] }],
      ["other binaries found", { missingBinaries: [{ build_id: "abcd", path: "/x", needed_for: "symbols" as const }] }],
    ])("with %s is analysed itself", async (_what, some) => {
      await using all = await open();
      const first = await create(all, twin());
      await all.finish(first.id);
      const second = await create(all, twin(some));
      expect(second.duplicate_of).toBe(first.id);
      expect(await all.jobs.takeOver(second.id, null)).toBe(false);
      await all.finish(second.id, "b");
      expect(await all.job(second.id)).toMatchObject({ status: "succeeded", signature: { hash: "b" } });
      expect(await all.group("b")).toBeNull();
    });

    test("without the log that the first one came with is analysed itself", async () => {
      await using all = await open();
      const first = await create(all, twin({ attachments: [{ filename: "log", size: 1, sha256: "0", blob: "attachments/1" }] }));
      await all.finish(first.id);
      expect(await all.jobs.takeOver((await create(all, twin())).id, null)).toBe(false);
    });

    test("waits for the first one's report, and is analysed when that failed or when it is asked for again", async () => {
      await using all = await open();
      const [first, second] = [await create(all, twin()), await create(all, twin())];
      const run = (await all.jobs.start(second.id))?.run ?? -1;
      expect(await all.jobs.takeOver(second.id, run)).toBe(false);
      await all.jobs.giveBack(second.id, run, { countAttempt: false });
      await all.finish(first.id);
      const again = (await all.jobs.start(second.id))?.run ?? -1;
      expect(await all.jobs.takeOver(second.id, run)).toBe(false);
      expect(await all.jobs.takeOver(second.id, again)).toBe(true);
      await all.jobs.requeue("default", second.id);
      expect(await all.jobs.takeOver(second.id, null)).toBe(false);
    });

    test("sent many times at once has one first job", async () => {
      await using all = await open();
      const made = await Promise.all(Array.from({ length: 8 }, () => create(all, twin())));
      const first = made.filter(({ duplicate_of: of }) => of === null);
      expect(first).toHaveLength(1);
      expect(new Set(made.flatMap(({ duplicate_of: of }) => of ?? []))).toEqual(new Set([first[0]?.id]));
    });

    test("stands in for the first job when that is deleted: bytes, report and count stay", async () => {
      await using all = await open();
      const made: Job[] = [];
      for (let count = 0; count < 3; count += 1) {
        made.push(await create(all, twin()));
        const { id } = made.at(-1) ?? { id: "" };
        if (!(await all.jobs.takeOver(id, null))) await all.finish(id);
      }
      const [first, second, third] = made.map(({ id }) => id);
      await all.sweep();
      await all.jobs.delete("default", first ?? "");
      expect(await all.sweep()).toEqual([]);
      expect(await all.group("a")).toMatchObject({ count: 1 });
      expect([(await all.job(second ?? "")).duplicate_of, (await all.job(third ?? "")).duplicate_of]).toEqual([null, second]);
      await all.jobs.delete("default", second ?? "");
      await all.jobs.delete("default", third ?? "");
      expect(await all.sweep()).toEqual([`cores/${first}`]);
      expect(await all.group("a")).toMatchObject({ count: 0 });
    });

    test("of a job that failed stands in for it as soon as it has a report, and is counted", async () => {
      await using all = await open();
      const [first, second, third] = [await create(all, twin()), await create(all, twin()), await create(all, twin())];
      await all.jobs.fail(first.id, (await all.jobs.start(first.id))?.run ?? -1, error);
      await all.finish(second.id);
      expect(await all.group("a")).toMatchObject({ count: 1 });
      const firsts = async () => [(await all.job(first.id)).duplicate_of, (await all.job(second.id)).duplicate_of, (await all.job(third.id)).duplicate_of];
      expect(await firsts()).toEqual([second.id, null, second.id]);
      expect(await all.jobs.takeOver(third.id, null)).toBe(true);
      await all.jobs.requeue("default", first.id);
      await all.finish(first.id);
      expect(await all.group("a")).toMatchObject({ count: 1 });
      await all.jobs.requeue("default", second.id);
      await all.jobs.fail(second.id, (await all.jobs.start(second.id))?.run ?? -1, error);
      await all.jobs.requeue("default", third.id);
      await all.finish(third.id);
      expect([await all.group("a"), await firsts()]).toMatchObject([{ count: 1 }, [second.id, null, second.id]]);
    });

    test("that is forgotten with the first one leaves the third in its place, counted once", async () => {
      await using all = await open();
      const old = { coreExpiresAt: "2026-01-01T00:00:00.000Z", expiresAt: "2026-01-01T00:00:00.000Z" };
      const [first, second, third] = [await create(all, twin(old)), await create(all, twin(old)), await create(all, twin())];
      for (const { id } of [first, second, third]) await all.finish(id);
      expect(await all.jobs.expire(new Date("2026-06-01T00:00:00Z"))).toMatchObject({ jobs: 2 });
      expect((await all.job(third.id)).duplicate_of).toBeNull();
      expect(await all.group("a")).toMatchObject({ count: 1 });
    });

    test("that comes while the first one is deleted has its bytes, whoever is faster", async () => {
      await using all = await open();
      for (let count = 0; count < 8; count += 1) {
        const same = newCore(v7());
        const first = await create(all, newJob({ core: same }));
        const [second] = await Promise.all([create(all, newJob({ core: same })), all.jobs.delete("default", first.id)]);
        expect(await all.sweep()).not.toContain(await all.blob(second.id));
      }
    });
  });

  describe("of the cores of a group", () => {
    test("only the newest stay, the reports of all do, and the job says why its core is gone", async () => {
      await using all = await open(2);
      const made: string[] = [];
      for (let count = 0; count < 5; count += 1) made.push((await create(all)).id);
      for (const id of made) await all.finish(id);
      const other = await create(all);
      await all.finish(other.id, "b");
      const left = await Promise.all(made.map(all.blob));
      expect(left).toEqual([null, null, null, `cores/${made[3]}`, `cores/${made[4]}`]);
      expect(await all.sweep()).toEqual(made.slice(0, 3).map((id) => `cores/${id}`));
      expect((await Promise.all(made.map(all.job))).map(({ core_gone: gone }) => gone)).toEqual(["surplus", "surplus", "surplus", null, null]);
      expect(await all.reports.get(made[0] ?? "")).not.toBeNull();
      expect(await all.blob(other.id)).not.toBeNull();
      await expect(all.jobs.requeue("default", made[0] ?? "")).rejects.toMatchObject({ code: "core_lost", message: expect.stringContaining("newer ones") });
    });

    test("none goes that waits to be analysed again or is being read, nor bytes that such a job shares", async () => {
      await using all = await open(1);
      const core = newCore("shared");
      const [waits, runs, shared] = [await create(all), await create(all), await create(all, { core })];
      for (const { id } of [waits, runs, shared])
        await all.database.query.updateTable("jobs").set({ signature_hash: "a", status: "succeeded" }).where("id", "=", id).execute();
      const sharing = await create(all, { core });
      await all.jobs.start(sharing.id);
      await all.jobs.requeue("default", waits.id);
      await all.jobs.requeue("default", runs.id);
      await all.jobs.start(runs.id);
      await all.sweep();
      await all.finish((await create(all)).id);
      expect(await all.blob(waits.id)).not.toBeNull();
      expect(await all.blob(runs.id)).not.toBeNull();
      expect(await all.blob(shared.id)).toBeNull();
      expect(await all.sweep()).toEqual([]);
    });

    test("as many stay as are wanted when jobs end and are asked for again at the same time", async () => {
      await using all = await open(3);
      const made: string[] = [];
      for (let count = 0; count < 12; count += 1) made.push((await create(all)).id);
      await Promise.all(
        made.map(async (id, index) => {
          await all.finish(id);
          if (index % 4 === 0) await all.jobs.requeue("default", id).catch(() => undefined);
        }),
      );
      const rows = await Promise.all(made.map((id) => all.jobs.get("default", id)));
      const trash = new Set(await all.sweep());
      for (const row of rows) expect(trash.has(`cores/${row?.job.id}`)).toBe(row?.coreBlob === null);
      expect(rows.filter((row) => row?.job.status === "queued" && row.coreBlob === null)).toEqual([]);
      const ended = rows.filter((row) => row?.job.status === "succeeded" && row.coreBlob !== null);
      expect(ended.length).toBeLessThanOrEqual(3);
    });
  });

  describe("a change of many jobs", () => {
    const change = (some: Partial<NewBulkChange>): NewBulkChange => ({
      action: "label",
      dryRun: false,
      filters: { labels: { night: "1" } },
      query: { "label.night": "1" },
      labels: { seen: "yes" },
      options: null,
      expiresAt: "2100-01-01T00:00:00.000Z",
      ...some,
    });
    async function run(changes: BulkChangeStore, meanwhile: () => Promise<unknown> = () => Promise.resolve()) {
      let claimed = await changes.claim(30);
      const told = { queued: 0, deleted: 0, steps: 0 };
      while (claimed !== null) {
        const taken = await changes.step(claimed, 30);
        if (taken === null) break;
        told.queued += taken.step.queued.length;
        told.deleted += taken.step.deleted.length;
        told.steps += 1;
        await meanwhile();
        claimed = taken.step.ended ? null : taken.claimed;
      }
      return told;
    }

    test("touches every job that was there, once, however the filters change under it, and none that came later", async () => {
      await using all = await open();
      const made: string[] = [];
      for (let count = 0; count < 60; count += 1) made.unshift((await create(all, { labels: { night: "1" } })).id);
      const { id, total } = await all.changes.create("default", change({ labels: { night: "2" } }));
      expect(total).toBe(60);
      const { steps } = await run(all.changes, () => create(all, { labels: { night: "1" } }));
      expect(steps).toBe(4);
      expect(await all.changes.get("default", id)).toMatchObject({ state: "complete", seen: 60, changed: 60, skipped: {}, finished_at: expect.any(String) });
      expect(await all.found({ labels: { night: "2" } })).toEqual(made);
      expect(await all.found({ labels: { night: "1" } })).toHaveLength(4);
      expect(await all.changes.get("other", id)).toBeNull();
    });

    test("that only tells changes nothing, and counts and shows what would become of the jobs", async () => {
      await using all = await open();
      const [ended, lost, running, cancelled] = [await create(all), await create(all), await create(all), await create(all)];
      for (const { id } of [ended, lost]) await all.finish(id);
      await all.database.query.updateTable("jobs").set({ core_blob: null }).where("id", "=", lost.id).execute();
      await all.jobs.start(running.id);
      await all.jobs.cancel("default", cancelled.id);
      const before = await Promise.all([ended, lost, running, cancelled].map(({ id }) => all.jobs.get("default", id)));
      const filters = { since: "2020-01-01T00:00:00Z" };
      const dry = await all.changes.create("default", change({ action: "reanalyze", labels: null, dryRun: true, filters }));
      expect(await run(all.changes)).toMatchObject({ queued: 0, deleted: 0 });
      const skipped = { core_lost: 1, job_running: 1, job_cancelled: 1 };
      expect(await all.changes.get("default", dry.id)).toMatchObject({
        changed: 1,
        skipped,
        sample: [
          { job_id: cancelled.id, skipped: "job_cancelled" },
          { job_id: running.id, skipped: "job_running", status: "running" },
          { job_id: lost.id, skipped: "core_lost" },
          { job_id: ended.id, skipped: null, signature: { hash: "a" } },
        ],
      });
      expect(await Promise.all([ended, lost, running, cancelled].map(({ id }) => all.jobs.get("default", id)))).toEqual(before);
      const real = await all.changes.create("default", change({ action: "reanalyze", labels: null, filters, options: { ...noOptions, census: true } }));
      expect(await run(all.changes)).toMatchObject({ queued: 1 });
      expect(await all.changes.get("default", real.id)).toMatchObject({ changed: 1, skipped });
      expect(await all.job(ended.id)).toMatchObject({ status: "queued", priority: "low", options: { census: true } });
    });

    test("deletes, and counts what others deleted meanwhile or what may not be labelled so as left alone", async () => {
      await using all = await open();
      const made: string[] = [];
      for (let count = 0; count < 30; count += 1) made.push((await create(all, { labels: { night: "1", a: "1", ...(count < 5 ? { b: "1" } : {}) } })).id);
      const labelled = await all.changes.create("default", change({ labels: { night: "1", c: "1" } }));
      await run(all.changes);
      expect(await all.changes.get("default", labelled.id)).toMatchObject({ changed: 25, skipped: { labels_invalid: 5 } });
      const again = await all.changes.create("default", change({ filters: { labels: { c: "1" } }, labels: { c: "1" } }));
      await run(all.changes);
      expect(await all.changes.get("default", again.id)).toMatchObject({ changed: 0, skipped: { unchanged: 25 } });
      const gone = await all.changes.create("default", change({ action: "delete", labels: null }));
      await all.jobs.delete("default", made[0] ?? "");
      expect(await run(all.changes)).toMatchObject({ deleted: 29 });
      expect(await all.changes.get("default", gone.id)).toMatchObject({ total: 30, seen: 29, changed: 29 });
      expect(await all.found({})).toEqual([]);
      expect(await all.sweep()).toHaveLength(30);
    });

    test("is worked on by one at a time, and taken up where it was when that one died", async () => {
      await using all = await open();
      for (let count = 0; count < 40; count += 1) await create(all, { labels: { night: "1" } });
      const { id } = await all.changes.create("default", change({}));
      const first = await all.changes.claim(30);
      if (first === null) throw new Error("nothing to claim");
      expect(await all.changes.claim(30)).toBeNull();
      const raced = await Promise.all([all.changes.step(first, -1), all.changes.step(first, -1)]);
      expect(raced.filter((each) => each === null)).toHaveLength(1);
      expect(await all.changes.get("default", id)).toMatchObject({ state: "running", seen: 25, changed: 25 });
      await run(all.changes);
      expect(await all.changes.get("default", id)).toMatchObject({ state: "complete", seen: 40, changed: 40 });
      expect(await all.changes.claim(30)).toBeNull();
    });

    test("that is cancelled while a step of it is made is as that left it, whoever is faster", async () => {
      await using all = await open();
      for (let count = 0; count < 60; count += 1) await create(all, { labels: { night: "1" } });
      const { id } = await all.changes.create("default", change({}));
      const claimed = await all.changes.claim(30);
      if (claimed === null) throw new Error("nothing to claim");
      const [taken, cancelled] = await Promise.all([all.changes.step(claimed, 30), all.changes.cancel("default", id)]);
      const labelled = (await all.found({ labels: { seen: "yes" } })).length;
      expect(cancelled).toMatchObject({ state: "cancelled", changed: labelled });
      expect(labelled).toBe(taken === null ? 0 : 25);
      expect(await all.changes.step(taken?.claimed ?? claimed, 30)).toBeNull();
      expect(await all.changes.cancel("other", id)).toBeNull();
      expect((await all.changes.list("other", { state: null, limit: 10, cursor: null })).items).toEqual([]);
    });

    test("that broke off says why, and is not taken up again", async () => {
      await using all = await open();
      const { id } = await all.changes.create("default", change({}));
      const claimed = await all.changes.claim(-1);
      if (claimed === null) throw new Error("nothing to claim");
      await all.changes.fail(claimed, error);
      expect(await all.changes.get("default", id)).toMatchObject({ state: "failed", error });
      expect(await all.changes.claim(30)).toBeNull();
    });
  });
}
