/**
 * From upload to report, beside gdb by hand on the same core, in one run.
 *
 * By hand is what a person does: `gdb -batch` with the interpreter's own python-gdb.py, all threads' backtraces and Python backtraces.
 * Ours is the whole way over HTTP, queue and sandbox included, report fetched: the core with every binary it maps; the core alone, its
 * binaries known; and a core that is there already, read again. The last two with and without the indexes of stored binaries, on
 * two services beside each other. All take turns.
 *
 *   npm run bench -- report-time [INTERPRETER …]
 */
import { execFile } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { type Interpreter, makeCore, programsFolder } from "../corpus/make-core.ts";
import { interpretersFrom } from "../matrix/interpreters.ts";
import { mappedFiles } from "../support/mapped-files.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { awaitJob, getReport, submit } from "../support/submit.ts";
import { descendant, MiB, median, peakMemory, spread } from "./measure.ts";

const execute = promisify(execFile);
const runs = 7;

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function byHand(interpreter: Interpreter, script: string | null, core: string): Promise<unknown> {
  const source = script === null ? [] : ["-ex", `source ${script}`];
  const python = script === null ? [] : ["-ex", "thread apply all py-bt"];
  const words = ["-nx", "-batch", "-iex", "set auto-load off", "-iex", "set debuginfod enabled off", ...source, "-ex", "thread apply all bt", ...python];
  return execute("gdb", [...words, interpreter.path, core], { maxBuffer: 1 << 28 });
}

/** The interpreter's python-gdb.py, where its build installed it beside the executable. */
function gdbScript(interpreter: Interpreter): string | null {
  const candidate = `${realpathSync(interpreter.path)}-gdb.py`;
  return existsSync(candidate) ? candidate : null;
}

/** Waits until nothing is left to index; says how many files have one. */
async function indexesMade(stack: Stack): Promise<number> {
  using database = new DatabaseSync(join(stack.dataDir, "inquest.sqlite"), { readOnly: true });
  const left = database.prepare(
    "select count(*) as files from binaries where has_debug_info = 1 and build_id is not null and size >= 524288 and (index_state is null or index_state = 'running')",
  );
  for (let tries = 0; tries < 600 && left.get()?.["files"] !== 0; tries += 1) await sleep(200);
  return Number(database.prepare("select count(*) as files from binaries where index_state = 'ready'").get()?.["files"]);
}

const named = process.argv.slice(2);
const interpreters = await interpretersFrom({
  paths: named,
  pyenvRoot: process.env["PYENV_ROOT"] ?? null,
  roots: [],
  path: process.env["PATH"] ?? "",
});
const rows: Record<string, Record<string, string | number>> = {};
await using stack = await startStack({ environment: { INQUEST_LOG_LEVEL: "warn" } });
await using plain = await startStack({ environment: { INQUEST_LOG_LEVEL: "warn", INQUEST_INDEXING: "off" } });
const supervisor = stack.process.pid ?? 0;
for (const interpreter of interpreters) {
  await using core = await makeCore(interpreter, join(programsFolder, "threads.py"));
  const binaries = await mappedFiles(core.path, null);
  const script = gdbScript(interpreter);
  const upload = async ({ url }: Stack, files: readonly string[]): Promise<string> => {
    const { id } = await submit(url, { core: core.path, binaries: files });
    await awaitJob(url, id);
    await getReport(url, id);
    return id;
  };
  const again = async ({ url }: Stack, id: string) => {
    await fetch(`${url}/v1/jobs/${id}/reanalyze`, { method: "POST" });
    await awaitJob(url, id);
    await getReport(url, id);
  };
  const stored = await upload(stack, binaries);
  const storedPlain = await upload(plain, binaries);
  const indexes = await indexesMade(stack);
  const ways: Record<string, () => Promise<unknown>> = {
    "by hand": () => byHand(interpreter, script, core.path),
    "core and binaries": () => upload(stack, binaries),
    "core, binaries known": () => upload(stack, []),
    "the same, no indexes": () => upload(plain, []),
    "ready core": () => again(stack, stored),
    "the same, no index": () => again(plain, storedPlain),
  };
  const times: Record<string, number[]> = {};
  for (let run = 0; run <= runs; run += 1) {
    for (const [name, work] of Object.entries(ways)) {
      const took = await timed(work);
      // The first turn warms the page cache and is not counted.
      if (run > 0) (times[name] ??= []).push(took);
    }
  }
  const hand = median(times["by hand"] ?? []);
  for (const [name, values] of Object.entries(times)) {
    rows[`${interpreter.version.join(".")} ${name}`] = {
      ms: spread(values),
      ratio: (median(values) / hand).toFixed(2),
      indexes: name === "by hand" ? "" : indexes,
    };
  }
  if (script === null) process.stdout.write(`${interpreter.version.join(".")} has no python-gdb.py: by hand there are C stacks only\n`);
}
console.table(rows);
const api = await peakMemory(await descendant(supervisor, "services/server.ts"));
const worker = await peakMemory(await descendant(supervisor, "workers/main.ts"));
process.stdout.write(`peak memory: API ${MiB(api)}, worker ${MiB(worker)}\n`);
