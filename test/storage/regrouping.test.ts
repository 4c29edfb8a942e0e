import { expect, test } from "vitest";
import type { Report, Signature } from "../../services/contract/report.ts";
import { openDatabase } from "../../services/storage/database.ts";
import { createGroupStore } from "../../services/storage/group-store.ts";
import { createJobStore } from "../../services/storage/create-job-store.ts";
import { regroupNext } from "../../services/storage/regrouping.ts";
import { createReportStore } from "../../services/storage/report-store.ts";
import { signature } from "./group-contract.ts";
import { newJob, newReport } from "./sample.ts";

async function stored() {
  const database = await openDatabase("sqlite::memory:");
  const jobs = createJobStore(database);
  const crash = async (of: Signature | null, uid: number) => {
    const { job } = await jobs.create(newJob());
    const started = await jobs.start(job.id);
    const report = newReport(job.id, { signature: of });
    await jobs.finish(job.id, started?.run ?? 0, { report: { ...report, process: { ...report.process, uid } }, missingBinaries: [] });
    return job.id;
  };
  const regroup = async (signatureOf: (report: Report) => Signature | null) => {
    let changed = 0;
    for (;;) {
      const batch = await regroupNext(database, 2, signatureOf);
      changed += batch.changed;
      if (batch.done) return changed;
    }
  };
  return {
    database,
    jobs,
    groups: createGroupStore(database),
    reports: createReportStore(database),
    crash,
    regroup,
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

const newer = (hash: string) => signature(hash, { version: 2 });

test("newer rules move every job once, the group goes on with its state, and old hashes resolve", async () => {
  await using all = await stored();
  const ids: string[] = [];
  for (let index = 0; index < 45; index += 1) ids.push(await all.crash(signature("old"), 0));
  await all.groups.edit("default", "old", { status: "ignored", note: "known" }, null);
  expect(await all.regroup(() => newer("new"))).toBe(45);
  const group = await all.groups.get("default", "old");
  expect(group?.group).toMatchObject({ hash: "old", count: 45, status: "ignored", note: "known" });
  expect((await all.groups.get("default", "new"))?.group.hash).toBe("old");
  expect((await all.jobs.get("default", ids[7] ?? ""))?.job.signature?.hash).toBe("new");
  expect((await all.reports.get(ids[7] ?? ""))?.signature).toMatchObject({ hash: "new", version: 2 });
  expect(await all.regroup(() => newer("never asked again"))).toBe(0);
});

test("a group is called as its crashes are by newer rules, and as the others where people merged it", async () => {
  await using all = await stored();
  await all.crash(signature("old", { title: "SIGSEGV in old" }), 0);
  await all.crash(signature("own", { title: "SIGSEGV in own" }), 1);
  await all.crash(signature("lone", { title: "SIGSEGV in lone" }), 2);
  await all.groups.merge("default", "old", ["own"], null);
  await all.regroup((report) => signature(`new-${report.process.uid}`, { version: 2, title: `SIGSEGV in new-${report.process.uid}` }));
  const titleOf = async (hash: string) => (await all.groups.get("default", hash))?.group.title;
  expect([await titleOf("old"), await titleOf("lone")]).toEqual(["SIGSEGV in new-0", "SIGSEGV in new-2"]);
});

test("rules that tell apart what was one group give the rest groups of their own", async () => {
  await using all = await stored();
  for (const uid of [1, 1, 2]) await all.crash(signature("old"), uid);
  await all.regroup((report) => newer(`new-${report.process.uid}`));
  expect((await all.groups.get("default", "new-1"))?.group).toMatchObject({ hash: "old", count: 2 });
  expect((await all.groups.get("default", "new-2"))?.group).toMatchObject({ hash: "new-2", count: 1 });
});

test("jobs from before there were signatures get one", async () => {
  await using all = await stored();
  await all.crash(null, 0);
  await all.regroup(() => newer("new"));
  expect((await all.groups.get("default", "new"))?.group.count).toBe(1);
});
