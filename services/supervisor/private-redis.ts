/**
 * The private redis-server: on a unix socket in the data folder, append-only, never a TCP port, never the machine's own.
 */
import { mkdir, mkdtemp } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** `sockaddr_un.sun_path` holds 108 bytes with its NUL. */
const longestSocketPath = 107;

/** Where the socket goes: the data folder, or a private folder of its own when that path is too long for a socket. */
export async function redisSocketPath(dataDir: string): Promise<string> {
  const inside = join(dataDir, "redis", "redis.sock");
  if (Buffer.byteLength(inside) <= longestSocketPath) return inside;
  return join(await mkdtemp(join(tmpdir(), "inquest-")), "redis.sock");
}

export async function redisArguments(dataDir: string, socket: string): Promise<string[]> {
  const folder = join(dataDir, "redis");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const settings: Record<string, string> = {
    port: "0",
    unixsocket: socket,
    unixsocketperm: "700",
    dir: folder,
    appendonly: "yes",
    appendfsync: "everysec",
    save: "",
    "maxmemory-policy": "noeviction",
    daemonize: "no",
    "protected-mode": "yes",
    loglevel: "warning",
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

/** Sends one inline command to the socket; the first line of the answer, or null when nobody answers within the time. */
export async function askRedis(socket: string, command: string, timeoutMs = 1_000): Promise<string | null> {
  return new Promise((resolve) => {
    const connection = connect(socket);
    const end = (answer: string | null) => {
      connection.destroy();
      resolve(answer);
    };
    connection.setTimeout(timeoutMs, () => end(null));
    connection.once("error", () => end(null));
    connection.once("close", () => end(null));
    connection.once("data", (data) => end(data.toString("latin1").split("\r\n", 1)[0] ?? ""));
    connection.once("connect", () => connection.write(`${command}\r\n`));
  });
}
