/** Everything a worker needs, real and private: Redis, a SQLite database, a blob store, and workers as their own processes. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { mkdtemp, readdir, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { v7 as newId } from "uuid";
import type { Job } from "../../services/contract/job.ts";
import { noOptions } from "../../services/contract/job-options.ts";
import { inspectBinaryFile } from "../../services/intake/binary/inspect-binary.ts";
import { newBinary } from "../../services/intake/binary/new-binary.ts";
import { createLogger } from "../../services/log/logger.ts";
import { type AnalysisQueue, openAnalysisQueue } from "../../services/queue/analysis-queue.ts";
import { connectRedis, type RedisConnections } from "../../services/queue/connection.ts";
import type { NewBinary } from "../../services/storage/binary-store.ts";
import type { BlobStore } from "../../services/storage/blob-store.ts";
import { type Database, openDatabase } from "../../services/storage/database.ts";
import { openFileBlobStore } from "../../services/storage/file-blob-store.ts";
import { createJobStore } from "../../services/storage/create-job-store.ts";
import { defaultProject, type JobStore } from "../../services/storage/job-store.ts";
import { createReportStore, type ReportStore } from "../../services/storage/report-store.ts";
import { type PrivateRedis, startPrivateRedis } from "../support/private-redis.ts";

export interface WorkerProcess {
  readonly process: ChildProcess;
  log(): string;
  /** Waits until the job is being debugged and stops a gdb of it (SIGSTOP), so that the job stays in mid-work. Its pid. */
  freezeDebugger(id: string): Promise<number>;
  /** Sends the signal and waits for the end: exit status or signal. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

export interface WorkerHouse extends AsyncDisposable {
  readonly dataDir: string;
  readonly redis: PrivateRedis;
  readonly connections: RedisConnections;
  readonly database: Database;
  readonly blobs: BlobStore;
  readonly jobs: JobStore;
  readonly reports: ReportStore;
  readonly queue: AnalysisQueue;
  /** Stores the files, makes the row and hands its id to the queue, as the API does. */
  submit(core: string, binaries?: readonly string[], project?: string): Promise<string>;

  startWorker(environment?: Readonly<Record<string, string>>): WorkerProcess;
  job(id: string, project?: string): Promise<Job>;
  /** Polls the row until the condition holds. */
  until(id: string, holds: (job: Job) => boolean, project?: string): Promise<Job>;
  jobFolders(): Promise<string[]>;
}

const program = fileURLToPath(new URL("../../workers/main.ts", import.meta.url));

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "latin1").catch(() => "");
  return text.trim().split(" ").filter(Boolean).map(Number);
}

/** worker, bubblewrap, gdb: found by name, as the kernel knows it. */
async function debuggerBelow(pid: number): Promise<number | null> {
  for (const child of await childrenOf(pid)) {
    const name = await readFile(`/proc/${child}/comm`, "latin1").catch(() => "");
    if (name.trim() === "gdb") return child;
    const below = await debuggerBelow(child);
    if (below !== null) return below;
  }
  return null;
}

/** Gone, or a zombie that nobody reaped yet. */
export async function isDead(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
  return stat === "" || /\) [ZX]/.test(stat);
}

async function store(blobs: BlobStore, path: string, key: string): Promise<{ size: number; sha256: string; key: string }> {
  await using writer = await blobs.create();
  await pipeline(createReadStream(path), writer.stream);
  const { size, sha256 } = writer;
  await writer.commit(key);
  return { size, sha256, key };
}

async function storeBinary(blobs: BlobStore, path: string): Promise<NewBinary> {
  const facts = await inspectBinaryFile(await realpath(path));
  const { size, sha256, key } = await store(blobs, path, `binaries/${newId()}`);
  return newBinary({ facts, size, sha256, filename: basename(path), path: null, origin: "upload", blob: key });
}

export async function openWorkerHouse(): Promise<WorkerHouse> {
  const dataDir = await mkdtemp(join(tmpdir(), "inquest-workers-"));
  const redis = await startPrivateRedis();
  const connections = connectRedis(redis.url, createLogger({ level: "silent", component: "test" }));
  const databaseUrl = `sqlite:${dataDir}/inquest.sqlite`;
  const database = await openDatabase(databaseUrl);
  const blobs = await openFileBlobStore(join(dataDir, "blobs"));
  const jobs = createJobStore(database);
  const queue = await openAnalysisQueue(connections, { attempts: 3 });
  const workers: WorkerProcess[] = [];

  const house: WorkerHouse = {
    dataDir,
    redis,
    connections,
    database,
    blobs,
    jobs,
    reports: createReportStore(database),
    queue,
    submit: async (core, binaries = [], projectId = defaultProject) => {
      const id = newId();
      const kept = await store(blobs, core, `cores/${id}`);
      const { size, sha256, key } = kept;
      await jobs.create({
        id,
        projectId,
        idempotencyKey: null,
        status: "queued",
        whenMissing: "analyze",
        options: noOptions,
        priority: "normal",
        waitsUntil: null,
        core: { filename: basename(core), size, sha256, executable_name: null, pid: null, signal: null, command_line: null },
        coreBlob: key,
        labels: {},
        missingBinaries: [],
        binaries: await Promise.all(binaries.map((path) => storeBinary(blobs, path))),
        attachments: [],
        expiresAt: null,
        coreExpiresAt: null,
      });
      await queue.add({ id, coreSize: size, priority: "normal" });
      return id;
    },
    startWorker: (environment = {}) => {
      const child = spawn(process.execPath, ["--import", "tsx", program], {
        env: { ...process.env, INQUEST_DATA_DIR: dataDir, INQUEST_REDIS_URL: redis.url, INQUEST_DATABASE_URL: databaseUrl, ...environment },
        stdio: ["ignore", "pipe", "pipe"],
      });
      let printed = "";
      for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (printed += chunk.toString()));
      const worker: WorkerProcess = {
        process: child,
        log: () => printed,
        freezeDebugger: async (id) => {
          // The gdbs before that wait for a job, or are the probe's.
          await house.until(id, ({ progress }) => progress.stage === "debug");
          for (let tries = 0; tries < 10_000; tries += 1) {
            const pid = await debuggerBelow(child.pid ?? 0);
            if (pid !== null && process.kill(pid, "SIGSTOP")) return pid;
            await sleep(2);
          }
          throw new Error(`no gdb came up; the worker said: ${printed}`);
        },
        end: async (signal) => {
          if (child.exitCode === null && child.signalCode === null) {
            const gone = once(child, "exit");
            child.kill(signal);
            await gone;
          }
          return child.exitCode ?? child.signalCode;
        },
      };
      workers.push(worker);
      return worker;
    },
    job: async (id, project = defaultProject) => {
      const stored = await jobs.get(project, id);
      if (stored === null) throw new Error("no such job");
      return stored.job;
    },
    until: async (id, holds, project = defaultProject) => {
      for (let tries = 0; tries < 10_000; tries += 1) {
        const job = await house.job(id, project);
        if (holds(job)) return job;
        await sleep(5);
      }
      throw new Error(`the job stays ${JSON.stringify(await house.job(id, project))}; workers said: ${workers.map((worker) => worker.log()).join("\n")}`);
    },
    jobFolders: () => readdir(join(dataDir, "work")),
    [Symbol.asyncDispose]: async () => {
      for (const worker of workers) await worker.end("SIGKILL");
      await queue[Symbol.asyncDispose]();
      await connections[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
  return house;
}

export const hasEnded = (job: Job): boolean => ["succeeded", "failed", "cancelled"].includes(job.status);
