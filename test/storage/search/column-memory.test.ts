import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openDatabase } from "../../../services/storage/database.ts";
import { createJobStore } from "../../../services/storage/create-job-store.ts";
import type { JobStore } from "../../../services/storage/job-store.ts";
import { newJob } from "../sample.ts";

const statuses = async (jobs: JobStore) => {
  const { rows } = await jobs.stats("default", {}, { by: ["status"], interval: null, limit: 10 });
  return Object.fromEntries(rows.map(({ values, count }) => [values[0], count]));
};

test("counts read a column once, and again as soon as anybody changed its block", async () => {
  const folder = await mkdtemp(join(tmpdir(), "inquest-columns-"));
  await using cleaning = new AsyncDisposableStack();
  cleaning.defer(() => rm(folder, { recursive: true, force: true }));
  const url = `sqlite:${join(folder, "jobs.sqlite")}`;
  const read: string[] = [];
  const reader = cleaning.use(await openDatabase(url, { observe: ({ sql }) => void (sql.includes('from "search_columns"') && read.push(sql)) }));
  const writer = createJobStore(cleaning.use(await openDatabase(url)));
  const jobs = createJobStore(reader);
  const first = newJob();
  await writer.create(first);
  await writer.create(newJob());
  expect(await statuses(jobs)).toEqual({ queued: 2 });
  expect(await statuses(jobs)).toEqual({ queued: 2 });
  expect(read).toHaveLength(1);
  await writer.start(first.id);
  expect(await statuses(jobs)).toEqual({ queued: 1, running: 1 });
  await writer.create(newJob());
  expect(await statuses(jobs)).toEqual({ queued: 2, running: 1 });
  expect(read).toHaveLength(3);
});
