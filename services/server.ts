/**
 * The API's composition root: reads the configuration, chooses the concrete parts, listens.
 *
 * It ends on SIGTERM, SIGINT, or when the process that watches it is gone: no new connections, running requests get a
 * while, streams of events end at once.
 */
import { join } from "node:path";
import packageFile from "../package.json" with { type: "json" };
import { buildApp } from "./api/app.ts";
import { authenticateByToken, authenticateLocal, isLoopback, type Authenticate } from "./api/auth/authenticate.ts";
import { readTokensFile } from "./api/auth/tokens-file.ts";
import { startBulkChanges } from "./api/bulk-change-rounds.ts";
import { startHousekeeping } from "./api/housekeeping.ts";
import { watchParkedJobs } from "./api/submit/parked-jobs.ts";
import { type Config, readConfig } from "./config/environment.ts";
import { Failure } from "./contract/failure.ts";
import { UploadFiles } from "./intake/resume/upload-files.ts";
import { createLogger, type Logger } from "./log/logger.ts";
import { addressRules } from "./notify/address-rules.ts";
import { startDeliveries } from "./notify/start-deliveries.ts";
import { openAnalysisQueue } from "./queue/analysis-queue.ts";
import { connectRedis } from "./queue/connection.ts";
import { openJobChanges } from "./queue/job-changes.ts";
import { startRecovery } from "./queue/recovery.ts";
import { openWorkerDirectory } from "./queue/worker-presence.ts";
import { createBinaryStore } from "./storage/binary-store.ts";
import { sweepBlobs } from "./storage/blob-trash.ts";
import { createDeliveryStore } from "./storage/delivery-store.ts";
import { createBulkChangeStore } from "./storage/bulk-change-store.ts";
import { createBulkStore } from "./storage/bulk-store.ts";
import { openDatabase } from "./storage/database.ts";
import { openBlobStore } from "./storage/open-blob-store.ts";
import { countJobsByStatus } from "./storage/job-counts.ts";
import { createGroupStore } from "./storage/group-store.ts";
import { createJobStore } from "./storage/create-job-store.ts";
import { createReportStore } from "./storage/report-store.ts";
import { createWebhookStore } from "./storage/webhook-store.ts";
import { stopAsked } from "./supervisor/stop-asked.ts";
import { startRegrouping } from "./triage/regroup.ts";

/** Requests that run when the end is asked for have this long; the supervisor kills after 20 s. */
const closeLimitMs = 12_000;

async function chooseAuthentication({ listen, tokensFile }: Config, logger: Logger): Promise<Authenticate> {
  if (tokensFile !== null) return authenticateByToken(await readTokensFile(tokensFile));
  if (!isLoopback(listen.host)) {
    throw new Failure("configuration_invalid", `INQUEST_LISTEN=${listen.host}:${listen.port} is open to other machines, and INQUEST_TOKENS_FILE is not set`, {
      hint: "Set INQUEST_TOKENS_FILE, or let INQUEST_LISTEN begin with 127.0.0.1.",
    });
  }
  logger.warn({ listen: listen.host, hint: "Set INQUEST_TOKENS_FILE to serve other machines." }, "no_tokens_loopback_only");
  return authenticateLocal;
}

/** What an address is at fault for, by the error of listen(2). */
const unusableAddress: Readonly<Record<string, string>> = {
  EADDRINUSE: "is in use by another process",
  EADDRNOTAVAIL: "is no address of this machine",
  EACCES: "is a port that this user may not open",
  ENOTFOUND: "names a host that is not known",
};

const errorCode = (error: unknown) => (typeof error === "object" && error !== null && "code" in error ? String(error.code) : "");

async function main(): Promise<void> {
  const config = readConfig();
  const logger = createLogger({ level: config.logLevel, component: "api" });
  const stop = stopAsked(logger);
  const { listen, limits, redisUrl } = config;
  if (redisUrl === null) {
    throw new Failure("configuration_invalid", "INQUEST_REDIS_URL is not set", {
      hint: "Set it to redis://HOST:PORT or unix:PATH, or run npm start, which brings its own Redis.",
    });
  }
  const authenticate = await chooseAuthentication(config, logger);

  await using database = await openDatabase(config.databaseUrl);
  const blobs = await openBlobStore(config.blobUrl);
  const jobs = createJobStore(database, { coresPerGroup: limits.cores_per_group });
  await using redis = connectRedis(redisUrl, logger);
  await using queue = await openAnalysisQueue(redis, { attempts: limits.attempts });
  await using changes = openJobChanges(redis);
  await using recovery = startRecovery({ jobs, queue, changes, attempts: limits.attempts, log: logger });
  const uploads = new UploadFiles(join(config.dataDir, "uploads"), blobs, limits);
  const deliveries = createDeliveryStore(database);
  await using housekeeping = startHousekeeping({
    database,
    jobs,
    blobs,
    uploads,
    deliveries,
    deliverySeconds: limits.webhook_log_seconds,
    log: logger,
  });
  await using regrouping = startRegrouping({ database, log: logger });

  const addresses = addressRules(config.webhookAllow);
  await using sending = startDeliveries({
    redis,
    deliveries,
    rules: addresses,
    attempts: limits.webhook_attempts,
    timeoutMilliseconds: limits.webhook_seconds * 1_000,
    publicUrl: config.publicUrl,
    version: packageFile.version,
    log: logger,
  });

  const binaries = createBinaryStore(database);
  await using parked = watchParkedJobs({ jobs, binaries, blobs, queue, changes, log: logger });

  const bulkChanges = createBulkChangeStore(database, limits);
  await using changing = startBulkChanges({ bulkChanges, queue, changes, sweepBlobs: () => sweepBlobs(database, blobs), log: logger });

  const app = await buildApp({
    version: packageFile.version,
    publicUrl: config.publicUrl,
    logger,
    limits,
    authenticate,
    database,
    jobs,
    reports: createReportStore(database),
    groups: createGroupStore(database),
    bulks: createBulkStore(database),
    bulkChanges,
    workOnChanges: () => changing.nudge(),
    binaries,
    blobs,
    uploads,
    queue,
    changes,
    workers: openWorkerDirectory(redis),
    webhooks: createWebhookStore(database),
    deliveries,
    addresses,
    sendDue: () => sending.nudge(),
    countJobs: () => countJobsByStatus(database),
    sweepBlobs: () => sweepBlobs(database, blobs),
  });
  await app.listen({ host: listen.host, port: listen.port, listenTextResolver: () => "listening" }).catch((error: unknown) => {
    const reason = unusableAddress[errorCode(error)];
    if (reason === undefined) throw error;
    throw new Failure("configuration_invalid", `INQUEST_LISTEN="${listen.host}:${listen.port}" ${reason}`, {
      hint: "Set INQUEST_LISTEN to a free HOST:PORT of this machine.",
      cause: error,
    });
  });
  const address = app.server.address();
  logger.info(
    { host: listen.host, port: typeof address === "object" ? address?.port : null, authentication: config.tokensFile === null ? "none" : "token" },
    "ready",
  );

  process.send?.("ready");
  if (!stop.aborted) await new Promise((resolve) => stop.addEventListener("abort", resolve, { once: true }));
  logger.info({ reason: String(stop.reason) }, "stopping");
  // Whoever watched this process may be started again on the same data by now.
  const impatience = setTimeout(() => app.server.closeAllConnections(), stop.reason === "disconnect" ? 0 : closeLimitMs);
  await app.close();
  clearTimeout(impatience);
  void recovery;
  void housekeeping;
  void parked;
  void regrouping;
}

try {
  if (process.argv.includes("--version")) process.stdout.write(`${packageFile.version}\n`);
  else await main();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  process.stderr.write(`inquest: ${error.message}\n${error.hint}\n`);
  // EX_CONFIG of sysexits.h tells whoever watches this process that another start would end the same way.
  process.exitCode = error.code === "configuration_invalid" ? 78 : 1;
} finally {
  // The channel to the supervisor must not keep the process.
  process.disconnect?.();
}
