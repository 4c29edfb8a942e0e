import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AnalysisQueue, openAnalysisQueue } from "../../services/queue/analysis-queue.ts";
import { type JobChanges, openJobChanges } from "../../services/queue/job-changes.ts";
import type { RedisConnections } from "../../services/queue/connection.ts";
import { queuedJob } from "../../services/queue/queue-settings.ts";
import { recover, startRecovery } from "../../services/queue/recovery.ts";
import { type Database, openDatabase } from "../../services/storage/database.ts";
import { createJobStore } from "../../services/storage/create-job-store.ts";
import type { JobStore } from "../../services/storage/job-store.ts";
import { newCore, newJob, newReport } from "../storage/sample.ts";
import { type PrivateRedis, startPrivateRedis } from "../support/private-redis.ts";
import { type Processor, connect, eventually, silent, startConsumer } from "./parts.ts";

const attempts = 3;
let folder: string;
let databaseUrl: string;
let server: PrivateRedis;
let redis: RedisConnections;
let queue: AnalysisQueue;
let changes: JobChanges;
let database: Database;
let jobs: JobStore;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "inquest-recovery-"));
  databaseUrl = `sqlite:${folder}/inquest.sqlite`;
  server = await startPrivateRedis();
  redis = connect(server.url);
  queue = await openAnalysisQueue(redis, { attempts });
  changes = openJobChanges(redis);
  database = await openDatabase(databaseUrl);
  jobs = createJobStore(database);
});
afterEach(async () => {
  await database[Symbol.asyncDispose]();
  await changes[Symbol.asyncDispose]();
  await queue[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const parts = () => ({ jobs, queue, changes, attempts });
const status = async (id: string) => (await jobs.get("default", id))?.job.status;
const analyse: Processor = async (job) => {
  const started = await jobs.start(job.data.job_id);
  if (started !== null) await jobs.finish(started.job.id, started.run, { report: newReport(started.job.id), missingBinaries: [] });
};

describe("recovery", () => {
  test("queues all unfinished jobs again after Redis lost everything, and each ends once", async () => {
    const ids: string[] = [];
    for (let count = 0; count < 5; count += 1) {
      const { job } = await jobs.create(newJob());
      await queue.add(queuedJob(job));
      ids.push(job.id);
    }
    const cancelled = ids.pop() ?? "";
    await jobs.cancel("default", cancelled);
    await redis.commands.flushall();
    expect(await recover(parts())).toEqual({ queued: 4, abandoned: 0 });
    expect(await recover(parts())).toEqual({ queued: 0, abandoned: 0 });
    await using _consumer = await startConsumer(redis, analyse);
    for (const id of ids)
      await eventually(
        () => status(id),
        (now) => now === "succeeded",
      );
    expect((await jobs.get("default", ids[0] ?? ""))?.job.attempts).toBe(1);
    expect(await status(cancelled)).toBe("cancelled");
  });

  test("goes on by itself: what is lost later is queued again too", async () => {
    await using _recovery = startRecovery({ ...parts(), log: silent, everyMilliseconds: 100 });
    const { job } = await jobs.create(newJob());
    await eventually(
      () => queue.lacking([job.id]),
      (lacking) => lacking.length === 0,
    );
    await server.stop();
    await server.start();
    await eventually(
      () => redis.commands.flushall(),
      (answer) => answer === "OK",
    );
    await eventually(
      () => queue.lacking([job.id]),
      (lacking) => lacking.length === 0,
    );
    expect(await status(job.id)).toBe("queued");
  });

  test("survives a Redis that is gone, and tells it", async () => {
    await jobs.create(newJob());
    await server.stop();
    await expect(recover(parts())).rejects.toMatchObject({ code: "queue_unavailable" });
  });

  test("does not touch a job that a worker has in hand", async () => {
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    await using _consumer = await startConsumer(redis, async (job, token, signal) => {
      await held;
      await analyse(job, token, signal);
    });
    const { job } = await jobs.create(newJob());
    await queue.add(queuedJob(job));
    await eventually(
      () => queue.counts(),
      (counts) => counts.active === 1,
    );
    expect(await recover(parts())).toEqual({ queued: 0, abandoned: 0 });
    release();
    await eventually(
      () => status(job.id),
      (now) => now === "succeeded",
    );
  });

  test("ends a job whose worker died at every attempt, says so, and wakes who waits for it", async () => {
    const { job } = await jobs.create(newJob());
    for (let attempt = 0; attempt < attempts; attempt += 1) await jobs.start(job.id);
    const { promise, resolve } = Promise.withResolvers<string>();
    void changes.next(job.id, 15_000).then(() => resolve("woken"));
    expect(await recover(parts())).toEqual({ queued: 0, abandoned: 1 });
    expect(await promise).toBe("woken");
    expect((await jobs.get("default", job.id))?.job).toMatchObject({ status: "failed", error: { code: "worker_lost", stage: "queue" } });
  });

  test("brings a large job that has waited long to the front", async () => {
    const large = newJob();
    await jobs.create({ ...large, core: { ...newCore(large.id), size: 2 ** 40 } });
    await database.query.updateTable("jobs").set({ created_at: "2026-01-01T00:00:00.000Z" }).where("id", "=", large.id).execute();
    await queue.add({ id: large.id, coreSize: 2 ** 40, priority: "normal" });
    const small: string[] = [];
    await recover(parts());
    for (let count = 0; count < 3; count += 1) {
      const { job } = await jobs.create(newJob());
      await queue.add(queuedJob(job));
      small.push(job.id);
    }
    const order: string[] = [];
    await using _consumer = await startConsumer(redis, (job) => Promise.resolve(void order.push(job.data.job_id)));
    await eventually(
      () => order.length,
      (length) => length === 4,
    );
    expect(order).toEqual([large.id, ...small]);
  });
});

describe("a worker process killed in mid-job", () => {
  test("loses its job to another worker, which ends it well at the second attempt", async () => {
    const { job } = await jobs.create(newJob());
    await queue.add(queuedJob(job));
    const victim = spawn(process.execPath, ["--import", "tsx", "test/queue/holding-worker.ts", server.url, databaseUrl], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const gone = once(victim, "exit");
    const [line] = await once(victim.stdout, "data");
    expect(String(line).trim()).toBe(job.id);
    expect(await status(job.id)).toBe("running");
    victim.kill("SIGKILL");
    await gone;
    await using _consumer = await startConsumer(redis, analyse);
    await eventually(
      () => status(job.id),
      (now) => now === "succeeded",
    );
    expect((await jobs.get("default", job.id))?.job.attempts).toBe(2);
  });
});
