/** A redis-server of the test's own: a unix socket in a temporary folder, append-only as in production, gone when disposed. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { askRedis, redisArguments } from "../../services/supervisor/private-redis.ts";

export interface PrivateRedis extends AsyncDisposable {
  /** `unix:/…/redis.sock`. */
  readonly url: string;
  readonly socket: string;
  /** SIGKILL by default; resolves when it is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same folder and socket. */
  start(): Promise<void>;
  /** SIGSTOP and SIGCONT: there, but mute. */
  pause(): void;
  resume(): void;
}

async function answering(socket: string, server: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    if ((await askRedis(socket, "PING", 200)) === "+PONG") return;
    if (server.exitCode !== null) break;
    await sleep(20);
  }
  throw new Error("the private redis-server does not answer; is redis-server installed?");
}

export async function startPrivateRedis(): Promise<PrivateRedis> {
  const folder = await mkdtemp(join(tmpdir(), "inquest-redis-"));
  const socket = join(folder, "redis.sock");
  const settings = await redisArguments(folder, socket);
  let server: ChildProcess | null = null;

  const redis: PrivateRedis = {
    url: `unix:${socket}`,
    socket,
    start: async () => {
      if (server !== null) throw new Error("the private redis-server runs already");
      // It dies with this process, even when that is killed.
      server = spawn("setpriv", ["--pdeathsig", "KILL", "redis-server", ...settings], { stdio: "ignore" });
      server.once("error", () => undefined);
      await answering(socket, server);
    },
    stop: async (signal = "SIGKILL") => {
      if (server === null) return;
      const gone = once(server, "exit");
      server.kill("SIGCONT");
      server.kill(signal);
      await gone;
      server = null;
    },
    pause: () => server?.kill("SIGSTOP"),
    resume: () => server?.kill("SIGCONT"),
    [Symbol.asyncDispose]: async () => {
      await redis.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  await redis.start();
  return redis;
}
