/** Workers as processes of their own, on a real Redis, a real gdb and a real core. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { defaultProject } from "../../services/storage/job-store.ts";
import { type Core, interpreterAt, makeCore, programsFolder } from "../corpus/make-core.ts";
import { mappedFiles } from "../support/mapped-files.ts";
import { hasEnded, isDead, openWorkerHouse, type WorkerHouse } from "./worker-house.ts";

let house: WorkerHouse;
let core: Core;
let binaries: string[];

beforeAll(async () => {
  const interpreter = await interpreterAt("/usr/bin/python3");
  if (interpreter === null) throw new Error("/usr/bin/python3 does not run");
  core = await makeCore(interpreter, join(programsFolder, "null_dereference.py"));
  binaries = await mappedFiles(core.path, null);
  house = await openWorkerHouse();
});

afterAll(async () => {
  await house[Symbol.asyncDispose]();
  await core[Symbol.asyncDispose]();
});

const inDebug = (job: { status: string; progress: { stage: string } }) => job.status === "running" && job.progress.stage === "debug";

// Each test starts workers, and a lost lock takes 20 s to be noticed.
describe("a worker", { timeout: 180_000 }, () => {
  test("turns a queued core into a report and leaves no job folder", async () => {
    const worker = house.startWorker();
    const id = await house.submit(core.path, binaries);
    const job = await house.until(id, hasEnded);
    expect(job).toMatchObject({ status: "succeeded", error: null, attempts: 1, progress: { stage: "done", percent: 100 } });
    const report = await house.reports.get(id);
    expect(report?.process.signal?.name).toBe("SIGSEGV");
    expect(report?.threads[0]?.crashed).toBe(true);
    const stages = (await house.jobs.events(id, 0)).map((event) => event.data.stage);
    // Short ones are told where they last.
    const all = ["queued", "inspect", "gather", "debug", "assemble", "done"] as const;
    expect([...new Set(stages)]).toEqual(all.filter((stage) => stages.includes(stage)));
    expect(stages).toEqual(expect.arrayContaining(["queued", "inspect", "debug", "done"]));
    expect(await worker.end("SIGTERM")).toBe(0);
    expect(await house.jobFolders()).toEqual([]);
  });

  test("that is killed in mid-job loses it to another one, which ends it well", async () => {
    const first = house.startWorker();
    const id = await house.submit(core.path, binaries);
    const gdb = await first.freezeDebugger(id);
    expect(inDebug(await house.job(id))).toBe(true);
    await first.end("SIGKILL");
    await vi.waitUntil(() => isDead(gdb), { timeout: 10_000 });
    const second = house.startWorker();
    const job = await house.until(id, hasEnded);
    expect(job).toMatchObject({ status: "succeeded", attempts: 2 });
    await second.end("SIGTERM");
    expect(await house.jobFolders()).toEqual([]);
  });

  test("gives its job back on SIGTERM without spending an attempt", async () => {
    const first = house.startWorker();
    const id = await house.submit(core.path, binaries);
    const gdb = await first.freezeDebugger(id);
    expect(await first.end("SIGTERM")).toBe(0);
    expect(await isDead(gdb)).toBe(true);
    expect(await house.job(id)).toMatchObject({ status: "queued", attempts: 0 });
    expect(await house.jobFolders()).toEqual([]);
    const second = house.startWorker();
    expect(await house.until(id, hasEnded)).toMatchObject({ status: "succeeded", attempts: 1 });
    await second.end("SIGTERM");
  });

  test("ends gdb when its job is cancelled, and takes the next one", async () => {
    const worker = house.startWorker();
    const id = await house.submit(core.path, binaries);
    const gdb = await worker.freezeDebugger(id);
    await house.jobs.cancel(defaultProject, id);
    await house.queue.cancel(id);
    await vi.waitUntil(() => isDead(gdb), { timeout: 10_000 });
    const next = await house.submit(core.path, binaries);
    expect(await house.until(next, hasEnded)).toMatchObject({ status: "succeeded" });
    expect(await house.job(id)).toMatchObject({ status: "cancelled" });
    expect(await house.reports.get(id)).toBeNull();
    await worker.end("SIGTERM");
    expect(await house.jobFolders()).toEqual([]);
  });

  test("ends its job well when Redis dies in mid-job, and goes on when it is back", async () => {
    const worker = house.startWorker();
    const id = await house.submit(core.path, binaries);
    const gdb = await worker.freezeDebugger(id);
    await house.redis.stop();
    process.kill(gdb, "SIGCONT");
    expect(await house.until(id, hasEnded)).toMatchObject({ status: "succeeded", attempts: 1 });
    await house.redis.start();
    const next = await house.submit(core.path, binaries);
    expect(await house.until(next, hasEnded)).toMatchObject({ status: "succeeded", attempts: 1 });
    await worker.end("SIGTERM");
    expect(await house.jobFolders()).toEqual([]);
  });

  test("makes a report of a core alone, and says what is missing", async () => {
    const worker = house.startWorker();
    const id = await house.submit(core.path, [], "another-project");
    const job = await house.until(id, hasEnded, "another-project");
    expect(job.status).toBe("succeeded");
    expect(job.missing_binaries[0]).toMatchObject({ needed_for: "interpreter" });
    expect(job.missing_binaries.length).toBeGreaterThan(1);
    await worker.end("SIGTERM");
  });

  test("says at once that gdb is missing, and takes no job", async () => {
    const worker = house.startWorker({ INQUEST_GDB: "/nonexistent/gdb" });
    await new Promise((resolve) => worker.process.once("exit", resolve));
    expect(worker.process.exitCode).toBe(78);
    expect(worker.log()).toContain("gdb");
    expect(worker.log()).toContain("docker/provision.sh");
  });
});
