/** One delivery of a job against a real database; only the analysis itself is the test's. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Failure } from "../../services/contract/failure.ts";
import { createLogger } from "../../services/log/logger.ts";
import { shutdownReason } from "../../services/queue/queue-settings.ts";
import { type Database, openDatabase } from "../../services/storage/database.ts";
import { createJobStore } from "../../services/storage/create-job-store.ts";
import { defaultProject, type JobStore } from "../../services/storage/job-store.ts";
import { createReportStore } from "../../services/storage/report-store.ts";
import { type RunJobParts, runJob } from "../../workers/run-job.ts";
import { newJob, newReport } from "../storage/sample.ts";

let folder: string;
let database: Database;
let jobs: JobStore;
let id: string;
let announced: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "inquest-run-job-"));
  database = await openDatabase(`sqlite:${folder}/inquest.sqlite`);
  jobs = createJobStore(database);
  const job = newJob();
  id = job.id;
  announced = [];
  await jobs.create(job);
});

afterEach(async () => {
  await database[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const run = (analyse: RunJobParts["analyse"], signal = new AbortController().signal, attempts = 3) =>
  runJob(
    {
      jobs,
      changes: {
        announce: async (jobId) => {
          await Promise.resolve();
          announced.push(jobId);
        },
      },
      analyse,
      sweepBlobs: () => Promise.resolve(0),
      attempts,
      log: createLogger({ level: "silent", component: "test" }),
    },
    id,
    signal,
  );

const succeeding: RunJobParts["analyse"] = async (job, onProgress) => {
  await onProgress("inspect", 5);
  await onProgress("debug", 30);
  return { report: newReport(job.id), missingBinaries: [{ build_id: "abcd", path: "/x", needed_for: "symbols" }] };
};
const failing =
  (fault: unknown): RunJobParts["analyse"] =>
  async () => {
    await Promise.resolve();
    throw fault;
  };

const job = async () => (await jobs.get(defaultProject, id))?.job;

describe("running a job", () => {
  test("stores the report and tells each stage", async () => {
    expect(await run(succeeding)).toEqual({ kind: "succeeded" });
    expect(await job()).toMatchObject({ status: "succeeded", attempts: 1, missing_binaries: [{ build_id: "abcd" }] });
    expect(await createReportStore(database).get(id)).toMatchObject({ job_id: id });
    expect((await jobs.events(id, 0)).map((event) => event.data.stage)).toEqual(["queued", "inspect", "inspect", "debug", "done"]);
    expect(announced.length).toBeGreaterThanOrEqual(4);
  });

  test("fails at once for what is a fact of the input", async () => {
    expect(await run(failing(new Failure("core_malformed", "no program headers")))).toMatchObject({ kind: "failed" });
    expect(await job()).toMatchObject({ status: "failed", error: { code: "core_malformed", stage: "intake", detail: "no program headers" } });
  });

  test("goes back to the queue for a fault of the infrastructure, until its attempts are spent", async () => {
    const fault = failing(new Failure("sandbox_unavailable", "no user namespaces"));
    expect(await run(fault)).toMatchObject({ kind: "retry" });
    expect(await job()).toMatchObject({ status: "queued", attempts: 1 });
    expect(await run(fault)).toMatchObject({ kind: "retry" });
    expect(await run(fault)).toMatchObject({ kind: "failed" });
    expect(await job()).toMatchObject({ status: "failed", attempts: 3, error: { code: "sandbox_unavailable" } });
  });

  test("tells nothing of a fault that nobody foresaw but that there was one", async () => {
    await run(failing(new TypeError("cannot read /srv/secret/path")), undefined, 1);
    const failed = await job();
    expect(failed?.error?.code).toBe("internal_error");
    expect(JSON.stringify(failed)).not.toContain("secret");
  });

  test("gives the job back without counting the attempt when the worker shuts down", async () => {
    const stop = new AbortController();
    const outcome = await run(() => {
      stop.abort(shutdownReason);
      return Promise.reject(new Failure("job_cancelled", "ended"));
    }, stop.signal);
    expect(outcome).toEqual({ kind: "returned" });
    expect(await job()).toMatchObject({ status: "queued", attempts: 0 });
  });

  test("stores nothing of a job that was cancelled while it ran", async () => {
    const outcome = await run(async (...all) => {
      const result = await succeeding(...all);
      await jobs.cancel(defaultProject, id);
      return result;
    });
    expect(outcome).toEqual({ kind: "dropped" });
    expect(await job()).toMatchObject({ status: "cancelled" });
    expect(await createReportStore(database).get(id)).toBeNull();
  });

  test("stops at the next stage when the row was deleted, and ends what runs", async () => {
    let ended: AbortSignal | null = null;
    const outcome = await run(async (started, onProgress, signal) => {
      ended = signal;
      await jobs.delete(defaultProject, id);
      return succeeding(started, onProgress, signal);
    });
    expect(outcome).toEqual({ kind: "dropped" });
    expect(ended).toMatchObject({ aborted: true });
  });

  test("leaves a job alone that another worker has taken over", async () => {
    const outcome = await run(async (...all) => {
      const result = await succeeding(...all);
      await jobs.start(id);
      return result;
    });
    expect(outcome).toEqual({ kind: "dropped" });
    expect(await job()).toMatchObject({ status: "running", attempts: 2 });
  });

  test("does not run what has ended before", async () => {
    await jobs.cancel(defaultProject, id);
    expect(await run(failing(new Error("must not run")))).toEqual({ kind: "dropped" });
    expect(await job()).toMatchObject({ status: "cancelled", attempts: 0 });
  });

  test("ends a job that kills its workers", async () => {
    for (let death = 0; death < 3; death += 1) await jobs.start(id);
    expect(await run(succeeding)).toMatchObject({ kind: "failed" });
    expect(await job()).toMatchObject({ status: "failed", error: { code: "attempts_exhausted" } });
  });

  test("takes the report of an equal core over, and starts no analysis", async () => {
    const first = await job();
    await run(succeeding);
    const twin = newJob({ core: first?.core ?? null, missingBinaries: first === undefined ? [] : ((await job())?.missing_binaries ?? []) });
    await jobs.create(twin);
    id = twin.id;
    expect(await run(failing(new Error("must not run")))).toEqual({ kind: "succeeded" });
    expect(await job()).toMatchObject({ status: "succeeded", duplicate_of: first?.id, attempts: 1 });
  });

  test("says that the core is lost when it was deleted before", async () => {
    await database.query.updateTable("jobs").set({ core_blob: null }).execute();
    await run(succeeding);
    expect(await job()).toMatchObject({ status: "failed", error: { code: "core_lost" } });
  });
});
