import { v7 } from "uuid";
import { expect, test } from "vitest";
import { openDatabase } from "../../services/storage/database.ts";
import { firstIdAt, timeOfId } from "../../services/storage/id-time.ts";
import { pageQuery } from "../../services/storage/job-search.ts";
import { type JobFilters, createJobStore } from "../../services/storage/job-store.ts";
import { newJob } from "./sample.ts";

const filters: JobFilters[] = [
  {},
  { status: "queued" },
  { signal: 11 },
  { signature: "x" },
  { executable: "x" },
  { since: "2026-01-01T00:00:00Z", until: "2027-01-01T00:00:00Z" },
  { pythonVersion: "3.11" },
  { function: "x" },
  { function: "x", file: "y", extension: "z", diagnosis: "w", labels: { a: "b" } },
  { function: "x", status: "failed", signal: 11, since: "2026-01-01T00:00:00Z" },
];

test.each(filters)("a page of jobs with %j walks one index in its order and sorts nothing", async (some) => {
  await using database = await openDatabase("sqlite::memory:");
  const query = pageQuery(database, "default", some, v7(), 50).compile();
  const { rows } = await database.query.executeQuery<{ detail: string }>({ ...query, sql: `explain query plan ${query.sql}` });
  const plan = rows.map((row) => row.detail);
  expect(plan[0]).toMatch(/^SEARCH (jobs USING INDEX jobs_by_\w+|job_terms USING PRIMARY KEY) \(project_id=\?/);
  expect(plan.filter((step) => !/^(SEARCH|CORRELATED SCALAR SUBQUERY)/.test(step))).toEqual([]);
});

test("since is included and until is not, to the millisecond", async () => {
  await using database = await openDatabase("sqlite::memory:");
  const jobs = createJobStore(database);
  const at = (milliseconds: number) => v7({ msecs: Date.UTC(2026, 10, 23) + milliseconds });
  const [before, first, last, after] = [at(-1), at(0), at(9), at(10)];
  for (const id of [before, first, last, after]) await jobs.create(newJob({ id }));
  const range = { since: "2026-11-23T01:00:00+01:00", until: "2026-11-23T00:00:00.010Z" };
  const { items } = await jobs.list("default", range, { limit: 10, cursor: null });
  expect(items.map((job) => [job.id, job.created_at])).toEqual([
    [last, "2026-11-23T00:00:00.009Z"],
    [first, "2026-11-23T00:00:00.000Z"],
  ]);
});

test("ids and times are in one order, at the ends of time too", () => {
  const id = v7();
  expect(firstIdAt(timeOfId(id)) <= id && id < firstIdAt(timeOfId(id) + 1)).toBe(true);
  expect([firstIdAt(-1), firstIdAt(0)]).toEqual(Array(2).fill("00000000-0000-0000-0000-000000000000"));
  expect(firstIdAt(8.64e15)).toBe("ffffffff-ffff-0000-0000-000000000000");
});
