/**
 * From upload to report, beside gdb by hand on the same core, in one run.
 *
 * By hand is what a person does: `gdb -batch` with the interpreter's own python-gdb.py, all threads' backtraces and Python backtraces.
 * Ours is the whole way: HTTP upload of the core and every binary it maps, queue, sandbox, gdb, report fetched. The two take turns.
 *
 *   npm run bench -- report-time [INTERPRETER …]
 */
import { execFile } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Interpreter, makeCore, programsFolder } from "../corpus/make-core.ts";
import { interpretersFrom } from "../matrix/interpreters.ts";
import { mappedFiles } from "../support/mapped-files.ts";
import { startStack } from "../support/stack.ts";
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

const named = process.argv.slice(2);
const interpreters = await interpretersFrom({
  paths: named,
  pyenvRoot: process.env["PYENV_ROOT"] ?? null,
  roots: [],
  path: process.env["PATH"] ?? "",
});
const rows: Record<string, Record<string, string>> = {};
await using stack = await startStack({ environment: { INQUEST_LOG_LEVEL: "warn" } });
const supervisor = stack.process.pid ?? 0;
for (const interpreter of interpreters) {
  await using core = await makeCore(interpreter, join(programsFolder, "threads.py"));
  const binaries = await mappedFiles(core.path, null);
  const script = gdbScript(interpreter);
  const ours: number[] = [];
  const known: number[] = [];
  const theirs: number[] = [];
  let inDebugger: number[] = [];
  for (let run = 0; run <= runs; run += 1) {
    const hand = await timed(() => byHand(interpreter, script, core.path));
    let id = "";
    const upload = async (files: readonly string[]) => {
      id = (await submit(stack.url, { core: core.path, binaries: files })).id;
      await awaitJob(stack.url, id);
      await getReport(stack.url, id);
    };
    const all = await timed(() => upload(binaries));
    const again = await timed(() => upload([]));
    // The first turn warms the page cache and is not counted.
    if (run === 0) continue;
    theirs.push(hand);
    ours.push(all);
    known.push(again);
    const { timings_ms: timings } = await getReport(stack.url, id);
    inDebugger = [...inDebugger, timings["debug"] ?? Number.NaN];
  }
  rows[interpreter.version.join(".") + (script === null ? " (no python-gdb.py)" : "")] = {
    "by hand ms": spread(theirs),
    "core and binaries ms": spread(ours),
    "core only, binaries known ms": spread(known),
    "of it in the debugger ms": spread(inDebugger),
    ratio: (median(ours) / median(theirs)).toFixed(2),
    "ratio, binaries known": (median(known) / median(theirs)).toFixed(2),
  };
}
console.table(rows);
const api = await peakMemory(await descendant(supervisor, "services/server.ts"));
const worker = await peakMemory(await descendant(supervisor, "workers/main.ts"));
process.stdout.write(`peak memory: API ${MiB(api)}, worker ${MiB(worker)}\n`);
