import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Database, openDatabase } from "../../services/storage/database.ts";
import { createJobStore } from "../../services/storage/create-job-store.ts";
import { createReportStore } from "../../services/storage/report-store.ts";
import { newBinary, newJob } from "./sample.ts";

let folder: string;
let url: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "inquest-sqlite-"));
  url = `sqlite:${folder}/inquest.sqlite`;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const startWriter = (count: number): ChildProcessByStdio<null, Readable, Readable> =>
  spawn(process.execPath, ["--import", "tsx", "test/storage/writer.ts", url, String(count)], { stdio: ["ignore", "pipe", "pipe"] });

async function written(writer: ChildProcessByStdio<null, Readable, Readable>, onId: (ids: readonly string[]) => void = () => undefined): Promise<string[]> {
  const ids: string[] = [];
  const exit = once(writer, "exit");
  for await (const line of createInterface({ input: writer.stdout })) {
    ids.push(line);
    onId(ids);
  }
  await exit;
  return ids;
}

async function finishedIds(database: Database): Promise<string[]> {
  const ids: string[] = [];
  for await (const job of createJobStore(database).iterate("default", { status: "succeeded" })) ids.push(job.id);
  return ids;
}

test("several processes that start on no file at all migrate once and lose no row", async () => {
  const writers = [1, 2, 3, 4].map(() => startWriter(25));
  const ids = (await Promise.all(writers.map((writer) => written(writer)))).flat();
  expect(writers.map((writer) => writer.exitCode)).toEqual([0, 0, 0, 0]);
  expect(ids).toHaveLength(100);
  await using database = await openDatabase(url);
  expect((await finishedIds(database)).toSorted()).toEqual(ids.toSorted());
});

test("a process killed while it writes loses nothing that it had confirmed, and the others go on", async () => {
  const victim = startWriter(100_000);
  const other = startWriter(40);
  const [killed, finished] = await Promise.all([
    written(victim, (ids) => {
      if (ids.length === 10) victim.kill("SIGKILL");
    }),
    written(other),
  ]);
  expect(other.exitCode).toBe(0);
  expect(finished).toHaveLength(40);
  await using database = await openDatabase(url);
  const reports = createReportStore(database);
  const stored = new Set(await finishedIds(database));
  for (const id of [...killed, ...finished]) {
    expect(stored.has(id)).toBe(true);
    expect((await reports.get(id))?.job_id).toBe(id);
  }
});

test("jobs and reports are there after a restart", async () => {
  const writer = startWriter(1);
  const [id = ""] = await written(writer);
  await using database = await openDatabase(url);
  expect((await createJobStore(database).get("default", id))?.job.status).toBe("succeeded");
  expect((await createReportStore(database).get(id))?.python?.version).toBe("3.11.2");
});

test("the database and its log are for their owner alone", async () => {
  await using database = await openDatabase(url);
  await createJobStore(database).create(newJob());
  for (const suffix of ["", "-wal", "-shm"]) expect((await stat(`${folder}/inquest.sqlite${suffix}`)).mode & 0o077).toBe(0);
});

test("two queries at once in one process keep their transactions apart", async () => {
  await using database = await openDatabase(url);
  const jobs = createJobStore(database);
  const good = newJob();
  const bad = newJob({
    binaries: [newBinary({ content: "f", build_id: null, kind: "debug", filename: "f" })],
  });
  // The second attachment has the first one's place: the whole job must go.
  const broken = jobs.create({ ...bad, id: good.id });
  const outcomes = await Promise.allSettled([jobs.create(good), broken]);
  expect(outcomes.map((outcome) => outcome.status).toSorted()).toEqual(["fulfilled", "rejected"]);
  const rows = await database.query.selectFrom("job_binaries").selectAll().execute();
  const winner = await jobs.get("default", good.id);
  expect(rows).toHaveLength(winner?.coreBlob === good.coreBlob ? 0 : 1);
});

test("a file that is no database, and a path that leads through a file, are named as such without their paths", async () => {
  await writeFile(join(folder, "inquest.sqlite"), "this is no database, but it is long enough to be read as a header of one ".repeat(20));
  await expect(openDatabase(url)).rejects.toMatchObject({ code: "database_unavailable", message: expect.not.stringContaining(folder) });
  await expect(openDatabase(`sqlite:${folder}/inquest.sqlite/db`)).rejects.toMatchObject({
    code: "database_unavailable",
    message: expect.not.stringContaining(folder),
  });
  await expect(openDatabase("mysql://x")).rejects.toMatchObject({ code: "configuration_invalid" });
});

test("a full database says store_full and the transaction leaves nothing behind", async () => {
  await using database = await openDatabase(url);
  const jobs = createJobStore(database);
  const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(database.query);
  await sql.raw(`pragma max_page_count = ${(rows[0]?.page_count ?? 0) + 2}`).execute(database.query);
  const big = newJob({ labels: { long: "x".repeat(100_000) } });
  await expect(jobs.create(big)).rejects.toMatchObject({ code: "store_full" });
  expect(await jobs.get("default", big.id)).toBeNull();
  await expect(jobs.create(newJob())).resolves.toMatchObject({ created: true });
});
