import { v7 } from "uuid";
import { expect, test } from "vitest";
import { openDatabase } from "../../services/storage/database.ts";
import { firstIdAt, timeOfId } from "../../services/storage/id-time.ts";
import { createJobStore } from "../../services/storage/create-job-store.ts";
import { newJob } from "./sample.ts";

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
