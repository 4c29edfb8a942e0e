/** What the stores promise, whatever database is beneath. Each test gets an empty one. */
import { sql } from "kysely";
import { v7 } from "uuid";
import { describe, expect, test } from "vitest";
import type { Job } from "../../services/contract/job.ts";
import { noOptions } from "../../services/contract/job-options.ts";
import { createBinaryIndexes } from "../../services/storage/binary-indexes.ts";
import { createBinaryStore } from "../../services/storage/binary-store.ts";
import { createBulkStore } from "../../services/storage/bulk-store.ts";
import { sweepBlobs } from "../../services/storage/blob-trash.ts";
import type { Database } from "../../services/storage/database.ts";
import { createJobStore } from "../../services/storage/create-job-store.ts";
import type { JobFilters } from "../../services/storage/job-store.ts";
import { createReportStore } from "../../services/storage/report-store.ts";
import { newBinary, newCore, newJob, newReport, pythonFrame, thread } from "./sample.ts";

const error = { code: "debugger_died", stage: "debug", detail: "gdb died", hint: "none" };

export function storeContract(openEmpty: () => Promise<Database>): void {
  const stores = async () => {
    const database = await openEmpty();
    return {
      database,
      jobs: createJobStore(database),
      reports: createReportStore(database),
      binaries: createBinaryStore(database),
      [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
    };
  };
  const sweep = async (database: Database): Promise<string[]> => {
    const removed: string[] = [];
    await sweepBlobs(database, {
      remove: (key) => {
        removed.push(key);
        return Promise.resolve(true);
      },
    });
    return removed.toSorted();
  };
  const ids = (jobs: readonly Job[]): string[] => jobs.map((job) => job.id);

  describe("creating a job", () => {
    test("gives back all that was stored, and null for what is not known", async () => {
      await using all = await stores();
      const job = newJob({
        options: { ...noOptions, heap_check: true },
        labels: { host: "web1" },
        missingBinaries: [{ build_id: null, path: "/lib/libc.so.6", needed_for: "symbols" }],
      });
      const { created } = await all.jobs.create(job);
      const stored = await all.jobs.get("default", job.id);
      expect(created).toBe(true);
      expect(stored).toMatchObject({ projectId: "default", whenMissing: "analyze", coreBlob: job.coreBlob });
      expect(stored?.job).toEqual({
        id: job.id,
        status: "queued",
        created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        started_at: null,
        finished_at: null,
        expires_at: null,
        progress: { stage: "queued", percent: 0 },
        core: job.core,
        core_gone: null,
        duplicate_of: null,
        missing_binaries: job.missingBinaries,
        labels: { host: "web1" },
        options: { ...noOptions, heap_check: true },
        priority: "normal",
        attempts: 0,
        error: null,
        signature: null,
        links: {
          self: `/v1/jobs/${job.id}`,
          report: `/v1/jobs/${job.id}/report`,
          events: `/v1/jobs/${job.id}/events`,
          bundle: `/v1/jobs/${job.id}/bundle`,
        },
      });
    });

    test("keeps NULs, lone surrogates and very long names from breaking the row", async () => {
      await using all = await stores();
      const long = "x".repeat(50_000);
      const job = newJob({
        labels: { [`a\0${long}`]: `b\0${long}`, lone: "\ud800" },
        idempotencyKey: long,
        core: { ...newCore(), filename: "a\0b", executable_name: `e\0${long}`, command_line: ["\0", long, "\ud800"] },
      });
      await all.jobs.create(job);
      const stored = await all.jobs.get("default", job.id);
      expect(stored?.job.core?.command_line).toEqual(job.core?.command_line);
      expect(stored?.job.labels).toEqual(job.labels);
      const found = await all.jobs.list("default", { labels: job.labels, executable: `e\0${long}` }, { limit: 10, cursor: null });
      expect(ids(found.items)).toEqual([job.id]);
      expect((await all.jobs.byIdempotencyKey("default", long))?.id).toBe(job.id);
    });

    test("gives the job that is there for the same idempotency key, and lets the second upload's blobs go", async () => {
      await using all = await stores();
      const first = newJob({ idempotencyKey: "k" });
      const again = newJob({
        idempotencyKey: "k",
        binaries: [newBinary({ content: "b" })],
        attachments: [{ filename: "log", size: 1, sha256: "0", blob: "attachments/1" }],
      });
      await all.jobs.create(first);
      const second = await all.jobs.create(again);
      expect(second).toMatchObject({ created: false, job: { id: first.id } });
      expect(await sweep(all.database)).toEqual(["attachments/1", newBinary({ content: "b" }).blob, again.coreBlob ?? ""].toSorted());
      expect(await all.jobs.create(newJob({ idempotencyKey: "k", projectId: "other" }))).toMatchObject({ created: true });
      expect((await all.jobs.byIdempotencyKey("default", "k"))?.id).toBe(first.id);
      expect(await all.jobs.byIdempotencyKey("default", "unknown")).toBeNull();
    });

    test("makes one job of many simultaneous requests with one key", async () => {
      await using all = await stores();
      const answers = await Promise.all(Array.from({ length: 8 }, () => all.jobs.create(newJob({ idempotencyKey: "same" }))));
      expect(new Set(answers.map((answer) => answer.job.id)).size).toBe(1);
      expect(answers.filter((answer) => answer.created)).toHaveLength(1);
    });

    test("keeps its attachments and binaries in the order of the upload", async () => {
      await using all = await stores();
      const attachments = ["b.log", "a.log", null].map((filename, position) => ({ filename, size: position, sha256: "0", blob: `attachments/${position}` }));
      const binaries = [newBinary({ content: "two", filename: "libtwo.so" }), newBinary({ content: "one", filename: null })];
      const job = newJob({ attachments, binaries });
      await all.jobs.create(job);
      expect(await all.jobs.attachments(job.id)).toEqual(attachments);
      expect((await all.binaries.ofJob(job.id)).map((binary) => [binary.sha256, binary.filename])).toEqual(
        binaries.map((binary) => [binary.sha256, binary.filename]),
      );
    });
  });

  describe("the projects", () => {
    test("do not see each other's jobs, whatever is asked", async () => {
      await using all = await stores();
      const job = newJob({ projectId: "a", labels: { l: "1" } });
      await all.jobs.create(job);
      expect(await all.jobs.get("b", job.id)).toBeNull();
      expect(await all.jobs.cancel("b", job.id)).toBeNull();
      expect(await all.jobs.requeue("b", job.id)).toBeNull();
      expect(await all.jobs.delete("b", job.id)).toBe(false);
      expect((await all.jobs.list("b", { labels: { l: "1" } }, { limit: 10, cursor: null })).items).toEqual([]);
      expect((await all.jobs.get("a", job.id))?.job.status).toBe("queued");
    });
  });

  describe("a run", () => {
    test("goes from queued over running to succeeded, and the report can be had again and again", async () => {
      await using all = await stores();
      const job = newJob();
      await all.jobs.create(job);
      const started = await all.jobs.start(job.id);
      expect(started).toMatchObject({ run: 1, job: { status: "running", attempts: 1, started_at: expect.any(String) } });
      expect(await all.jobs.setProgress(job.id, 1, "debug", 40)).toBe(true);
      const report = newReport(job.id, { warnings: [{ code: "w", detail: "ümläut \0 \ud83d\udc0d" }] });
      expect(await all.jobs.finish(job.id, 1, { report, missingBinaries: [] })).toBe(true);
      expect((await all.jobs.get("default", job.id))?.job).toMatchObject({
        status: "succeeded",
        progress: { stage: "done", percent: 100 },
        finished_at: expect.any(String),
        signature: { hash: "deadbeef", title: "SIGSEGV in string_at" },
      });
      expect(await all.reports.get(job.id)).toEqual(report);
      expect(await all.reports.text(job.id)).toBe(JSON.stringify(report));
    });

    test("that was cancelled never succeeds or fails, and its core goes", async () => {
      await using all = await stores();
      const job = newJob({ attachments: [{ filename: null, size: 1, sha256: "0", blob: "attachments/1" }] });
      await all.jobs.create(job);
      const started = await all.jobs.start(job.id);
      expect((await all.jobs.cancel("default", job.id))?.status).toBe("cancelled");
      const run = started?.run ?? -1;
      expect(await all.jobs.setProgress(job.id, run, "assemble", 80)).toBe(false);
      expect(await all.jobs.finish(job.id, run, { report: newReport(job.id), missingBinaries: [] })).toBe(false);
      expect(await all.jobs.fail(job.id, run, error)).toBe(false);
      expect(await all.jobs.giveBack(job.id, run, { countAttempt: true })).toBe(false);
      expect(await all.jobs.start(job.id)).toBeNull();
      expect((await all.jobs.get("default", job.id))?.job.status).toBe("cancelled");
      expect(await all.reports.get(job.id)).toBeNull();
      expect(await sweep(all.database)).toEqual(["attachments/1", job.coreBlob]);
      await expect(all.jobs.requeue("default", job.id)).rejects.toMatchObject({ code: "job_cancelled" });
    });

    test("that was taken over stores nothing: only the latest run's result counts", async () => {
      await using all = await stores();
      const job = newJob();
      await all.jobs.create(job);
      const first = await all.jobs.start(job.id);
      const second = await all.jobs.start(job.id);
      expect([first?.run, second?.run, second?.job.attempts]).toEqual([1, 2, 2]);
      expect(await all.jobs.finish(job.id, 1, { report: newReport(job.id, { warnings: [{ code: "late", detail: "" }] }), missingBinaries: [] })).toBe(false);
      expect(await all.jobs.fail(job.id, 1, error)).toBe(false);
      expect(await all.jobs.finish(job.id, 2, { report: newReport(job.id), missingBinaries: [] })).toBe(true);
      expect(await all.jobs.finish(job.id, 2, { report: newReport(job.id), missingBinaries: [] })).toBe(false);
      expect((await all.reports.get(job.id))?.warnings).toEqual([]);
      expect(await all.jobs.start(job.id)).toBeNull();
    });

    test("finishes once when two workers finish at the same time", async () => {
      await using all = await stores();
      const job = newJob();
      await all.jobs.create(job);
      await all.jobs.start(job.id);
      const finish = () => all.jobs.finish(job.id, 1, { report: newReport(job.id), missingBinaries: [] });
      const outcomes = await Promise.all([finish(), finish(), all.jobs.fail(job.id, 1, error)]);
      expect(outcomes.filter(Boolean)).toHaveLength(1);
    });

    test("given back is queued again; a shutdown costs no attempt and a fault does", async () => {
      await using all = await stores();
      const job = newJob();
      await all.jobs.create(job);
      const first = await all.jobs.start(job.id);
      expect(await all.jobs.giveBack(job.id, first?.run ?? -1, { countAttempt: false })).toBe(true);
      expect((await all.jobs.get("default", job.id))?.job).toMatchObject({ status: "queued", attempts: 0, started_at: null });
      expect(await all.jobs.setProgress(job.id, first?.run ?? -1, "debug", 1)).toBe(false);
      const second = await all.jobs.start(job.id);
      expect(await all.jobs.giveBack(job.id, second?.run ?? -1, { countAttempt: true })).toBe(true);
      expect((await all.jobs.get("default", job.id))?.job).toMatchObject({ status: "queued", attempts: 1, progress: { stage: "queued", percent: 0 } });
    });

    test("that failed keeps its error and its core, and can be run again into a success", async () => {
      await using all = await stores();
      const job = newJob();
      await all.jobs.create(job);
      await all.jobs.start(job.id);
      await expect(all.jobs.requeue("default", job.id)).rejects.toMatchObject({ code: "job_running" });
      expect(await all.jobs.fail(job.id, 1, error)).toBe(true);
      expect(await all.jobs.get("default", job.id)).toMatchObject({ coreBlob: job.coreBlob, job: { status: "failed", error } });
      expect(await all.jobs.requeue("default", job.id)).toMatchObject({ status: "queued", error: null, attempts: 0, finished_at: null });
      const again = await all.jobs.start(job.id);
      expect(again?.run).toBe(2);
      expect(await all.jobs.finish(job.id, 2, { report: newReport(job.id), missingBinaries: [] })).toBe(true);
    });

    test("again replaces the report and what the job is found by", async () => {
      await using all = await stores();
      const job = newJob({ labels: { host: "web1" } });
      await all.jobs.create(job);
      const withFunction = (name: string) => newReport(job.id, { threads: [thread({ frames: [], python_frames: [pythonFrame({ function: name })] })] });
      await all.jobs.start(job.id);
      await all.jobs.finish(job.id, 1, { report: withFunction("old_name"), missingBinaries: [] });
      await all.jobs.requeue("default", job.id);
      await all.jobs.start(job.id);
      await all.jobs.finish(job.id, 2, { report: withFunction("new_name"), missingBinaries: [] });
      const found = async (filters: JobFilters) => ids((await all.jobs.list("default", filters, { limit: 10, cursor: null })).items);
      expect(await found({ function: "old_name" })).toEqual([]);
      expect(await found({ function: "new_name", labels: { host: "web1" } })).toEqual([job.id]);
      expect((await all.reports.get(job.id))?.threads[0]?.python_frames).toEqual([pythonFrame({ function: "new_name" })]);
    });
  });

  describe("the event log", () => {
    test("tells every change in order, once, from where the listener left off", async () => {
      await using all = await stores();
      const job = newJob();
      await all.jobs.create(job);
      await all.jobs.start(job.id);
      await all.jobs.setProgress(job.id, 1, "debug", 40);
      await all.jobs.setProgress(job.id, 1, "debug", 40);
      await all.jobs.finish(job.id, 1, { report: newReport(job.id), missingBinaries: [] });
      const events = await all.jobs.events(job.id, 0);
      expect(events.map((event) => [event.seq, event.kind, event.data.status, event.data.stage, event.data.percent])).toEqual([
        [1, "status", "queued", "queued", 0],
        [2, "status", "running", "inspect", 0],
        [3, "progress", "running", "debug", 40],
        [4, "status", "succeeded", "done", 100],
      ]);
      expect((await all.jobs.events(job.id, 3)).map((event) => event.seq)).toEqual([4]);
      expect(await all.jobs.events(v7(), 0)).toEqual([]);
    });

    test("has no holes and no doubles when changes come at the same time", async () => {
      await using all = await stores();
      const job = newJob();
      await all.jobs.create(job);
      await all.jobs.start(job.id);
      await Promise.all(Array.from({ length: 20 }, (_, percent) => all.jobs.setProgress(job.id, 1, "debug", percent + 1)));
      const seqs = (await all.jobs.events(job.id, 0)).map((event) => event.seq);
      expect(seqs).toEqual(Array.from({ length: 22 }, (_, index) => index + 1));
    });
  });

  describe("the list", () => {
    test("is newest first, and pages neither repeat nor skip while jobs come and go", async () => {
      await using all = await stores();
      const before: string[] = [];
      for (let count = 0; count < 7; count += 1) before.push((await all.jobs.create(newJob())).job.id);
      const wanted = before.toReversed();
      const first = await all.jobs.list("default", {}, { limit: 3, cursor: null });
      expect(ids(first.items)).toEqual(wanted.slice(0, 3));
      await all.jobs.create(newJob());
      await all.jobs.delete("default", wanted[2] ?? "");
      const second = await all.jobs.list("default", {}, { limit: 3, cursor: first.nextCursor });
      expect(ids(second.items)).toEqual(wanted.slice(3, 6));
      const third = await all.jobs.list("default", {}, { limit: 3, cursor: second.nextCursor });
      expect(ids(third.items)).toEqual(wanted.slice(6));
      expect(third.nextCursor).toBeNull();
    });

    test("pages through a term's matches in the same order", async () => {
      await using all = await stores();
      const wanted: string[] = [];
      for (let count = 0; count < 9; count += 1) {
        const { job } = await all.jobs.create(newJob({ labels: { parity: count % 2 === 0 ? "even" : "odd", all: "yes" } }));
        if (count % 2 === 0) wanted.unshift(job.id);
      }
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const page = await all.jobs.list("default", { labels: { all: "yes", parity: "even" } }, { limit: 2, cursor });
        seen.push(...ids(page.items));
        cursor = page.nextCursor;
      } while (cursor !== null);
      expect(seen).toEqual(wanted);
    });

    test.each(["", "!", "bm9wZQ", Buffer.from("1:' or 1=1").toString("base64url"), `${Buffer.from(`1:${v7()}`).toString("base64url")}=`])(
      "refuses the cursor %j, which it never gave",
      async (cursor) => {
        await using all = await stores();
        await expect(all.jobs.list("default", {}, { limit: 1, cursor })).rejects.toMatchObject({ code: "invalid_cursor" });
      },
    );

    test("refuses a time that is none, by name", async () => {
      await using all = await stores();
      await expect(all.jobs.list("default", { since: "yesterday" }, { limit: 1, cursor: null })).rejects.toMatchObject({
        code: "invalid_parameter",
        message: expect.stringContaining("since"),
      });
    });

    test("finds a finished job by each filter, and by all together", async () => {
      await using all = await stores();
      const job = newJob({ labels: { release: "1.2", host: "web1" } });
      await all.jobs.create(job);
      await all.jobs.start(job.id);
      const native = {
        kind: "native" as const,
        pc: "0x1",
        function: "string_at",
        file: "callproc.c",
        line: 1,
        module: null,
        build_id: null,
        offset: null,
        inlined: false,
        exported: null,
        arguments: [],
        trust: "symbol" as const,
      };
      const threads = [
        thread({ crashed: false, python_frames: [pythonFrame({ function: "worker", qualname: "Pool.worker", file: "pool.py" })], frames: [] }),
        thread({ frames: [native, pythonFrame()] }),
      ];
      await all.jobs.finish(job.id, 1, { report: newReport(job.id, { threads }), missingBinaries: [] });
      // The decoy: another crash of another program, found by none of the filters below.
      const other = newJob({ core: { ...newCore(), signal: 6, executable_name: "uwsgi" } });
      await all.jobs.create(other);

      const matching: JobFilters[] = [
        { status: "succeeded" },
        { signal: 11 },
        { signature: "deadbeef" },
        { executable: "python3.11" },
        { executable: "/opt/elsewhere/python3.11" },
        { pythonVersion: "3.11.2" },
        { pythonVersion: "3.11" },
        { pythonVersion: "3" },
        { function: "string_at" },
        { function: "main" },
        { function: "worker" },
        { function: "Pool.worker" },
        { file: "callproc.c" },
        { file: "/srv/app/main.py" },
        { extension: "_ctypes" },
        { diagnosis: "null_dereference" },
        { labels: { release: "1.2" } },
        { labels: { release: "1.2", host: "web1" } },
        { q: "string_at" },
        { q: "String MAIN srv" },
        { q: "Pool.worker dereferenced" },
        { q: "deref* call*" },
      ];
      for (const filters of matching) {
        expect({ filters, found: ids((await all.jobs.list("default", filters, { limit: 10, cursor: null })).items) }).toEqual({ filters, found: [job.id] });
      }
      const together = matching.reduce((some, filters) => ({ ...some, ...filters }), {});
      expect(ids((await all.jobs.list("default", { ...together, since: "2020-01-01T00:00:00Z" }, { limit: 10, cursor: null })).items)).toEqual([job.id]);

      const missing: JobFilters[] = [
        { status: "failed" },
        { signal: 7 },
        { signature: "dead" },
        { pythonVersion: "3.1" },
        { pythonVersion: "3.11.20" },
        { function: "strin" },
        { function: "STRING_AT" },
        { file: "function" },
        { labels: { release: "1" } },
        { labels: { release: "1.2", host: "web2" } },
        { labels: { Release: "1.2" } },
        { q: "tring" },
        { q: "string nowhere" },
        { q: "nowher*" },
        { until: "2020-01-01T00:00:00Z" },
        { since: "2100-01-01T00:00:00+02:00" },
      ];
      for (const filters of missing) {
        expect({ filters, found: (await all.jobs.list("default", filters, { limit: 10, cursor: null })).items }).toEqual({ filters, found: [] });
      }
    });

    test("finds what the crashed thread shows, however many functions the other threads have", async () => {
      await using all = await stores();
      const job = newJob();
      await all.jobs.create(job);
      await all.jobs.start(job.id);
      const crowd = Array.from({ length: 20_000 }, (_, index) => pythonFrame({ function: `f${index}`, qualname: `C.f${index}`, file: `f${index}.py` }));
      const threads = [thread({ crashed: false, python_frames: crowd }), thread({ python_frames: [pythonFrame({ function: "culprit" })] })];
      expect(await all.jobs.finish(job.id, 1, { report: newReport(job.id, { threads }), missingBinaries: [] })).toBe(true);
      for (const filters of [{ function: "culprit" }, { diagnosis: "null_dereference" }, { pythonVersion: "3.11" }, { extension: "_ctypes" }]) {
        expect(ids((await all.jobs.list("default", filters, { limit: 10, cursor: null })).items)).toEqual([job.id]);
      }
      const { rows } = await sql<{ count: number }>`select count(*) as count from search_postings`.execute(all.database.query);
      expect(rows[0]?.count).toBeLessThan(6_000);
    });

    test("is walked whole by iterate, newest first", async () => {
      await using all = await stores();
      const wanted: string[] = [];
      for (let count = 0; count < 401; count += 1) wanted.unshift((await all.jobs.create(newJob())).job.id);
      const seen: string[] = [];
      for await (const job of all.jobs.iterate("default", { status: "queued" })) seen.push(job.id);
      expect(seen).toEqual(wanted);
    });
  });

  describe("deleting", () => {
    test("removes the row and all that hangs on it, and notes the blobs, but not those still in use", async () => {
      await using all = await stores();
      const shared = newBinary({ content: "shared" });
      const attachment = { filename: "log", size: 1, sha256: "0", blob: "attachments/1" };
      const job = newJob({ labels: { a: "b" }, binaries: [shared], attachments: [attachment] });
      const twin = newJob({ attachments: [attachment] });
      await all.jobs.create(job);
      await all.jobs.create(twin);
      await all.jobs.start(job.id);
      await all.jobs.finish(job.id, 1, { report: newReport(job.id), missingBinaries: [] });
      expect(await all.jobs.delete("default", job.id)).toBe(true);
      expect(await all.jobs.delete("default", job.id)).toBe(false);
      expect(await all.jobs.get("default", job.id)).toBeNull();
      expect(await all.reports.get(job.id)).toBeNull();
      expect(await all.jobs.events(job.id, 0)).toEqual([]);
      expect((await all.jobs.list("default", { labels: { a: "b" } }, { limit: 1, cursor: null })).items).toEqual([]);
      expect(await all.binaries.byBuildId("default", shared.build_id ?? "")).toHaveLength(1);
      expect(await sweep(all.database)).toEqual([job.coreBlob]);
      expect(await sweep(all.database)).toEqual([]);
      expect(await all.jobs.stopped([twin.id, job.id])).toEqual([job.id]);
    });

    test("keeps the note when a blob cannot be removed, for the next sweep", async () => {
      await using all = await stores();
      const job = newJob();
      await all.jobs.create(job);
      await all.jobs.delete("default", job.id);
      await expect(sweepBlobs(all.database, { remove: () => Promise.reject(new Error("store away")) })).rejects.toThrow("store away");
      expect(await sweep(all.database)).toEqual([job.coreBlob]);
    });
  });

  describe("expiry", () => {
    test("drops the core first, then the report, then the row, of ended jobs alone", async () => {
      await using all = await stores();
      const times = { coreExpiresAt: "2026-01-01T00:00:00.000Z", expiresAt: "2026-06-01T00:00:00.000Z" };
      const ended = newJob(times);
      const queued = newJob(times);
      const kept = newJob();
      for (const job of [ended, queued, kept]) await all.jobs.create(job);
      await all.jobs.start(ended.id);
      await all.jobs.finish(ended.id, 1, { report: newReport(ended.id), missingBinaries: [] });

      expect(await all.jobs.expire(new Date("2025-12-31T00:00:00Z"))).toEqual({ cores: 0, reports: 0, jobs: 0 });
      expect(await all.jobs.expire(new Date("2026-01-02T00:00:00Z"))).toEqual({ cores: 1, reports: 0, jobs: 0 });
      expect(await all.jobs.get("default", ended.id)).toMatchObject({ coreBlob: null });
      expect(await sweep(all.database)).toEqual([ended.coreBlob]);
      await expect(all.jobs.requeue("default", ended.id)).rejects.toMatchObject({ code: "core_lost" });
      expect(await all.reports.get(ended.id)).not.toBeNull();

      expect(await all.jobs.expire(new Date("2026-06-02T00:00:00Z"))).toEqual({ cores: 0, reports: 1, jobs: 0 });
      expect(await all.reports.get(ended.id)).toBeNull();
      expect((await all.jobs.get("default", ended.id))?.job.status).toBe("succeeded");

      expect(await all.jobs.expire(new Date("2026-12-01T00:00:00Z"))).toEqual({ cores: 0, reports: 0, jobs: 1 });
      expect(await all.jobs.get("default", ended.id)).toBeNull();
      expect((await all.jobs.get("default", queued.id))?.coreBlob).toBe(queued.coreBlob);
      expect((await all.jobs.get("default", kept.id))?.coreBlob).toBe(kept.coreBlob);
    });
  });

  describe("unfinished jobs", () => {
    test("are those running and then those queued, oldest first, and can be abandoned once", async () => {
      await using all = await stores();
      const wanted: string[] = [];
      for (let count = 0; count < 3; count += 1) wanted.push((await all.jobs.create(newJob())).job.id);
      await all.jobs.create(newJob({ status: "awaiting_binaries" }));
      await all.jobs.start(wanted[1] ?? "");
      const done = newJob();
      await all.jobs.create(done);
      await all.jobs.cancel("default", done.id);
      const seen = [];
      for await (const job of all.jobs.unfinished()) seen.push([job.id, job.status, job.attempts, job.coreSize]);
      expect(seen).toEqual([
        [wanted[1], "running", 1, 123_456],
        [wanted[0], "queued", 0, 123_456],
        [wanted[2], "queued", 0, 123_456],
      ]);
      expect(await all.jobs.abandon(wanted[1] ?? "", error)).toBe(true);
      expect(await all.jobs.abandon(wanted[1] ?? "", error)).toBe(false);
      expect(await all.jobs.setProgress(wanted[1] ?? "", 1, "debug", 50)).toBe(false);
      expect((await all.jobs.get("default", wanted[1] ?? ""))?.job).toMatchObject({ status: "failed", error });
    });
  });

  describe("a bulk", () => {
    test("counts its files by what became of them, and gives them in the order in which they came", async () => {
      await using all = await stores();
      const bulks = createBulkStore(all.database);
      const id = v7();
      await bulks.begin("default", id, "2100-01-01T00:00:00.000Z");
      const made = [];
      for (let position = 0; position < 4; position += 1) {
        const { job } = await all.jobs.create(newJob());
        made.push(job.id);
        await bulks.add(id, [{ position, filename: `core.${position}`, jobId: job.id, error: null }]);
      }
      await bulks.add(id, [{ position: 4, filename: "nul\0", jobId: null, error }]);
      await all.jobs.start(made[0] ?? "");
      await all.jobs.fail(made[0] ?? "", 1, error);
      await all.jobs.delete("default", made[1] ?? "");
      expect(await bulks.get("default", id)).toMatchObject({
        state: "receiving",
        total: 5,
        counts: { queued: 2, failed: 1, deleted: 1, refused: 1, succeeded: 0 },
      });
      await bulks.end(id, null);
      expect(await bulks.get("default", id)).toMatchObject({ state: "complete", error: null });
      expect(await bulks.get("other", id)).toBeNull();
      const page = await bulks.items(id, { after: -1, limit: 2, refused: false });
      expect(page.map(({ position, status, error: why }) => [position, status, why?.code ?? null])).toEqual([
        [0, "failed", "debugger_died"],
        [1, null, null],
      ]);
      expect(await bulks.items(id, { after: 1, limit: 10, refused: true })).toMatchObject([{ position: 4, job_id: null, error }]);
      await all.jobs.expire(new Date("2100-01-02T00:00:00Z"));
      expect(await bulks.get("default", id)).toBeNull();
    });
  });

  describe("the binaries", () => {
    test("keep two different files under one build-id apart, newest first", async () => {
      await using all = await stores();
      const first = newBinary({ content: "first" });
      const second = newBinary({ content: "second", kind: "debug", has_debug_info: true });
      expect(await all.binaries.add("default", first)).toMatchObject({ created: true, binary: first });
      expect(await all.binaries.add("default", second)).toMatchObject({ created: true });
      const found = await all.binaries.byBuildId("default", first.build_id ?? "");
      expect(found.map((binary) => binary.sha256).toSorted()).toEqual([first.sha256, second.sha256].toSorted());
      expect((await all.binaries.byBuildId("default", first.build_id ?? "", ["debug"])).map((binary) => binary.sha256)).toEqual([second.sha256]);
    });

    test("know bytes that came before, and let only the second blob go", async () => {
      await using all = await stores();
      const binary = newBinary({ content: "same" });
      await all.binaries.add("default", binary);
      expect(await all.binaries.add("default", { ...binary, blob: "binaries/copy" })).toMatchObject({ created: false, binary: { blob: binary.blob } });
      expect(await all.binaries.add("default", binary)).toMatchObject({ created: false });
      expect(await sweep(all.database)).toEqual(["binaries/copy"]);
    });

    test("take a blob's name back from the trash when it is stored again", async () => {
      await using all = await stores();
      const job = newJob();
      await all.jobs.create(job);
      await all.jobs.delete("default", job.id);
      await all.jobs.create({ ...job, id: v7() });
      expect(await sweep(all.database)).toEqual([]);
    });

    test("are found by their first pages, those too that were stored before these were kept", async () => {
      await using all = await stores();
      const [old, other] = [newBinary({ content: "old" }), newBinary({ content: "other", head: "cd" })];
      await all.binaries.addAll("default", [old, other]);
      expect(await all.binaries.byHeads("default", ["ab"])).toEqual([]);
      expect(await all.binaries.add("default", { ...old, head: "ab" })).toMatchObject({ created: false, binary: { head: "ab" } });
      expect((await all.binaries.byHeads("default", ["ab", "ef"])).map(({ sha256 }) => sha256)).toEqual([old.sha256]);
      expect(await all.binaries.byHeads("another", ["ab", "cd"])).toEqual([]);
    });

    test("never reach another project", async () => {
      await using all = await stores();
      const binary = newBinary({ content: "secret" });
      await all.binaries.add("a", binary);
      expect(await all.binaries.byBuildId("b", binary.build_id ?? "")).toEqual([]);
      expect(await all.binaries.bySha256("b", binary.sha256)).toBeNull();
      expect(await all.binaries.missing("b", [binary.build_id ?? ""])).toEqual([binary.build_id]);
      expect(await all.binaries.missing("a", [binary.build_id ?? "", "ffff"])).toEqual(["ffff"]);
      expect(await all.binaries.add("b", { ...binary, blob: "binaries/b" })).toMatchObject({ created: true });
    });

    test("are looked up by thousands of build-ids at once", async () => {
      await using all = await stores();
      const asked = Array.from({ length: 3_000 }, (_, index) => index.toString(16).padStart(8, "0"));
      await all.binaries.add("default", newBinary({ content: "x", build_id: "00000bb7" }));
      expect(await all.binaries.missing("default", asked)).toHaveLength(2_999);
    });
  });

  test("answers a ping, and refuses work once it is closed", async () => {
    const all = await stores();
    await all.database.ping();
    await all[Symbol.asyncDispose]();
    await expect(all.database.ping()).rejects.toThrow("destroyed");
  });

  describe("indexes of binaries", () => {
    const big = { has_debug_info: true, size: 2_000 };
    const indexed = async () => {
      const all = await stores();
      return { ...all, indexes: createBinaryIndexes(all.database), [Symbol.asyncDispose]: () => all.database[Symbol.asyncDispose]() };
    };

    test("are claimed once for each large file with debug information, those of other projects apart", async () => {
      await using all = await indexed();
      await all.binaries.add("shop", newBinary({ content: "a", ...big }));
      await all.binaries.add("bank", newBinary({ content: "a", ...big, blob: "binaries/bank" }));
      await all.binaries.add("shop", newBinary({ content: "small", ...big, size: 10 }));
      await all.binaries.add("shop", newBinary({ content: "stripped", size: 2_000 }));
      await all.binaries.add("shop", newBinary({ content: "nameless", ...big, build_id: null }));
      const claims = [await all.indexes.claim(1_000), await all.indexes.claim(1_000)];
      expect(claims.map((claim) => claim?.projectId ?? "none").toSorted()).toEqual(["bank", "shop"]);
      expect(await all.indexes.claim(1_000)).toBeNull();
      for (const claim of claims) if (claim !== null) await all.indexes.settle(claim, { state: "ready", blob: `indexes/${claim.projectId}` });
      const found = await Promise.all(["shop", "bank"].map((project) => all.binaries.bySha256(project, newBinary({ content: "a" }).sha256)));
      expect(found.map((binary) => binary?.index_blob)).toEqual(["indexes/shop", "indexes/bank"]);
      expect(await all.indexes.claim(1_000)).toBeNull();
    });

    test.each(["failed", "none"] as const)("are not tried again once the outcome is %s", async (state) => {
      await using all = await indexed();
      await all.binaries.add("default", newBinary({ content: "a", ...big }));
      const claim = await all.indexes.claim(0);
      if (claim === null) throw new Error("nothing to claim");
      await all.indexes.settle(claim, state === "failed" ? { state, detail: "gdb was ended by signal 11" } : { state });
      await all.indexes.releaseStale(-1);
      expect(await all.indexes.claim(0)).toBeNull();
    });

    test("are tried once more after their maker has died, and then never", async () => {
      await using all = await indexed();
      await all.binaries.add("default", newBinary({ content: "a", ...big }));
      const first = await all.indexes.claim(0);
      await all.indexes.releaseStale(3_600);
      expect(await all.indexes.claim(0)).toBeNull();
      await all.indexes.releaseStale(-1);
      const second = await all.indexes.claim(0);
      expect([first?.sha256, second?.sha256]).toEqual([newBinary({ content: "a" }).sha256, newBinary({ content: "a" }).sha256]);
      await all.indexes.releaseStale(-1);
      expect(await all.indexes.claim(0)).toBeNull();
    });

    test("that come after their claim was given to another are thrown away", async () => {
      await using all = await indexed();
      await all.binaries.add("default", newBinary({ content: "a", ...big }));
      const late = await all.indexes.claim(0);
      if (late === null) throw new Error("nothing to claim");
      await all.indexes.releaseStale(-1);
      const claim = await all.indexes.claim(0);
      await all.indexes.settle({ ...late, since: "2020-01-01T00:00:00.000Z" }, { state: "ready", blob: "indexes/late" });
      expect(await sweep(all.database)).toEqual(["indexes/late"]);
      expect(claim).not.toBeNull();
    });

    test("of a file that dwz has made smaller wait for what was moved out of it", async () => {
      await using all = await indexed();
      await all.binaries.add("default", newBinary({ content: "a", ...big, alt_link: { name: "x.debug", build_id: "fe".repeat(20) } }));
      expect(await all.indexes.claim(0)).toBeNull();
      await all.binaries.add("default", newBinary({ content: "x", kind: "debug", build_id: "fe".repeat(20), size: 3 }));
      expect(await all.indexes.claim(0)).toMatchObject({ supplement: { buildId: "fe".repeat(20), blob: newBinary({ content: "x" }).blob } });
    });
  });
}
