import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { UnfinishedJob } from "../../services/storage/job-store.ts";
import { removeFormerRuns, sweepJobFolders } from "../../workers/leftovers.ts";

const alive = "0193515a-7c1e-7000-8000-000000000001";
const dead = "0193515a-7c1e-7000-8000-000000000002";
let root: string;
let work: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "inquest-leftovers-"));
  work = join(root, "work");
  for (const name of [`${alive}-1`, `${alive}-2`, `${dead}-1`, "not-ours"]) {
    await mkdir(join(work, name, "out"), { recursive: true });
    await writeFile(join(work, name, "out", "python.json"), "{}");
  }
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function* unfinished(): AsyncIterable<UnfinishedJob> {
  await Promise.resolve();
  yield { id: alive, status: "running", createdAt: "", attempts: 1, coreSize: 1, priority: "normal" };
}

describe("job folders of dead workers", () => {
  test("are removed at start, but for those of unfinished jobs and what is not ours", async () => {
    expect(await sweepJobFolders(work, { unfinished })).toBe(1);
    expect((await readdir(work)).toSorted()).toEqual([`${alive}-1`, `${alive}-2`, "not-ours"]);
  });

  test("are removed where a gdb of theirs waited for a job, and kept where the worker still lives", async () => {
    const [mine, parents] = [process.pid, process.ppid].map((pid) => `waiting-${pid}-${dead}`);
    for (const name of [mine, parents, `waiting-4194304-${dead}`]) await mkdir(join(work, name ?? ""), { recursive: true });
    await sweepJobFolders(work, { unfinished });
    expect((await readdir(work)).filter((name) => name.startsWith("waiting"))).toEqual([parents]);
  });

  test("are removed when the same job runs again", async () => {
    await removeFormerRuns(work, alive, 2);
    expect((await readdir(work)).toSorted()).toEqual([`${alive}-2`, `${dead}-1`, "not-ours"]);
  });

  test("are none where no worker ever ran", async () => {
    expect(await sweepJobFolders(join(root, "new"), { unfinished })).toBe(0);
    expect(await readdir(join(root, "new"))).toEqual([]);
  });
});
