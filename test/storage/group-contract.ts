/** What the groups promise, whatever database is beneath. Each test gets an empty one. */
import { v7 } from "uuid";
import { describe, expect, test } from "vitest";
import type { Signature } from "../../services/contract/report.ts";
import type { Database } from "../../services/storage/database.ts";
import { createGroupStore } from "../../services/storage/group-store.ts";
import type { GroupListQuery } from "../../services/storage/group-list.ts";
import { createJobStore } from "../../services/storage/create-job-store.ts";
import { newJob, newReport } from "./sample.ts";

const day = 86_400_000;
const start = Date.UTC(2026, 10, 1);
const page: GroupListQuery = { sort: "last_seen", status: null, newSince: null, limit: 50, cursor: null };

export const signature = (hash: string, some: Partial<Signature> = {}): Signature => ({
  hash,
  title: `SIGSEGV in ${hash}`,
  version: 1,
  broad_hash: `broad-${hash}`,
  partial: false,
  frames: [
    { key: "SIGSEGV", kept: true, why: "" },
    { key: `app.${hash}`, kept: true, why: "" },
    { key: "app.main", kept: true, why: "" },
  ],
  ...some,
});

export function groupContract(openEmpty: () => Promise<Database>): void {
  async function open() {
    const database = await openEmpty();
    const jobs = createJobStore(database);
    const groups = createGroupStore(database);
    const analyse = async (id: string, of: Signature | null, executable = "/usr/bin/python3.11") => {
      const started = await jobs.start(id);
      if (started === null) throw new Error("not started");
      const report = newReport(id, { signature: of });
      return jobs.finish(id, started.run, { report: { ...report, process: { ...report.process, executable } }, missingBinaries: [] });
    };
    const crash = async (of: Signature | null, options: { at?: number; labels?: Record<string, string>; executable?: string; expiresAt?: string } = {}) => {
      const id = v7({ msecs: start + (options.at ?? 0) });
      await jobs.create(newJob({ id, labels: options.labels ?? {}, expiresAt: options.expiresAt ?? null }));
      await analyse(id, of, options.executable);
      return id;
    };
    const count = async (hash: string) => (await groups.get("default", hash))?.group.count ?? null;
    const state = async (hash: string) => (await groups.get("default", hash))?.group.status ?? null;
    const listed = async (some: Partial<GroupListQuery> = {}, filters = {}) =>
      (await groups.list("default", filters, { ...page, ...some })).items.map(({ group, count: number }) => [group.hash, number]);
    return { database, jobs, groups, analyse, crash, count, state, listed, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
  }

  describe("counting", () => {
    test("a group is made by its first crash and tells when it was first and last seen, by whom and with what", async () => {
      await using all = await open();
      await all.crash(signature("a"), { labels: { host: "web1", release: "1.0" } });
      const last = await all.crash(signature("a"), { at: 3 * day, labels: { host: "web1" }, executable: "/opt/python3.12" });
      const group = await all.groups.get("default", "a");
      expect(group?.group).toMatchObject({ count: 2, first_seen: "2026-11-01T00:00:00.000Z", last_seen: "2026-11-04T00:00:00.000Z", status: "open" });
      expect(group?.example).toBe(last);
      expect(group?.facets).toEqual(
        expect.arrayContaining([
          { kind: "day", value: "2026-11-01", count: 1 },
          { kind: "day", value: "2026-11-04", count: 1 },
          { kind: "executable", value: "python3.12", count: 1 },
          { kind: "label.host", value: "web1", count: 2 },
          { kind: "label.release", value: "1.0", count: 1 },
          { kind: "python", value: "3.11.2", count: 2 },
        ]),
      );
    });

    test("a job without a signature is in no group", async () => {
      await using all = await open();
      await all.crash(null);
      expect(await all.listed()).toEqual([]);
    });

    test("another project's groups are its own", async () => {
      await using all = await open();
      await all.crash(signature("a"));
      expect(await all.groups.get("other", "a")).toBeNull();
      expect((await all.groups.list("other", {}, page)).items).toEqual([]);
    });

    test("a job that is analysed again counts once, under its new signature", async () => {
      await using all = await open();
      const id = await all.crash(signature("a"));
      await all.jobs.requeue("default", id);
      await all.analyse(id, signature("a"));
      expect(await all.count("a")).toBe(1);
      await all.jobs.requeue("default", id);
      await all.analyse(id, signature("b"));
      expect([await all.count("a"), await all.count("b")]).toEqual([0, 1]);
      expect(await all.listed()).toEqual([["b", 1]]);
    });

    test("a deleted job no longer counts, in no facet either", async () => {
      await using all = await open();
      const gone = await all.crash(signature("a"), { labels: { host: "web1" } });
      await all.crash(signature("a"), { labels: { host: "web2" } });
      await all.jobs.delete("default", gone);
      const group = await all.groups.get("default", "a");
      expect(group?.group.count).toBe(1);
      expect(group?.facets.filter(({ kind }) => kind === "label.host")).toEqual([{ kind: "label.host", value: "web2", count: 1 }]);
    });

    test("a job that is cancelled while it is analysed again no longer counts", async () => {
      await using all = await open();
      const id = await all.crash(signature("a"));
      await all.jobs.requeue("default", id);
      await all.jobs.cancel("default", id);
      expect(await all.count("a")).toBe(0);
      expect((await all.jobs.get("default", id))?.job.signature).toBeNull();
    });

    test("rows that expired no longer count, and a crash that comes back later is not new", async () => {
      await using all = await open();
      await all.crash(signature("a"), { expiresAt: "2026-11-02T00:00:00.000Z" });
      await all.jobs.expire(new Date(start + 60 * day));
      expect(await all.count("a")).toBe(0);
      await all.crash(signature("a"), { at: 61 * day });
      expect((await all.groups.get("default", "a"))?.group).toMatchObject({ count: 1, first_seen: "2026-11-01T00:00:00.000Z" });
    });

    test("finishing at the same time loses no count", async () => {
      await using all = await open();
      await Promise.all(
        Array.from({ length: 12 }, (_, index) => all.crash(signature(index % 2 === 0 ? "a" : "b"), { at: index, labels: { host: `h${index % 3}` } })),
      );
      expect([await all.count("a"), await all.count("b")]).toEqual([6, 6]);
    });
  });

  describe("lists", () => {
    test("are sorted by count or by time, and pages do not repeat or lose a group", async () => {
      await using all = await open();
      for (const [index, hash] of ["a", "b", "c", "d", "e"].entries())
        for (let turn = 0; turn <= index % 3; turn += 1) await all.crash(signature(hash), { at: index * 1000 + turn });
      for (const sort of ["count", "last_seen", "first_seen"] as const) {
        const whole = await all.listed({ sort });
        const pages: unknown[] = [];
        let cursor: string | null = null;
        do {
          const { items, nextCursor }: Awaited<ReturnType<typeof all.groups.list>> = await all.groups.list("default", {}, { ...page, sort, limit: 2, cursor });
          pages.push(...items.map(({ group, count: number }) => [group.hash, number]));
          cursor = nextCursor;
        } while (cursor !== null);
        expect(pages).toEqual(whole);
        expect(whole).toHaveLength(5);
      }
      expect((await all.listed({ sort: "count" }))[0]).toEqual(["c", 3]);
      expect((await all.listed({ sort: "last_seen" }))[0]).toEqual(["e", 2]);
    });

    test("a cursor of another sort, or a broken one, is refused", async () => {
      await using all = await open();
      for (const hash of ["a", "b"]) await all.crash(signature(hash));
      const { nextCursor } = await all.groups.list("default", {}, { ...page, limit: 1 });
      const forged = (text: string) => Buffer.from(text).toString("base64url");
      for (const [cursor, sort] of [
        [nextCursor, "count"],
        ["nonsense", "last_seen"],
        [forged('[2,"last_seen",{},1]'), "last_seen"],
        [forged('[2,"last_seen","2026\\u0000","a"]'), "last_seen"],
        [forged('[2,"count",1e999,"a"]'), "count"],
        [forged('[2,"count",0.5,"a"]'), "count"],
        [forged('[2,"count",5000000000,"a"]'), "count"],
        [forged('[2,"count",1,"\\u0000"]'), "count"],
      ] as const)
        await expect(all.groups.list("default", {}, { ...page, sort, cursor })).rejects.toMatchObject({ code: "invalid_cursor" });
    });

    test("with filters of the jobs count the jobs that are left", async () => {
      await using all = await open();
      await all.crash(signature("a"), { labels: { release: "1" } });
      await all.crash(signature("a"), { at: day, labels: { release: "2" } });
      await all.crash(signature("b"), { at: 2 * day, labels: { release: "2" }, executable: "/bin/other" });
      expect(await all.listed({ sort: "count" }, { labels: { release: "2" } })).toEqual([
        ["b", 1],
        ["a", 1],
      ]);
      expect(await all.listed({}, { executable: "other" })).toEqual([["b", 1]]);
      expect(await all.listed({}, { pythonVersion: "3.11", labels: { release: "1" } })).toEqual([["a", 1]]);
      expect(await all.listed({}, { since: "2026-11-02T12:00:00Z" })).toEqual([["b", 1]]);
      expect(await all.listed({}, { function: "nowhere" })).toEqual([]);
      expect(await all.listed({ newSince: "2026-11-02T12:00:00.000Z" })).toEqual([["b", 1]]);
    });

    test("go by the group's state", async () => {
      await using all = await open();
      for (const hash of ["a", "b"]) await all.crash(signature(hash));
      await all.groups.edit("default", "a", { status: "ignored" }, null);
      expect(await all.listed({ status: "ignored" })).toEqual([["a", 1]]);
      expect(await all.listed({ status: "open" })).toEqual([["b", 1]]);
    });
  });

  describe("states", () => {
    test.each([
      ["without releases a later crash", null, {}, "regressed"],
      ["a crash of the resolving release", "1.10.0", { release: "1.10.0" }, "regressed"],
      ["a crash of a later release", "1.9.0", { release: "1.10.0" }, "regressed"],
      ["a crash of an earlier release", "1.10.0", { release: "1.9.3" }, "resolved"],
      ["a crash of a release that had it before and tells no order", "c0ffee", { release: "abad1dea" }, "resolved"],
      ["a crash of a release that never had it and tells no order", "c0ffee", { release: "feedface" }, "regressed"],
      ["a later crash that tells no release", "1.10.0", {}, "regressed"],
    ])("%s leaves a resolved group as promised", async (_name, resolvedIn, labels, state) => {
      await using all = await open();
      await all.crash(signature("a"), { labels: { release: "abad1dea" } });
      await all.groups.edit("default", "a", { status: "resolved", resolvedIn }, null);
      await all.crash(signature("a"), { at: 400 * day, labels });
      expect(await all.state("a")).toBe(state);
    });

    test("a note or a link of a resolved or regressed group leaves its state as it is", async () => {
      await using all = await open();
      await all.crash(signature("a"), { labels: { release: "1.0" } });
      await all.groups.edit("default", "a", { status: "resolved", resolvedIn: "1.1" }, null);
      const told = async () => {
        const group = (await all.groups.get("default", "a"))?.group;
        return { status: group?.status, resolved_in: group?.resolved_in, resolved_at: group?.resolved_at, regressed_at: group?.regressed_at };
      };
      for (const release of ["1.0", "1.2"]) {
        await all.crash(signature("a"), { labels: { release } });
        const before = await told();
        await all.groups.edit("default", "a", { note: release, issueUrl: "https://tracker.example/1" }, null);
        expect(await told()).toEqual(before);
      }
      expect(await told()).toMatchObject({ status: "regressed", resolved_in: "1.1", resolved_at: expect.any(String), regressed_at: expect.any(String) });
      await all.groups.edit("default", "a", { status: "open" }, null);
      expect(await told()).toEqual({ status: "open", resolved_in: null, resolved_at: null, regressed_at: null });
    });

    test("a crash from before the resolution does not make it regressed", async () => {
      await using all = await open();
      await all.crash(signature("a"));
      await all.groups.edit("default", "a", { status: "resolved" }, null);
      await all.crash(signature("a"), { at: day });
      expect(await all.state("a")).toBe("resolved");
    });

    test("an ignored group stays ignored", async () => {
      await using all = await open();
      await all.crash(signature("a"));
      await all.groups.edit("default", "a", { status: "ignored" }, null);
      await all.crash(signature("a"), { at: 400 * day });
      expect(await all.state("a")).toBe("ignored");
    });

    test("of two edits of one revision the second is refused and changes nothing", async () => {
      await using all = await open();
      await all.crash(signature("a"));
      const revision = (await all.groups.get("default", "a"))?.group.revision ?? null;
      expect(await all.groups.edit("default", "a", { note: "mine" }, revision)).toBe(true);
      await expect(all.groups.edit("default", "a", { note: "theirs" }, revision)).rejects.toMatchObject({ code: "precondition_failed" });
      expect((await all.groups.get("default", "a"))?.group).toMatchObject({ note: "mine", revision: (revision ?? 0) + 1 });
    });

    test("nothing is edited that is not there", async () => {
      await using all = await open();
      expect(await all.groups.edit("default", "a", { note: "x" }, null)).toBe(false);
    });
  });

  describe("merging and splitting", () => {
    test("a merged group counts both, answers to both hashes, and takes what comes later", async () => {
      await using all = await open();
      const first = await all.crash(signature("a"), { labels: { host: "x" } });
      const second = await all.crash(signature("b"), { at: day, labels: { host: "x" } });
      await all.groups.merge("default", "a", ["b"], null);
      const third = await all.crash(signature("b"), { at: 2 * day });
      const group = await all.groups.get("default", "b");
      expect(group?.group).toMatchObject({ hash: "a", count: 3, first_seen: "2026-11-01T00:00:00.000Z", last_seen: "2026-11-03T00:00:00.000Z" });
      expect(group?.facets).toContainEqual({ kind: "label.host", value: "x", count: 2 });
      expect(await all.listed()).toEqual([["a", 3]]);
      for (const hash of ["a", "b"]) {
        const { items } = await all.jobs.list("default", { signature: hash }, { limit: 10, cursor: null });
        expect(items.map(({ id }) => id)).toEqual([third, second, first]);
      }
    });

    test("a split gives both their own counts back and is remembered", async () => {
      await using all = await open();
      await all.crash(signature("a"));
      await all.crash(signature("b"), { at: day });
      await all.groups.merge("default", "a", ["b"], null);
      await all.groups.split("default", "a", ["b"], null);
      await all.crash(signature("b"), { at: 2 * day });
      expect((await all.groups.get("default", "a"))?.group).toMatchObject({ count: 1, last_seen: "2026-11-01T00:00:00.000Z" });
      expect((await all.groups.get("default", "b"))?.group).toMatchObject({ count: 2, first_seen: "2026-11-02T00:00:00.000Z" });
    });

    test("what is not there or cannot leave is refused, and nothing is half done", async () => {
      await using all = await open();
      for (const hash of ["a", "b"]) await all.crash(signature(hash));
      await expect(all.groups.merge("default", "a", ["b", "nope"], null)).rejects.toMatchObject({ code: "group_not_found" });
      await expect(all.groups.split("default", "a", ["a"], null)).rejects.toMatchObject({ code: "group_conflict" });
      await expect(all.groups.split("default", "a", ["b"], null)).rejects.toMatchObject({ code: "group_conflict" });
      expect(new Set((await all.listed()).map(([hash]) => hash))).toEqual(new Set(["a", "b"]));
    });
  });

  describe("a crash whose native side could not be seen", () => {
    const whole = signature("whole", { broad_hash: "broad" });
    const bare = signature("bare", { broad_hash: "broad", partial: true });

    test("joins the only group it can be of", async () => {
      await using all = await open();
      await all.crash(whole);
      await all.crash(bare, { at: day });
      expect(await all.listed()).toEqual([["whole", 2]]);
    });

    test("is joined by the first group it can be of when it came before", async () => {
      await using all = await open();
      await all.crash(bare);
      await all.crash(whole, { at: day });
      expect(await all.listed()).toEqual([["whole", 2]]);
      expect((await all.groups.get("default", "bare"))?.group.hash).toBe("whole");
    });

    test("stays alone where it can be of two", async () => {
      await using all = await open();
      await all.crash(whole);
      await all.crash(signature("other", { broad_hash: "broad" }), { at: 1 });
      await all.crash(bare, { at: day });
      expect((await all.listed()).map(([hash]) => hash)).toEqual(["bare", "other", "whole"]);
    });

    test("stays where people put it", async () => {
      await using all = await open();
      await all.crash(whole);
      await all.crash(bare, { at: day });
      await all.groups.split("default", "whole", ["bare"], null);
      await all.crash(whole, { at: 2 * day });
      expect(await all.listed({ sort: "last_seen" })).toEqual([
        ["whole", 2],
        ["bare", 1],
      ]);
    });
  });
}
