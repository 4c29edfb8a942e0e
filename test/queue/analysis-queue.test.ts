import { v7 } from "uuid";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { JobPriority } from "../../services/contract/job.ts";
import { Failure } from "../../services/contract/failure.ts";
import { openAnalysisQueue } from "../../services/queue/analysis-queue.ts";
import { isRetryable, patientPriority, priorityOf, returnToQueue, shutdownReason, stopWorker, unrecoverable } from "../../services/queue/queue-settings.ts";
import { type PrivateRedis, startPrivateRedis } from "../support/private-redis.ts";
import { connect, eventually, startConsumer } from "./parts.ts";

const GiB = 1024 ** 3;
const attempts = 3;
const queued = (id: string, coreSize: number, priority: JobPriority = "normal") => ({ id, coreSize, priority });
let server: PrivateRedis;

beforeEach(async () => {
  server = await startPrivateRedis();
});
afterEach(() => server[Symbol.asyncDispose]());

describe("the order", () => {
  test("is small cores first, and first come first served among alike ones", async () => {
    await using redis = connect(server.url);
    await using queue = await openAnalysisQueue(redis, { attempts });
    const [huge, large, small, smallToo] = [v7(), v7(), v7(), v7()];
    await queue.add(queued(huge, 60 * GiB));
    await queue.add(queued(large, 1 * GiB));
    await queue.add(queued(small, 2_000_000));
    await queue.add(queued(smallToo, 1_000_000));
    expect(await queue.counts()).toEqual({ waiting: 4, active: 0, delayed: 0 });
    const order: string[] = [];
    await using _consumer = await startConsumer(redis, (job) => {
      order.push(job.data.job_id);
      return Promise.resolve();
    });
    await eventually(
      () => order.length,
      (length) => length === 4,
    );
    expect(order).toEqual([small, smallToo, large, huge]);
  });

  test("puts a preferred job with the small ones", async () => {
    await using redis = connect(server.url);
    await using queue = await openAnalysisQueue(redis, { attempts });
    const [huge, large] = [v7(), v7()];
    await queue.add(queued(large, 1 * GiB));
    await queue.add(queued(huge, 60 * GiB));
    await queue.setPriority(huge, priorityOf(queued(large, 0)));
    await queue.setPriority(v7(), 1);
    const order: string[] = [];
    await using _consumer = await startConsumer(redis, (job) => Promise.resolve(void order.push(job.data.job_id)));
    await eventually(
      () => order.length,
      (length) => length === 2,
    );
    expect(order).toEqual([huge, large]);
  });

  test("has a priority for every size that there is", () => {
    const places = (priority: JobPriority) => [0, 1, 64 * 1024 ** 2, 64 * 1024 ** 2 + 1, GiB, 2 ** 60].map((coreSize) => priorityOf({ coreSize, priority }));
    expect(places("high")).toEqual([1, 1, 1, 2, 3, 7]);
    expect(places("normal")).toEqual([9, 9, 9, 10, 11, 15]);
    expect(places("low")).toEqual([17, 17, 17, 18, 19, 23]);
  });

  test("goes by patience too: a large core passes small ones of its own urgency, and low counts as normal after half a day", () => {
    const [minute, hour] = [60_000, 3_600_000];
    const place = (priority: JobPriority, waitedMs: number) => patientPriority({ coreSize: 2 ** 40, priority }, waitedMs);
    expect([place("normal", 9 * minute), place("normal", 11 * minute)]).toEqual([15, 9]);
    expect([place("low", minute), place("low", hour), place("low", 13 * hour)]).toEqual([23, 17, 9]);
  });

  test("lets a job of a person pass the many that were sent at once, and one that was made urgent pass all", async () => {
    await using redis = connect(server.url);
    await using queue = await openAnalysisQueue(redis, { attempts });
    const many = [v7(), v7(), v7()];
    const [single, urgent] = [v7(), many[2] ?? ""];
    expect(await queue.addNew(many.map((id) => queued(id, 1, "low")))).toBe("added");
    await queue.add(queued(single, GiB));
    await queue.setPriority(urgent, priorityOf(queued(urgent, 1, "high")));
    const order: string[] = [];
    await using _consumer = await startConsumer(redis, (job) => Promise.resolve(void order.push(job.data.job_id)));
    await eventually(
      () => order.length,
      (length) => length === 4,
    );
    expect(order).toEqual([urgent, single, many[0], many[1]]);
  });
});

describe("a job", () => {
  test("added twice runs once, and leaves nothing in Redis when it has ended", async () => {
    await using redis = connect(server.url);
    await using queue = await openAnalysisQueue(redis, { attempts });
    const id = v7();
    expect(await Promise.all([queue.add(queued(id, 1)), queue.add(queued(id, 1))])).toEqual(["added", "added"]);
    let runs = 0;
    await using _consumer = await startConsumer(redis, () => Promise.resolve(void (runs += 1)));
    await eventually(
      () => queue.lacking([id]),
      (lacking) => lacking.length === 1,
    );
    expect(runs).toBe(1);
  });

  test("queued again while its last run is just ending runs again afterwards", async () => {
    await using redis = connect(server.url);
    await using queue = await openAnalysisQueue(redis, { attempts });
    const id = v7();
    let runs = 0;
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    await using _consumer = await startConsumer(redis, () => {
      runs += 1;
      return runs === 1 ? held : Promise.resolve();
    });
    await queue.add(queued(id, 1));
    await eventually(
      () => runs,
      (count) => count === 1,
    );
    expect(await queue.add(queued(id, 1))).toBe("deferred");
    release();
    await eventually(
      () => runs,
      (count) => count === 2,
    );
  });

  test("is tried again after a fault of the infrastructure, and not after any other failure", async () => {
    await using redis = connect(server.url);
    await using queue = await openAnalysisQueue(redis, { attempts: 2 });
    const [flaky, hopeless] = [v7(), v7()];
    const runs: string[] = [];
    await using _consumer = await startConsumer(redis, (job) => {
      runs.push(job.data.job_id);
      const failure = new Failure(job.data.job_id === flaky ? "store_unavailable" : "debugger_died", "as the test wants it");
      throw isRetryable(failure) ? failure : unrecoverable(failure);
    });
    await queue.add(queued(flaky, 1));
    await queue.add(queued(hopeless, 1));
    await eventually(
      () => queue.lacking([flaky, hopeless]),
      (lacking) => lacking.length === 2,
    );
    expect(runs.toSorted()).toEqual([flaky, flaky, hopeless].toSorted());
  });

  test("given back by a worker that shuts down is taken by another one, whatever its attempts", async () => {
    await using redis = connect(server.url);
    await using queue = await openAnalysisQueue(redis, { attempts: 1 });
    const id = v7();
    const first = await startConsumer(redis, async (job, token, signal) => {
      if (signal?.aborted === false) await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      if (signal?.reason === shutdownReason) await returnToQueue(job, token);
    });
    await queue.add(queued(id, 1));
    await eventually(
      () => queue.counts(),
      (counts) => counts.active === 1,
    );
    await stopWorker(first.worker);
    expect(await queue.counts()).toEqual({ waiting: 1, active: 0, delayed: 0 });
    const runs: string[] = [];
    await using _second = await startConsumer(redis, (job) => Promise.resolve(void runs.push(job.data.job_id)));
    await eventually(
      () => runs,
      (all) => all.includes(id),
    );
  });
});

describe("Redis gone", () => {
  test("defers a job at once, and the job is added when it is back", async () => {
    await using redis = connect(server.url);
    await using queue = await openAnalysisQueue(redis, { attempts });
    await server.stop();
    const ids = [v7(), v7()];
    expect(await Promise.all(ids.map((id) => queue.add(queued(id, 1))))).toEqual(["deferred", "deferred"]);
    const later = v7();
    expect(await queue.addNew([queued(later, 1, "low")])).toBe("deferred");
    await expect(queue.ping()).rejects.toMatchObject({ code: "queue_unavailable" });
    await expect(queue.counts()).rejects.toMatchObject({ code: "queue_unavailable" });
    await queue.cancel(ids[1] ?? "");
    await server.start();
    await eventually(
      () => queue.counts(),
      (counts) => counts.waiting === 2,
    );
    expect(await queue.lacking([...ids, later])).toEqual([ids[1]]);
    await queue.ping();
  });

  test("at the start is no error either", async () => {
    await server.stop();
    await using redis = connect(server.url);
    await using queue = await openAnalysisQueue(redis, { attempts });
    expect(await queue.add(queued(v7(), 1))).toBe("deferred");
    await server.start();
    await eventually(
      () => queue.counts(),
      (counts) => counts.waiting === 1,
    );
  });

  test("or mute: the caller is told within seconds", async () => {
    await using redis = connect(server.url);
    await using queue = await openAnalysisQueue(redis, { attempts });
    server.pause();
    const [added, pinged] = await Promise.allSettled([queue.add(queued(v7(), 1)), queue.ping()]);
    expect(added).toMatchObject({ value: "deferred" });
    expect(pinged).toMatchObject({ reason: { code: "queue_unavailable" } });
    server.resume();
    await eventually(
      () => queue.counts(),
      (counts) => counts.waiting === 1,
    );
  });

  test("killed with SIGKILL keeps the jobs that it has had for a second, and the workers go on", async () => {
    await using redis = connect(server.url);
    await using queue = await openAnalysisQueue(redis, { attempts });
    const done = new Set<string>();
    const ids = Array.from({ length: 100 }, () => v7());
    for (const id of ids) await queue.add(queued(id, 1));
    // Written to the log each second at the latest (appendfsync everysec); the kill is not of the machine, so the page cache lives.
    await server.stop("SIGKILL");
    await server.start();
    await eventually(
      () => queue.counts(),
      (counts) => counts.waiting === 100,
    );
    await using _consumer = await startConsumer(redis, (job) => Promise.resolve(void done.add(job.data.job_id)));
    await eventually(
      () => done.size,
      (size) => size === 100,
    );
    expect([...done].toSorted()).toEqual(ids.toSorted());
  });
});
