/**
 * Exports from a database of a million jobs by the API in a process of its own, with curl as the client: how fast, and the server's
 * peak memory by quarters of what it sent, which shows whether it grows with that; then a client that reads slowly and leaves.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openDatabase } from "../../services/storage/database.ts";
import { signatureVersion } from "../../services/triage/signature.ts";
import { startPrivateRedis } from "../support/private-redis.ts";
import { freePort } from "../support/stack.ts";
import { MiB, peakMemory, processorTime, resetPeak } from "./measure.ts";

const queries = ["label.region=eu&format=csv", "label.region=eu", "label.host=web1", "q=serve", "label.host=web1&include=report"];
const linesAtOnce = 2_000;
const slowSeconds = 20;

const curl = (...args: readonly string[]) => spawn("curl", ["-sS", "--fail-with-body", ...args], { stdio: ["ignore", "pipe", "inherit"] });

function linesIn(chunk: Buffer): number {
  let lines = 0;
  for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) lines += 1;
  return lines;
}

/** The largest of each quarter; of few, of all. */
function largest(peaks: readonly number[]): string {
  const parts = peaks.length < 4 ? 1 : 4;
  const bounds = Array.from({ length: parts + 1 }, (_, part) => Math.floor((part * peaks.length) / parts));
  return bounds
    .slice(1)
    .map((end, part) => MiB(Math.max(...peaks.slice(bounds[part], end))))
    .join(", ");
}

async function whole(server: Server, query: string, say: (text: string) => void): Promise<void> {
  const { pid: api } = server;
  const [begun, used] = [performance.now(), await processorTime(api)];
  const client = curl(`${server.url}/v1/jobs/export?${query}`);
  const ended = once(client, "exit");
  const peaks: number[] = [];
  let [lines, bytes, next] = [0, 0, linesAtOnce];
  for await (const chunk of client.stdout) {
    const read: Buffer = chunk;
    bytes += read.length;
    lines += linesIn(read);
    if (lines < next) continue;
    next = lines + linesAtOnce;
    peaks.push(await peakMemory(api));
    await resetPeak(api);
  }
  peaks.push(await peakMemory(api));
  const [code] = await ended;
  if (code !== 0) throw new Error(`curl ended with ${String(code)}, the server with:\n${server.log()}`);
  const seconds = ((performance.now() - begun) / 1_000).toFixed(1);
  const busy = (((await processorTime(api)) - used) / 1_000).toFixed(1);
  say(`export?${query}: ${lines} lines, ${MiB(bytes)} in ${seconds} s (${busy} s of the processor); peak by quarters ${largest(peaks)}`);
}

/** Signatures that are made up are not to be made anew. */
async function keepSignatures(file: string): Promise<void> {
  await using database = await openDatabase(`sqlite:${file}`);
  const done = { version: signatureVersion, after_id: "", done: 1 };
  await database.query
    .insertInto("regrouping")
    .values(done)
    .onConflict((conflict) => conflict.column("version").doUpdateSet(done))
    .execute();
}

interface Server extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  log(): string;
}

const memoryFlags = ["--max-semi-space-size=1", "--initial-heap-size=64", "--heap-growing-percent=50"];

/** The API alone, with the flags of docker/run.sh. */
async function startServer(database: string): Promise<Server> {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "inquest-export-"));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const redis = opened.use(await startPrivateRedis());
  const listen = `127.0.0.1:${await freePort()}`;
  const environment = { INQUEST_LISTEN: listen, INQUEST_DATA_DIR: folder, INQUEST_DATABASE_URL: `sqlite:${database}`, INQUEST_REDIS_URL: redis.url };
  const child = spawn(process.execPath, [...memoryFlags, "services/server.ts"], { env: { ...process.env, ...environment }, stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  opened.defer(async () => {
    const ended = once(child, "exit");
    if (child.kill()) await ended;
  });
  const url = `http://${listen}`;
  const answers = () =>
    fetch(`${url}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await answers())) {
    if (child.exitCode !== null) throw new Error(`the server ended: ${printed}`);
    await sleep(100);
  }
  const resources = opened.move();
  return { url, pid: child.pid ?? 0, log: () => printed, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

export async function measureExports(file: string, say: (text: string) => void): Promise<void> {
  await keepSignatures(file);
  await using server = await startServer(file);
  say(`the server before: ${MiB(await peakMemory(server.pid))}`);
  for (const query of queries) await whole(server, query, say);
  await resetPeak(server.pid);
  const used = await processorTime(server.pid);
  const slow = curl("--limit-rate", "200k", "--max-time", String(slowSeconds), "-o", "/dev/null", `${server.url}/v1/jobs/export?label.region=eu`);
  await once(slow, "exit");
  const busy = (await processorTime(server.pid)) - used;
  say(`a client of 200 KB/s for ${slowSeconds} s: ${busy} ms of the server's processor, its peak ${MiB(await peakMemory(server.pid))}`);
  await sleep(1_000);
  const left = await processorTime(server.pid);
  await sleep(3_000);
  say(`after it left: ${(await processorTime(server.pid)) - left} ms of the processor in 3 s\n`);
}
