/**
 * A 2 GB core streamed in, raw and multipart, beside `cp` of the same file, in one run: seconds, and the API's peak memory.
 *
 *   npm run bench -- upload [MEBIBYTES]
 */
import { execFile } from "node:child_process";
import { createReadStream } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { makeCore, programsFolder } from "../corpus/make-core.ts";
import { defaultInterpreters } from "../matrix/interpreters.ts";
import { startStack } from "../support/stack.ts";
import { descendant, MiB, peakMemory, resetPeak, spread } from "./measure.ts";

const execute = promisify(execFile);
const mebibytes = Number(process.argv[2] ?? 2048);
const runs = 3;

/** A real core, followed by bytes that do not compress and are no holes. */
async function bigCore(folder: string): Promise<string> {
  const [interpreter] = await defaultInterpreters(process.env["PATH"] ?? "");
  if (interpreter === undefined) throw new Error("no python3");
  await using core = await makeCore(interpreter, join(programsFolder, "null_dereference.py"));
  const path = join(folder, "core.big");
  await execute("cp", [core.path, path]);
  await using file = await open(path, "a");
  const block = Buffer.alloc(1 << 20);
  for (let index = 0; index < block.length; index += 1) block[index] = (index * 2654435761) >>> 13;
  for (let written = 0; written < mebibytes; written += 1) {
    block.writeUInt32LE(written, 0);
    await file.write(block);
  }
  return path;
}

async function uploadRaw(url: string, path: string): Promise<void> {
  const target = new URL("/v1/jobs?filename=core.big", url);
  await new Promise<void>((resolve, reject) => {
    const sent = request(target, { method: "POST", headers: { "content-type": "application/octet-stream" } }, (response) => {
      response.resume();
      response.once("end", () => (response.statusCode === 202 ? resolve() : reject(new Error(`status ${response.statusCode}`))));
    });
    sent.once("error", reject);
    createReadStream(path, { highWaterMark: 1 << 20 }).pipe(sent);
  });
}

const uploadMultipart = (url: string, path: string) => execute("curl", ["-sS", "--fail-with-body", "-F", `core=@${path}`, `${url}/v1/jobs`]);

const folder = await mkdtemp(join(tmpdir(), "inquest-bench-"));
try {
  const path = await bigCore(folder);
  await using stack = await startStack({ environment: { INQUEST_LOG_LEVEL: "warn" } });
  const api = await descendant(stack.process.pid ?? 0, "services/server.ts");
  const ways: Record<string, () => Promise<unknown>> = {
    cp: () => execute("cp", ["--reflink=never", path, join(folder, "copy")]),
    raw: () => uploadRaw(stack.url, path),
    multipart: () => uploadMultipart(stack.url, path),
  };
  const seconds: Record<string, number[]> = { cp: [], raw: [], multipart: [] };
  const peaks: Record<string, number> = {};
  for (let run = 0; run < runs; run += 1) {
    for (const [name, work] of Object.entries(ways)) {
      await resetPeak(api);
      const start = performance.now();
      await work();
      seconds[name]?.push(performance.now() - start);
      peaks[name] = Math.max(peaks[name] ?? 0, await peakMemory(api));
    }
  }
  console.table(
    Object.fromEntries(
      Object.entries(seconds).map(([name, values]) => [name, { ms: spread(values), "API's peak memory": name === "cp" ? "" : MiB(peaks[name] ?? 0) }]),
    ),
  );
} finally {
  await rm(folder, { recursive: true, force: true });
}
