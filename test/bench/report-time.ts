/**
 * From upload to report, beside gdb by hand on the same core, in one run.
 *
 * By hand is what a person does: `gdb -batch` with the interpreter's own python-gdb.py, all threads' backtraces and Python backtraces.
 * Ours is the whole way over HTTP, by the README's own curl commands, queue and sandbox included, report fetched: the core with every
 * binary it maps; the core alone, its binaries known; and a core that is there already, read again. The last two with and without the
 * indexes of stored binaries, on two services beside each other. All take turns, each after a pause in which a worker at rest has its
 * next gdbs up; the ready core once more without the pause, as where the queue is never empty. Beside the wall time stands the CPU time, which is
 * less at the mercy of what else the machine does: of gdb by hand; of the API, the worker and the job's gdbs from their start on.
 *
 * Last, what walks over a whole heap cost, on a core with half a million objects: each section's own time in the report.
 *
 *   npm run bench -- report-time [INTERPRETER …]
 */
import { execFile } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { basename, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Interpreter, makeCore, programsFolder } from "../corpus/make-core.ts";
import { interpretersFrom } from "../matrix/interpreters.ts";
import { mappedFiles } from "../support/mapped-files.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { cpuTime, descendant, MiB, median, peakMemory, spread } from "./measure.ts";

const execute = promisify(execFile);
const runs = 7;
/** Between two turns. */
const restMs = 800;

const curl = async (...words: readonly string[]) => (await execute("curl", ["-sS", "--fail-with-body", ...words], { maxBuffer: 1 << 28 })).stdout;

/** A report's `timings_ms`. */
type Timings = Readonly<Record<string, number>>;

async function finished(url: string, id: string): Promise<Timings> {
  return JSON.parse(await curl("-H", "Accept: application/json", `${url}/v1/jobs/${id}/report?wait=60`)).timings_ms;
}

interface Done {
  readonly id: string;
  readonly timings: Timings;
}

async function upload({ url }: Stack, core: string, binaries: readonly string[]): Promise<Done> {
  const forms = [`core=@${core}`, ...binaries.map((path) => `binary=@${path};filename=${basename(path)}`)];
  // An equal core's report would be taken over.
  const { id } = JSON.parse(await curl("-F", "options=fresh", ...forms.flatMap((form) => ["-F", form]), `${url}/v1/jobs`));
  return { id, timings: await finished(url, id) };
}

async function again({ url }: Stack, id: string, options = ""): Promise<Done> {
  await curl("-X", "POST", `${url}/v1/jobs/${id}/reanalyze?options=${options}`);
  return { id, timings: await finished(url, id) };
}

/** CPU milliseconds of gdb, as the shell that ran it tells. */
async function byHand(interpreter: Interpreter, script: string | null, core: string): Promise<number> {
  const source = script === null ? [] : ["-ex", `source ${script}`];
  const python = script === null ? [] : ["-ex", "thread apply all py-bt"];
  const words = ["-nx", "-batch", "-iex", "set auto-load off", "-iex", "set debuginfod enabled off", ...source, "-ex", "thread apply all bt", ...python];
  const { stdout } = await execute("sh", ["-c", '"$@" >/dev/null 2>&1; times', "sh", "gdb", ...words, interpreter.path, core]);
  const children = stdout.trim().split("\n").at(-1) ?? "";
  return [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce((sum, [, minutes, seconds]) => sum + 60_000 * Number(minutes) + 1_000 * Number(seconds), 0);
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

const interpreters = await interpretersFrom({
  paths: process.argv.slice(2),
  pyenvRoot: process.env["PYENV_ROOT"] ?? null,
  roots: [],
  path: process.env["PATH"] ?? "",
});
const rows: Record<string, Record<string, string | number>> = {};
const walks: Record<string, Record<string, string>> = {};
await using stack = await startStack({ environment: { INQUEST_LOG_LEVEL: "warn" } });
await using plain = await startStack({ environment: { INQUEST_LOG_LEVEL: "warn", INQUEST_INDEXING: "off" } });
const processesOf = ({ process }: Stack) => Promise.all(["services/server.ts", "workers/main.ts"].map((text) => descendant(process.pid ?? 0, text)));
const processes = [...(await processesOf(stack)), ...(await processesOf(plain))];
const cpuOfAll = async () => (await Promise.all(processes.map(cpuTime))).reduce((sum, each) => sum + each, 0);

/** CPU milliseconds of a job: the services', and what its gdbs told. */
async function cpuOf(work: () => Promise<Done>): Promise<number> {
  const before = await cpuOfAll();
  const { timings } = await work();
  return (await cpuOfAll()) - before + (timings["python_cpu"] ?? 0) + (timings["native_cpu"] ?? 0);
}

const noRest = "ready core, at once";

async function compare(interpreter: Interpreter, name: string): Promise<void> {
  await using core = await makeCore(interpreter, join(programsFolder, "threads.py"));
  const binaries = await mappedFiles(core.path, null);
  const script = gdbScript(interpreter);
  const stored = await upload(stack, core.path, binaries);
  const storedPlain = await upload(plain, core.path, binaries);
  const indexes = await indexesMade(stack);
  const ways: Record<string, () => Promise<number>> = {
    "by hand": () => byHand(interpreter, script, core.path),
    "core and binaries": () => cpuOf(() => upload(stack, core.path, binaries)),
    "core, binaries known": () => cpuOf(() => upload(stack, core.path, [])),
    "the same, no indexes": () => cpuOf(() => upload(plain, core.path, [])),
    "ready core": () => cpuOf(() => again(stack, stored.id)),
    [noRest]: () => cpuOf(() => again(stack, stored.id)),
    "the same, no index": () => cpuOf(() => again(plain, storedPlain.id)),
  };
  const times = new Map<string, { readonly wall: number[]; readonly cpu: number[] }>(Object.keys(ways).map((way) => [way, { wall: [], cpu: [] }]));
  for (let run = 0; run <= runs; run += 1) {
    for (const [way, work] of Object.entries(ways)) {
      if (way !== noRest) await sleep(restMs);
      const start = performance.now();
      const cpu = await work();
      const wall = performance.now() - start;
      // The first turn warms the page cache and is not counted.
      if (run > 0) times.get(way)?.wall.push(wall);
      if (run > 0) times.get(way)?.cpu.push(cpu);
    }
  }
  const hand = times.get("by hand") ?? { wall: [], cpu: [] };
  for (const [way, { wall, cpu }] of times) {
    rows[`${name} ${way}`] = {
      ms: spread(wall),
      ratio: (median(wall) / median(hand.wall)).toFixed(2),
      "CPU ms": median(cpu).toFixed(0),
      "CPU ratio": (median(cpu) / median(hand.cpu)).toFixed(2),
      indexes: way === "by hand" ? "" : indexes,
    };
  }
  if (script === null) process.stdout.write(`${name} has no python-gdb.py: by hand there are C stacks only\n`);
}

async function walkHeap(interpreter: Interpreter, name: string): Promise<void> {
  await using core = await makeCore(interpreter, fileURLToPath(new URL("large_heap.py", import.meta.url)), {
    environment: { PYTHONMALLOC: "debug" },
  });
  const { id } = await upload(stack, core.path, await mappedFiles(core.path, null));
  const told: Record<string, number[]> = {};
  for (let run = 0; run < 3; run += 1) {
    const { timings } = await again(stack, id, "heap_check,census");
    for (const [section, took] of Object.entries(timings)) (told[section] ??= []).push(took);
  }
  const section = (key: string) => median(told[`python_${key}`] ?? []).toFixed(0);
  walks[name] = { "open files, ms": section("open_files"), "heap_check, ms": section("heap_check"), "census, ms": section("census") };
}

for (const interpreter of interpreters) {
  const name = `${interpreter.version.join(".")}${gdbScript(interpreter) === null ? ", stripped" : ""}`;
  await compare(interpreter, name);
  await walkHeap(interpreter, name);
  process.stdout.write(`${name} is done\n`);
}
console.table(rows);
process.stdout.write("walks over the heap of a core with half a million objects\n");
console.table(walks);
const [api, worker] = await processesOf(stack);
process.stdout.write(`peak memory: API ${MiB(await peakMemory(api ?? 0))}, worker ${MiB(await peakMemory(worker ?? 0))}\n`);
