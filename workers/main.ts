/**
 * The worker's composition root: reads the configuration, chooses the concrete parts, takes jobs from the queue.
 *
 * It says at once what the machine lacks, and takes no job then. It ends on SIGTERM, SIGINT, or when the process that
 * watches it is gone; a running job goes back to the queue first.
 */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { v7 as newId } from "uuid";
import packageFile from "../package.json" with { type: "json" };
import { type Config, readConfig } from "../services/config/environment.ts";
import { Failure } from "../services/contract/failure.ts";
import { createLogger, type Logger } from "../services/log/logger.ts";
import { connectRedis } from "../services/queue/connection.ts";
import { openJobChanges } from "../services/queue/job-changes.ts";
import { startHeartbeat, type WorkerInfo } from "../services/queue/worker-presence.ts";
import { sweepBlobs } from "../services/storage/blob-trash.ts";
import { createBinaryStore } from "../services/storage/binary-store.ts";
import { openDatabase } from "../services/storage/database.ts";
import { createBinaryIndexes } from "../services/storage/binary-indexes.ts";
import { openBlobStore } from "../services/storage/open-blob-store.ts";
import { createJobStore } from "../services/storage/create-job-store.ts";
import { createUpstreamRequests } from "../services/storage/upstream-requests.ts";
import { startAnalysisWorker } from "./analysis-worker.ts";
import { probeSandbox } from "./gdb/probe-sandbox.ts";
import { makeIndex } from "./indexing/make-index.ts";
import { stopAsked } from "../services/supervisor/stop-asked.ts";
import { startIndexing } from "./indexing/start-indexing.ts";
import { removeFormerRuns, sweepJobFolders } from "./leftovers.ts";
import { askUpstream } from "./pipeline/ask-upstream.ts";
import { type PipelineParts, runPipeline } from "./pipeline/run-pipeline.ts";
import { startStandby } from "./standby.ts";

/** EX_CONFIG: whoever watches this process need not start it again before the machine has changed. */
const hopeless = 78;

async function serve(config: Config, logger: Logger): Promise<void> {
  const { limits, redisUrl, dataDir } = config;
  if (redisUrl === null) {
    throw new Failure("configuration_invalid", "INQUEST_REDIS_URL is not set", {
      hint: "Set it to redis://HOST:PORT or unix:PATH, or run npm start, which brings its own Redis.",
    });
  }
  const stop = stopAsked(logger);
  const workDir = join(dataDir, "work");
  const probe = await probeSandbox({ gdb: config.gdb, helperCache: join(dataDir, "helpers") });
  if (!probe.ok) throw new Failure(probe.code, probe.reason);
  const { gdb, helpers } = probe;

  await using database = await openDatabase(config.databaseUrl);
  const blobs = await openBlobStore(config.blobUrl);
  const jobs = createJobStore(database, { coresPerGroup: limits.cores_per_group });
  const swept = await sweepJobFolders(workDir, jobs);
  if (swept > 0) logger.info({ folders: swept }, "leftovers_removed");
  await using redis = connectRedis(redisUrl, logger);
  await using changes = openJobChanges(redis);

  const binaries = createBinaryStore(database);
  const upstream = { urls: config.debuginfodUrls, requests: createUpstreamRequests(database), binaries, blobs, limits };
  const atOnce = availableParallelism() > 1;
  await using standby = startStandby({ gdb: config.gdb, helpers, limits, workDir, atOnce, log: logger });
  const pipeline: PipelineParts = {
    blobs,
    attachments: (id) => jobs.attachments(id),
    binaries,
    askUpstream: (job) => askUpstream(upstream, job),
    openGdb: (options) => standby.openGdb(options),
    gdb: config.gdb,
    limits,
    atOnce,
    makeFolder: (name) => standby.makeFolder(name),
  };
  const settings = { concurrency: 1 };
  {
    await using indexing = config.indexing
      ? startIndexing({
          indexes: createBinaryIndexes(database),
          make: (claim, signal) => makeIndex({ blobs, gdb: config.gdb, limits, workDir }, claim, signal),
          log: logger,
          quietMs: 1_000,
          idleMs: 5_000,
          leastSize: 512 * 1_024,
          staleSeconds: 4 * limits.debug_seconds + 60,
        })
      : null;
    await using _worker = startAnalysisWorker({
      redis,
      jobs,
      changes,
      settings,
      log: logger,
      attempts: limits.attempts,
      sweepBlobs: async () => (limits.cores_per_group === 0 ? 0 : sweepBlobs(database, blobs)),
      analyse: async (job, onProgress, signal) => {
        using _jobsFirst = indexing?.pause();
        await removeFormerRuns(workDir, job.id, job.run);
        return runPipeline(pipeline, job, onProgress, signal);
      },
    });
    const info: WorkerInfo = {
      id: newId(),
      pid: process.pid,
      started_at: new Date().toISOString(),
      concurrency: settings.concurrency,
      capabilities: { gdb, sandbox: true },
    };
    await using _heartbeat = startHeartbeat(redis, info);
    logger.info({ gdb }, "ready");
    if (!stop.aborted) await new Promise((resolve) => stop.addEventListener("abort", resolve, { once: true }));
    logger.info({ reason: String(stop.reason) }, "stopping");
  }
}

async function main(): Promise<void> {
  const config = readConfig();
  await serve(config, createLogger({ level: config.logLevel, component: "worker" }));
}

try {
  if (process.argv.includes("--version")) process.stdout.write(`${packageFile.version}\n`);
  else await main();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  process.stderr.write(`inquest: ${error.message}\n${error.hint}\n`);
  process.exitCode = ["debugger_missing", "sandbox_unavailable", "configuration_invalid"].includes(error.code) ? hopeless : 1;
} finally {
  // Whatever a library left open must not keep the process.
  process.disconnect?.();
}
