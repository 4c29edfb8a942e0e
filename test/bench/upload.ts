/**
 * A large core streamed in, raw and multipart, beside `cp` of the same file and a bare Node server that writes and hashes, in one
 * run; 20 at once beside 20 on the bare server; and 8 GB of holes. Ratios are the bare server's time by Inquest's: 1 is as fast.
 * The servers' processor time tells the same where other work disturbs the clock.
 *
 *   npm run bench -- upload [MEBIBYTES] [RUNS]
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { makeCore, programsFolder } from "../corpus/make-core.ts";
import { defaultInterpreters } from "../matrix/interpreters.ts";
import { startStack } from "../support/stack.ts";
import { descendant, median, MiB, peakMemory, processorTime, resetPeak, spread } from "./measure.ts";

const execute = promisify(execFile);
const mebibytes = Number(process.argv[2] ?? 2048);
const runs = Number(process.argv[3] ?? 3);
const atOnce = 20;

/** A real core, followed by bytes that do not compress and are no holes, and by holes. */
async function bigCore(folder: string, name: string, data: number, holes = 0): Promise<string> {
  const [interpreter] = await defaultInterpreters(process.env["PATH"] ?? "");
  if (interpreter === undefined) throw new Error("no python3");
  await using core = await makeCore(interpreter, join(programsFolder, "null_dereference.py"));
  const path = join(folder, name);
  await execute("cp", [core.path, path]);
  await using file = await open(path, "a");
  const block = Buffer.alloc(1 << 20);
  for (let index = 0; index < block.length; index += 1) block[index] = (index * 2654435761) >>> 13;
  for (let written = 0; written < data; written += 1) {
    block.writeUInt32LE(written, 0);
    await file.write(block);
  }
  if (holes > 0) await file.truncate((await file.stat()).size + holes);
  return path;
}

const raw = ["-H", "Content-Type: application/octet-stream", "-X", "POST"];
const curl = async (...args: readonly string[]) => (await execute("curl", ["-sS", "--fail-with-body", ...args])).stdout;

/** The job goes again, so that its analysis does not disturb the next measurement. */
async function forget(url: string, answers: readonly string[]): Promise<void> {
  for (const answer of answers) await fetch(`${url}${JSON.parse(answer).links.self}`, { method: "DELETE" });
}

const folder = await mkdtemp(join(tmpdir(), "inquest-bench-"));
const bare = spawn(process.execPath, ["--max-semi-space-size=1", "--initial-heap-size=64", fileURLToPath(new URL("bare-stream.ts", import.meta.url)), folder], {
  stdio: ["ignore", "pipe", "inherit"],
});
try {
  const [printed]: unknown[] = await once(bare.stdout, "data");
  const bareUrl = `http://127.0.0.1:${String(printed).trim()}/`;
  const path = await bigCore(folder, "core.big", mebibytes);
  const small = await bigCore(folder, "core.small", Math.ceil(mebibytes / atOnce));
  await using stack = await startStack({ environment: { INQUEST_LOG_LEVEL: "warn" } });
  const api = await descendant(stack.process.pid ?? 0, "services/server.ts");
  const jobs = `${stack.url}/v1/jobs`;
  const many = (work: () => Promise<string>) => Promise.all(Array.from({ length: atOnce }, work));
  const ways: Record<string, () => Promise<readonly string[]>> = {
    cp: async () => [(await execute("cp", ["--reflink=never", path, join(folder, "copy")])).stdout],
    bare: async () => [await curl(...raw, "-T", path, bareUrl)],
    raw: async () => [await curl(...raw, "-T", path, jobs)],
    multipart: async () => [await curl("-F", `core=@${path}`, jobs)],
    "bare, 20 at once": () => many(() => curl(...raw, "-T", small, bareUrl)),
    "raw, 20 at once": () => many(() => curl(...raw, "-T", small, jobs)),
    "multipart, 20 at once": () => many(() => curl("-F", `core=@${small}`, jobs)),
  };
  const times: Record<string, number[]> = {};
  const peaks: Record<string, number> = {};
  const used: Record<string, number[]> = {};
  const measure = async (name: string, work: () => Promise<readonly string[]>) => {
    const server = name.startsWith("bare") ? (bare.pid ?? 0) : api;
    await resetPeak(api);
    const [start, before] = [performance.now(), await processorTime(server)];
    const answers = await work();
    const took = performance.now() - start;
    (times[name] ??= []).push(took);
    (used[name] ??= []).push((await processorTime(server)) - before);
    peaks[name] = Math.max(peaks[name] ?? 0, await peakMemory(api));
    process.stderr.write(`${name}: ${took.toFixed(0)} ms, ${used[name].at(-1)} ms of the processor, ${MiB(peaks[name])}\n`);
    if (/^(?:raw|multipart)/.test(name)) await forget(stack.url, answers);
  };
  for (let run = 0; run < runs; run += 1) for (const [name, work] of Object.entries(ways)) await measure(name, work);

  const sparse = await bigCore(folder, "core.sparse", 8, 8 * 2 ** 30);
  let room = "";
  await measure("raw, 8 GB of holes", async () => {
    const answers = [await curl(...raw, "-T", sparse, jobs)];
    room = (await execute("du", ["-sh", join(stack.dataDir, "blobs")])).stdout.split("\t")[0] ?? "";
    return answers;
  });

  const yardstick = (of: Record<string, number[]>, name: string) => median(of[name.includes("20") ? "bare, 20 at once" : "bare"] ?? []);
  const ratio = (of: Record<string, number[]>, name: string) =>
    /^(?:raw|multipart)(?!.*holes)/.test(name) ? (yardstick(of, name) / median(of[name] ?? [])).toFixed(2) : "";
  console.table(
    Object.fromEntries(
      Object.entries(times).map(([name, values]) => [
        name,
        {
          ms: spread(values),
          "of the bare stream": ratio(times, name),
          "server's processor ms": name === "cp" ? "" : spread(used[name] ?? []),
          "of the bare one's": ratio(used, name),
          "API's peak memory": /^(?:raw|multipart)/.test(name) ? MiB(peaks[name] ?? 0) : "",
        },
      ]),
    ),
  );
  console.log(`8 GB of holes take ${room} in the store`);
} finally {
  bare.kill();
  await rm(folder, { recursive: true, force: true });
}
