/** The whole Inquest as `npm start` runs it, on a free port and a data folder of its own: nothing is replaced. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Stack extends AsyncDisposable {
  readonly url: string;
  readonly dataDir: string;
  readonly process: ChildProcess;
  /** What it printed so far. */
  log(): string;
  /** SIGTERM, and waits for the end; the status or signal it ended with. */
  stop(): Promise<number | NodeJS.Signals | null>;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

const program = fileURLToPath(new URL("../../services/all-in-one.ts", import.meta.url));
const startLimitMs = 90_000;

export interface StackOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** An existing data folder, kept on disposal: for tests of a restart. */
  readonly dataDir?: string;
}

export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), "inquest-stack-")));
  const port = await freePort();
  const child = spawn(process.execPath, ["--max-semi-space-size=1", "--initial-heap-size=64", "--heap-growing-percent=50", program], {
    env: { ...process.env, INQUEST_LISTEN: `127.0.0.1:${port}`, INQUEST_DATA_DIR: dataDir, INQUEST_LOG_LEVEL: "info", ...options.environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  const url = `http://127.0.0.1:${port}`;
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    }
    return child.exitCode ?? child.signalCode;
  };
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not ready in time: ${printed.slice(-3000)}`)), startLimitMs);
    const listen = (chunk: Buffer) => {
      printed += chunk.toString();
      if (printed.includes(`Inquest is ready at ${url}`)) resolve();
    };
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
    child.once("exit", (code) => reject(new Error(`ended with ${code}: ${printed.slice(-3000)}`)));
    void once(child, "exit").then(() => clearTimeout(timer));
    timer.unref();
  });
  return {
    url,
    dataDir,
    process: child,
    log: () => printed,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
}
