import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openAnalysisQueue } from "../../services/queue/analysis-queue.ts";
import { listenForCancellations } from "../../services/queue/cancellation.ts";
import { openJobChanges } from "../../services/queue/job-changes.ts";
import { type WorkerInfo, openWorkerDirectory, startHeartbeat } from "../../services/queue/worker-presence.ts";
import { type PrivateRedis, startPrivateRedis } from "../support/private-redis.ts";
import { connect, eventually, startConsumer } from "./parts.ts";

let server: PrivateRedis;

beforeEach(async () => {
  server = await startPrivateRedis();
});
afterEach(() => server[Symbol.asyncDispose]());

/** Longer than any test may take: what resolves before was woken. */
const long = 30_000;

describe("news about a job", () => {
  test("wakes those who wait for this job, in this and in another process, and nobody else", async () => {
    await using here = connect(server.url);
    await using there = connect(server.url);
    await using sender = openJobChanges(here);
    await using receiver = openJobChanges(there);
    await eventually(
      () => here.commands.pubsub("NUMSUB", "inquest:changes"),
      ([, count]) => count === 2,
    );
    const settled = receiver.next("settled", long);
    await sender.announce("settled");
    await settled;
    const woken: string[] = [];
    const waits = [sender.next("a", long).then(() => woken.push("here")), receiver.next("a", long).then(() => woken.push("there"))];
    const abort = new AbortController();
    const other = receiver.next("b", long, abort.signal).then(() => woken.push("other"));
    await sender.announce("a");
    await Promise.all(waits);
    expect(woken.toSorted()).toEqual(["here", "there"]);
    abort.abort();
    await other;
  });

  test("is awaited no longer than the time given, and not at all with an aborted signal", async () => {
    await using redis = connect(server.url);
    await using changes = openJobChanges(redis);
    await expect(changes.next("a", 10)).resolves.toBeUndefined();
    await expect(changes.next("a", long, AbortSignal.abort())).resolves.toBeUndefined();
  });

  test("wakes everybody when Redis is back: what was said meanwhile was not heard", async () => {
    await using redis = connect(server.url);
    await using changes = openJobChanges(redis);
    await eventually(
      () => redis.commands.pubsub("NUMSUB", "inquest:changes"),
      ([, count]) => count === 1,
    );
    await server.stop();
    const wait = changes.next("a", long);
    await changes.announce("b");
    await server.start();
    await expect(wait).resolves.toBeUndefined();
  });

  test("ends all waits when it is closed", async () => {
    await using redis = connect(server.url);
    const changes = openJobChanges(redis);
    const wait = changes.next("a", long);
    await changes[Symbol.asyncDispose]();
    await expect(wait).resolves.toBeUndefined();
  });
});

describe("a cancellation", () => {
  test("aborts the job's signal in the worker that has it, and takes a waiting job out of the queue", async () => {
    await using redis = connect(server.url);
    await using queue = await openAnalysisQueue(redis, { attempts: 3 });
    const running = new Set<string>();
    const reasons: unknown[] = [];
    await using consumer = await startConsumer(redis, async (job, _token, signal) => {
      running.add(job.data.job_id);
      await new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve()));
      reasons.push(job.data.job_id, signal?.reason);
      running.delete(job.data.job_id);
    });
    using _listener = listenForCancellations(redis, {
      jobs: { stopped: () => Promise.resolve([]) },
      running: () => [...running],
      cancel: (id) => consumer.worker.cancelJob(id, "cancelled"),
    });
    await eventually(
      () => redis.commands.pubsub("NUMSUB", "inquest:cancellations"),
      ([, count]) => count === 1,
    );
    await queue.add({ id: "first", coreSize: 1, priority: "normal" });
    await eventually(
      () => running.size,
      (size) => size === 1,
    );
    await queue.add({ id: "second", coreSize: 1, priority: "normal" });
    await queue.cancel("second");
    await queue.cancel("first");
    await eventually(
      () => reasons.length,
      (length) => length > 0,
    );
    expect(reasons).toEqual(["first", "cancelled"]);
    await eventually(
      () => queue.lacking(["first", "second"]),
      (lacking) => lacking.length === 2,
    );
  });

  test("whose message was lost is found in the database", async () => {
    await using redis = connect(server.url);
    const cancelled: string[] = [];
    using _listener = listenForCancellations(redis, {
      jobs: { stopped: (ids) => Promise.resolve(ids.filter((id) => id === "b")) },
      running: () => ["a", "b"],
      cancel: (id) => cancelled.push(id),
      pollMilliseconds: 20,
    });
    await eventually(
      () => cancelled.length,
      (length) => length > 0,
    );
    expect(new Set(cancelled)).toEqual(new Set(["b"]));
  });
});

describe("a worker", () => {
  const info = (): WorkerInfo => ({ id: randomUUID(), pid: 1, started_at: "2026-11-23T04:05:06.789Z", concurrency: 2, capabilities: { gdb: "13.1" } });

  test("is known with what it can do as long as it lives", async () => {
    await using redis = connect(server.url);
    await using workerSide = connect(server.url);
    const directory = openWorkerDirectory(redis);
    const [one, two] = [info(), info()];
    const first = startHeartbeat(workerSide, one);
    await using _second = startHeartbeat(workerSide, two);
    const known = await eventually(
      () => directory.alive(),
      (workers) => workers.length === 2,
    );
    expect(known).toEqual(expect.arrayContaining([one, two]));
    await first[Symbol.asyncDispose]();
    expect(await directory.alive()).toEqual([two]);
  });

  test("that fell silent is forgotten: its key expires by itself", async () => {
    await using redis = connect(server.url);
    const directory = openWorkerDirectory(redis);
    const one = info();
    await using _heartbeat = startHeartbeat(redis, one);
    await eventually(
      () => directory.alive(),
      (workers) => workers.length === 1,
    );
    const left = await redis.commands.pttl(`inquest:worker:${one.id}`);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(15_000);
    await redis.commands.del(`inquest:worker:${one.id}`);
    expect(await directory.alive()).toEqual([]);
    expect(await redis.commands.smembers("inquest:workers")).toEqual([]);
  });

  test("tells again at once when Redis is back without its data", async () => {
    await using redis = connect(server.url);
    const directory = openWorkerDirectory(redis);
    await using _heartbeat = startHeartbeat(redis, info());
    await eventually(
      () => directory.alive(),
      (workers) => workers.length === 1,
    );
    await redis.commands.flushall();
    await server.stop();
    await expect(directory.alive()).rejects.toMatchObject({ code: "queue_unavailable" });
    await server.start();
    await eventually(
      () => directory.alive(),
      (workers) => workers.length === 1,
    );
  });
});
