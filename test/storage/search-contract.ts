/** What search and counts promise, whatever database is beneath: held against a model that looks at every job. */
import { v7 } from "uuid";
import { describe, expect, test } from "vitest";
import type { Database } from "../../services/storage/database.ts";
import { indexEarlier } from "../../services/storage/search/index-earlier.ts";
import { countJobsByStatus } from "../../services/storage/job-counts.ts";
import { createGroupStore } from "../../services/storage/group-store.ts";
import { createJobStore } from "../../services/storage/create-job-store.ts";
import type { JobFilters, JobStore } from "../../services/storage/job-store.ts";
import { newCore, newJob, newReport, pythonFrame, thread } from "./sample.ts";

interface Model {
  readonly id: string;
  readonly status: string;
  readonly executable: string;
  readonly release: string | null;
  readonly signature: string | null;
  readonly functions: readonly string[];
  readonly diagnosis: string | null;
  readonly time: number;
}

const start = Date.UTC(2026, 10, 1);
const releases = ["1.0", "1.1", null];
const executables = ["python3.11", "uwsgi"];
const all = { limit: 1_000, cursor: null };

async function allOf(jobs: JobStore, filter: JobFilters): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of jobs.iterate("default", filter)) ids.push(id);
  return ids;
}

export function searchContract(openEmpty: () => Promise<Database>): void {
  async function filled() {
    const database = await openEmpty();
    const jobs = createJobStore(database);
    const models: Model[] = [];
    for (let at = 0; at < 60; at += 1) {
      // Some of the jobs come later than they were sent.
      const time = start + at * 5 * 3_600_000 - (at % 7 === 0 ? 40 * 3_600_000 : 0);
      const id = v7({ msecs: time });
      const [executable = "", release = null] = [executables[at % 2], releases[at % 3]];
      await jobs.create(
        newJob({
          id,
          labels: release === null ? {} : { release, host: `web${at}` },
          core: { ...newCore(), executable_name: executable, signal: 6 + (at % 2) },
        }),
      );
      const functions = [`f${at % 5}`, `Common.handle_${at % 4}`];
      const signature = at % 11 === 0 ? null : `sig${at % 6}`;
      const diagnosis = at % 4 === 0 ? null : `d${at % 3}`;
      if (at % 10 === 9) {
        models.push({ id, status: "queued", executable, release, signature: null, functions: [], diagnosis: null, time });
        continue;
      }
      const run = (await jobs.start(id))?.run ?? 0;
      const sample = newReport(id);
      const frames = functions.map((name) => pythonFrame({ function: name, locals: [{ name: `local${at % 2}`, type: null, repr: "1", truncated: false }] }));
      const report = newReport(id, {
        process: { ...sample.process, executable: `/usr/bin/${executable}`, signal: null },
        threads: [thread({ frames, python_frames: frames })],
        diagnoses: diagnosis === null ? [] : sample.diagnoses.map((each) => ({ ...each, code: diagnosis })),
        signature: signature === null || sample.signature === null ? null : { ...sample.signature, hash: signature, broad_hash: signature },
      });
      await jobs.finish(id, run, { report, missingBinaries: [] });
      models.push({ id, status: "succeeded", executable, release, signature, functions, diagnosis, time });
    }
    return { database, jobs, models, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
  }

  const filters: readonly (readonly [JobFilters, (model: Model) => boolean])[] = [
    [{ status: "succeeded", executable: "uwsgi" }, (model) => model.status === "succeeded" && model.executable === "uwsgi"],
    [{ labels: { release: "1.1" }, signature: "sig2" }, (model) => model.release === "1.1" && model.signature === "sig2"],
    [{ function: "f3", diagnosis: "d1", signal: 7 }, (model) => model.functions.includes("f3") && model.diagnosis === "d1" && model.executable === "uwsgi"],
    [{ q: "handle_2 local0" }, (model) => model.functions.includes("Common.handle_2") && model.executable === "python3.11"],
    [{ q: "comm*", labels: { release: "1.0" } }, (model) => model.functions.length > 0 && model.release === "1.0"],
    [
      { status: "queued", since: new Date(start + 50 * 3_600_000).toISOString(), until: new Date(start + 245 * 3_600_000).toISOString() },
      (model) => model.status === "queued" && model.time >= start + 50 * 3_600_000 && model.time < start + 245 * 3_600_000,
    ],
    [{ executable: "uwsgi", status: "failed" }, () => false],
  ];

  describe("search", () => {
    test("finds with every combination of filters what looking at every job finds, newest first, page by page", async () => {
      await using some = await filled();
      for (const [filter, holds] of filters) {
        const wanted = some.models
          .filter(holds)
          .map(({ id }) => id)
          .toSorted()
          .toReversed();
        const seen: string[] = [];
        for (let cursor: string | null = null; ; ) {
          const page = await some.jobs.list("default", filter, { limit: 3, cursor });
          seen.push(...page.items.map(({ id }) => id));
          cursor = page.nextCursor;
          if (cursor === null) break;
        }
        expect({ filter, seen }).toEqual({ filter, seen: wanted });
        expect({ filter, all: await allOf(some.jobs, filter) }).toEqual({ filter, all: wanted });
      }
    });

    test("follows what becomes of a job: cancelled, deleted, run again", async () => {
      await using some = await filled();
      const [first, second, third] = some.models.filter(({ signature }) => signature === "sig2").map(({ id }) => id);
      const found = async (filter: JobFilters) => new Set((await some.jobs.list("default", filter, all)).items.map(({ id }) => id));
      expect(await found({ signature: "sig2" })).toContain(first);
      await some.jobs.delete("default", first ?? "");
      await some.jobs.requeue("default", second ?? "");
      expect(await found({ signature: "sig2" })).not.toContain(first);
      expect(await found({ status: "queued" })).toContain(second);
      await some.jobs.cancel("default", second ?? "");
      expect(await found({ status: "cancelled" })).toEqual(new Set([second]));
      expect(await found({ signature: "sig2" })).not.toContain(second);
      expect(await found({ signature: "sig2" })).toContain(third);
      expect(await countJobsByStatus(some.database)).toMatchObject({ queued: 6, succeeded: 52, cancelled: 1, failed: 0 });
    });

    test("shows the jobs of one millisecond once each over pages", async () => {
      await using database = await openEmpty();
      const jobs = createJobStore(database);
      const wanted: string[] = [];
      for (let at = 0; at < 60; at += 1) {
        const { job } = await jobs.create(newJob({ id: v7({ msecs: start + Math.floor(at / 30) }), labels: { a: "b" } }));
        wanted.push(job.id);
      }
      const seen: string[] = [];
      for (let cursor: string | null = null; ; ) {
        const page = await jobs.list("default", { labels: { a: "b" } }, { limit: 5, cursor });
        seen.push(...page.items.map(({ id }) => id));
        cursor = page.nextCursor;
        if (cursor === null) break;
      }
      expect(seen).toEqual(wanted.toSorted().toReversed());
      expect(await allOf(jobs, { labels: { a: "b" } })).toEqual(seen);
    });

    test("keeps every job that many requests create and change at the same time", async () => {
      await using database = await openEmpty();
      const jobs = createJobStore(database);
      const made = await Promise.all(Array.from({ length: 12 }, (_, at) => jobs.create(newJob({ labels: { n: String(at), all: "yes" } }))));
      await Promise.all(made.map(({ job }) => jobs.start(job.id)));
      expect((await jobs.list("default", { status: "running", labels: { all: "yes" } }, all)).items).toHaveLength(12);
      for (const [at, { job }] of made.entries()) {
        expect((await jobs.list("default", { labels: { n: String(at) } }, all)).items.map(({ id }) => id)).toEqual([job.id]);
      }
    });

    test("refuses free text without a word, and one with too many", async () => {
      await using database = await openEmpty();
      const jobs = createJobStore(database);
      for (const q of ["!!", "a ".repeat(17)])
        await expect(jobs.list("default", { q }, all)).rejects.toMatchObject({ code: "invalid_parameter", message: expect.stringContaining("q=") });
    });

    test("takes in jobs that were stored before there was an index", async () => {
      await using some = await filled();
      const { query } = some.database;
      for (const table of ["search_heads", "search_blocks", "search_terms", "search_postings", "search_columns", "search_jobs"] as const)
        await query.deleteFrom(table).execute();
      await query.updateTable("jobs").set({ number: null }).execute();
      expect((await some.jobs.list("default", { signature: "sig2" }, all)).items).toEqual([]);
      expect(await indexEarlier(some.database, new AbortController().signal)).toBe(60);
      for (const [filter, holds] of filters) {
        expect((await some.jobs.list("default", filter, all)).items.map(({ id }) => id).toSorted()).toEqual(
          some.models
            .filter(holds)
            .map(({ id }) => id)
            .toSorted(),
        );
      }
      expect(await indexEarlier(some.database, new AbortController().signal)).toBe(0);
    });
  });

  describe("counts", () => {
    const values: Readonly<Record<string, (model: Model) => readonly (string | null)[]>> = {
      status: (model) => [model.status],
      executable: (model) => [model.executable],
      signature: (model) => [model.signature],
      "label.release": (model) => [model.release],
      diagnosis: (model) => (model.diagnosis === null ? [] : [model.diagnosis]),
      function: (model) => model.functions,
    };

    test("by any fields, with any filters, are those of looking at every job", async () => {
      await using some = await filled();
      for (const by of [["status"], ["signature", "label.release"], ["executable", "signature", "status"], ["diagnosis"], ["function", "label.release"]]) {
        for (const [filter, holds] of [[{}, () => true] as const, ...filters]) {
          const counts = new Map<string, number>();
          const matching = some.models.filter(holds);
          for (const model of matching) {
            let combinations: (string | null)[][] = [[]];
            for (const field of by) combinations = combinations.flatMap((before) => (values[field]?.(model) ?? []).map((value) => [...before, value]));
            for (const each of combinations) counts.set(JSON.stringify(each), (counts.get(JSON.stringify(each)) ?? 0) + 1);
          }
          const stats = await some.jobs.stats("default", filter, { by, interval: null, limit: 1_000 });
          expect({ by, filter, total: stats.total, counts: new Map(stats.rows.map((row) => [JSON.stringify(row.values), row.count])) }).toEqual({
            by,
            filter,
            total: matching.length,
            counts,
          });
          expect(stats.rows.map(({ count }) => count)).toEqual(stats.rows.map(({ count }) => count).toSorted((one, other) => other - one));
        }
      }
    });

    test("tell the largest rows, and all others together", async () => {
      await using some = await filled();
      const whole = await some.jobs.stats("default", {}, { by: ["label.host"], interval: "1d", limit: 1_000 });
      const cut = await some.jobs.stats("default", {}, { by: ["label.host"], interval: "1d", limit: 2 });
      expect(whole.rows).toHaveLength(41);
      expect(cut.rows).toEqual(whole.rows.slice(0, 2));
      expect(cut.other).toMatchObject({ rows: 39, count: 39 });
      expect(cut.other.spans?.reduce((sum, { count }) => sum + count, 0)).toBe(39);
      expect(whole.rows[0]).toMatchObject({ values: [null], count: 20 });
    });

    test.each([
      ["1h", 3_600_000, 0],
      ["1d", 86_400_000, 0],
      ["2d", 2 * 86_400_000, 0],
      ["1w", 7 * 86_400_000, Date.UTC(2026, 9, 26)],
    ])("by spans of %s begin where UTC has them begin", async (interval, length, anchor) => {
      await using some = await filled();
      const { rows } = await some.jobs.stats("default", {}, { by: ["executable"], interval, limit: 10 });
      for (const {
        values: [executable],
        spans,
      } of rows) {
        const counts = new Map<string, number>();
        for (const model of some.models.filter((each) => each.executable === executable)) {
          const span = new Date(Math.floor((model.time - anchor) / length) * length + anchor).toISOString();
          counts.set(span, (counts.get(span) ?? 0) + 1);
        }
        expect(spans).toEqual([...counts.keys()].toSorted().map((from) => ({ start: from, count: counts.get(from) })));
      }
    });

    test("by signature follow the groups that people make", async () => {
      await using some = await filled();
      await createGroupStore(some.database).merge("default", "sig1", ["sig2"], null);
      const { rows } = await some.jobs.stats("default", {}, { by: ["signature"], interval: null, limit: 10 });
      const counts = (...signatures: string[]) => some.models.filter(({ signature }) => signature !== null && signatures.includes(signature)).length;
      expect(rows.find(({ values: [hash] }) => hash === "sig1")).toMatchObject({ count: counts("sig1", "sig2"), title: "SIGSEGV in string_at" });
      expect(rows.some(({ values: [hash] }) => hash === "sig2")).toBe(false);
    });

    test.each([
      [["nonsense"], null, "nonsense"],
      [["status", "status"], null, "different"],
      [["function", "file"], null, "function, file"],
      [["label."], null, "label."],
    ])("by %j are refused, and the known fields told", async (by, interval, named) => {
      await using database = await openEmpty();
      await expect(createJobStore(database).stats("default", {}, { by, interval, limit: 1 })).rejects.toMatchObject({
        code: "invalid_parameter",
        message: expect.stringContaining(named),
        hint: expect.stringContaining("label.NAME"),
      });
    });

    test("over more spans than are told are refused", async () => {
      await using some = await filled();
      await some.jobs.create(newJob({ id: v7({ msecs: start - 400 * 86_400_000 }) }));
      await expect(some.jobs.stats("default", {}, { by: ["status"], interval: "1h", limit: 1 })).rejects.toMatchObject({
        message: expect.stringContaining("interval=1h"),
      });
      expect((await some.jobs.stats("default", {}, { by: ["status"], interval: "1d", limit: 1 })).total).toBe(61);
    });

    test("never reach another project", async () => {
      await using some = await filled();
      expect(await some.jobs.stats("other", {}, { by: ["signature", "diagnosis"], interval: "1d", limit: 1 })).toEqual({
        total: 0,
        rows: [],
        other: { rows: 0, count: 0, spans: [] },
      });
    });
  });
}
