/**
 * `npm start`: everything on one machine. A private redis-server, the API and the workers, each its own process,
 * started in this order, watched, and ended in the opposite one, so that running jobs go back to the queue before it closes.
 */
import { chmod } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { childEnvironment, type Config, readConfig } from "./config/environment.ts";
import { Failure } from "./contract/failure.ts";
import { createLogger, type Logger } from "./log/logger.ts";
import { Child } from "./supervisor/child.ts";
import { claimDataFolder } from "./supervisor/data-folder.ts";
import { askRedis, redisArguments, redisSocketPath } from "./supervisor/private-redis.ts";

const startLimitMs = 60_000;

async function until(what: string, signal: AbortSignal, ready: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + startLimitMs;
  while (!(await ready())) {
    if (Date.now() > deadline)
      throw new Failure("internal_error", `${what} did not get ready within ${startLimitMs / 1000} s`, { hint: "The log above tells why." });
    signal.throwIfAborted();
    await sleep(50);
  }
  signal.throwIfAborted();
}

function baseUrl(config: Config): string {
  const host = config.listen.host.includes(":") ? `[${config.listen.host}]` : config.listen.host;
  return `http://${host}:${config.listen.port}`;
}

const answers = async (url: string) =>
  fetch(url).then(
    async (response) => {
      await response.arrayBuffer();
      return response.ok;
    },
    () => false,
  );

interface Family {
  readonly environment: Record<string, string>;
  readonly logger: Logger;
  readonly onHopeless: (name: string) => void;
}

/** See docker/run.sh. Of the same option twice, the last counts; 0 is the default. */
const workerOptions = ["--max-semi-space-size=16", "--heap-growing-percent=0"];

function program(name: string, path: string, { environment, logger, onHopeless }: Family, options: readonly string[] = []): Child {
  const file = fileURLToPath(new URL(path, import.meta.url));
  const words = [...process.execArgv, ...options, file];
  return new Child({ name, command: process.execPath, arguments: words, environment, channel: true, graceMs: 20_000, logger, onHopeless });
}

async function redis(socket: string, config: Config, { logger, onHopeless }: Family): Promise<Child> {
  const words = await redisArguments(config.dataDir, socket);
  return new Child({
    name: "redis",
    command: "redis-server",
    arguments: words,
    environment: childEnvironment({}),
    channel: false,
    graceMs: 15_000,
    logger,
    onHopeless,
  });
}

async function main(): Promise<void> {
  const config = readConfig();
  const logger = createLogger({ level: config.logLevel, component: "all-in-one" });
  await using _folder = await claimDataFolder(config.dataDir);
  await chmod(config.dataDir, 0o700);

  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => stop.abort(signal));
  const onHopeless = (name: string) => {
    process.exitCode = 1;
    stop.abort(`${name} cannot run`);
  };
  const family: Family = { environment: childEnvironment({ INQUEST_DATA_DIR: config.dataDir }), logger, onHopeless };
  await using cleanup = new AsyncDisposableStack();
  const start = (child: Child) => {
    cleanup.defer(() => child.stop());
    child.start();
  };

  if (config.redisUrl === null) {
    const socket = await redisSocketPath(config.dataDir);
    // Left over from a supervisor that was killed: ours by its socket, ended before a new one opens the same files.
    if ((await askRedis(socket, "PING")) !== null) {
      await askRedis(socket, "SHUTDOWN");
      await until("the former redis-server's end", stop.signal, async () => (await askRedis(socket, "PING")) === null);
    }
    start(await redis(socket, config, family));
    await until("redis-server", stop.signal, async () => (await askRedis(socket, "PING")) === "+PONG");
    family.environment["INQUEST_REDIS_URL"] = `unix:${socket}`;
  }
  const api = program("api", "./server.ts", family);
  start(api);
  // Its own word first: another service on this port would answer too.
  await until("the API", stop.signal, async () => api.ready && (await answers(`${baseUrl(config)}/healthz`)));

  const workers = Array.from({ length: config.workers }, (_, index) => program(`worker-${index + 1}`, "../workers/main.ts", family, workerOptions));
  cleanup.defer(async () => void (await Promise.all(workers.map((worker) => worker.stop()))));
  for (const worker of workers) worker.start();
  await until("the workers", stop.signal, () => answers(`${baseUrl(config)}/readyz`));

  logger.info({ url: baseUrl(config), workers: config.workers }, "ready");
  const line = `curl -F core=@core -F binary=@/usr/bin/python3 ${baseUrl(config)}/v1/jobs`;
  process.stdout.write(`\nInquest is ready at ${baseUrl(config)}\nTry:  ${line}\n\n`);
  if (!stop.signal.aborted) await new Promise((resolve) => stop.signal.addEventListener("abort", resolve, { once: true }));
  logger.info({ why: String(stop.signal.reason) }, "stopping");
}

try {
  await main();
} catch (error) {
  if (error instanceof Failure) process.stderr.write(`inquest: ${error.message}\n${error.hint}\n`);
  else if (typeof error !== "string") throw error;
  process.exitCode = 1;
}
