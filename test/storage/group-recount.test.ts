/** Whatever becomes of jobs and groups, in whatever order: what is kept counted is what counting anew gives. */
import * as fc from "fast-check";
import { v7 } from "uuid";
import { expect, test } from "vitest";
import type { Signature } from "../../services/contract/report.ts";
import { type Database, openDatabase } from "../../services/storage/database.ts";
import { createGroupStore } from "../../services/storage/group-store.ts";
import { createJobStore } from "../../services/storage/create-job-store.ts";
import { regroupNext } from "../../services/storage/regrouping.ts";
import { signature } from "./group-contract.ts";
import { nameOf, recount, type Recount } from "./recount.ts";
import { newJob, newReport } from "./sample.ts";

const start = Date.UTC(2026, 10, 1);
const day = 86_400_000;
const hashes = ["a", "b", "c", "d"];
/** Of two a native side is missing, so they may join others by themselves. */
const signatures: readonly Signature[] = hashes.map((hash, at) => signature(hash, { broad_hash: at < 3 ? "broad" : "d", partial: at === 1 }));

const place = fc.nat({ max: 30 });
const hash = fc.constantFrom(...hashes);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("crash" as const),
      of: fc.constantFrom(...signatures, null),
      on: fc.nat({ max: 9 }),
      host: fc.constantFrom("web1", "web2"),
    }),
  },
  fc.record({ kind: fc.constant("again" as const), job: place, of: fc.constantFrom(...signatures) }),
  fc.record({ kind: fc.constantFrom("delete" as const, "cancel" as const), job: place }),
  fc.record({ kind: fc.constant("label" as const), job: place, host: fc.constantFrom("web1", "web2", null) }),
  fc.record({ kind: fc.constantFrom("merge" as const, "split" as const), hash, other: hash }),
  fc.record({ kind: fc.constant("expire" as const), on: fc.nat({ max: 9 }) }),
  fc.record({ kind: fc.constant("regroup" as const), version: fc.integer({ min: 2, max: 4 }) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const labelLimits = { labels_per_job: 64, label_bytes: 1_024 };

/** A merge or a split of what is not there is refused; all else must go through. */
const unlessRefused = (work: Promise<unknown>) =>
  work.catch((error: unknown) => {
    if (!(error instanceof Error && "code" in error && String(error.code).startsWith("group_"))) throw error;
  });

async function run(database: Database, steps: readonly Step[]): Promise<void> {
  const [jobs, groups] = [createJobStore(database), createGroupStore(database)];
  const made: string[] = [];
  const analyse = async (id: string, of: Signature | null) => {
    const started = await jobs.start(id);
    if (started !== null) await jobs.finish(id, started.run, { report: newReport(id, { signature: of }), missingBinaries: [] });
  };
  for (const each of steps) {
    const id = "job" in each ? (made[each.job % Math.max(1, made.length)] ?? "") : "";
    switch (each.kind) {
      case "crash": {
        const job = v7({ msecs: start + each.on * day });
        made.push(job);
        await jobs.create(newJob({ id: job, labels: { host: each.host }, expiresAt: new Date(start + (each.on + 5) * day).toISOString() }));
        await analyse(job, each.of);
        break;
      }
      case "again":
        if ((await jobs.get("default", id)) !== null && (await jobs.requeue("default", id).catch(() => null)) !== null) await analyse(id, each.of);
        break;
      case "delete":
        await jobs.delete("default", id);
        break;
      case "label":
        if ((await jobs.get("default", id)) !== null) await jobs.edit("default", id, { labels: { host: each.host } }, null, labelLimits);
        break;
      case "cancel":
        if ((await jobs.requeue("default", id).catch(() => null)) !== null) await jobs.cancel("default", id);
        break;
      case "merge":
        await unlessRefused(groups.merge("default", each.hash, [each.other], null));
        break;
      case "split":
        await unlessRefused(groups.split("default", each.hash, [each.other], null));
        break;
      case "expire":
        await jobs.expire(new Date(start + (each.on + 35) * day));
        break;
      case "regroup": {
        // Newer rules that tell apart what they took for one, and the other way round.
        const rules = (of: Signature): Signature => ({ ...of, hash: `${of.hash.slice(0, 1)}${each.version % 2}`, version: each.version });
        await regroupNext(database, each.version, (report) => (report.signature === null ? null : rules(report.signature)));
        break;
      }
    }
  }
}

/** Counts by signature and group, and by group under a filter, as lists and statistics tell them. */
async function told(database: Database): Promise<Pick<Recount, "stats" | "hosts" | "pairs">> {
  const [jobs, groups] = [createJobStore(database), createGroupStore(database)];
  const { rows } = await jobs.stats("default", {}, { by: ["signature"], interval: null, limit: 100 });
  const pairs = await jobs.stats("default", {}, { by: ["label.host", "signature"], interval: "1d", limit: 100 });
  const page = { sort: "count", status: null, newSince: null, limit: 100, cursor: null } as const;
  const { items } = await groups.list("default", { labels: { host: "web1" } }, page);
  return {
    stats: new Map(rows.flatMap(({ values: [group], count }) => (group == null ? [] : [[group, count]]))),
    pairs: new Map(
      pairs.rows.flatMap(({ values: [host, group], spans }) => (spans ?? []).map(({ start: from, count }) => [nameOf(group, host, from.slice(0, 10)), count])),
    ),
    hosts: new Map(items.map(({ group, count }) => [group.hash, count])),
  };
}

test("the counts of signatures, groups, facets and statistics are those of counting anew, whatever was done", { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 24 }), async (steps) => {
      await using database = await openDatabase("sqlite::memory:");
      await run(database, steps);
      const anew = await recount(database, "default", "web1");
      expect(anew.kept).toEqual(anew.counted);
      expect(await told(database)).toEqual({ stats: anew.stats, hosts: anew.hosts, pairs: anew.pairs });
    }),
    { numRuns: 15 },
  );
});
