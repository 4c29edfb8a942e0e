/**
 * How many crash programs come out right, beside gdb with its own python-gdb.py, pystack and py-spy, on the same cores in one run.
 *
 * Right means that the crashed thread's Python functions are those that the corpus names, in their order; of a peer that marks no crashed
 * thread any thread will do. The peers from PyPI live in a virtual environment in the temporary folder that only this makes.
 *
 *   npm run bench -- peers [--python PATH]… [--program NAME]…
 */
import { execFile } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { type Core, type Interpreter, makeCore, programsFolder } from "../corpus/make-core.ts";
import { type CorpusEntry, entriesFor } from "../corpus/manifest.ts";
import { interpretersFrom } from "../matrix/interpreters.ts";
import { mappedFiles } from "../support/mapped-files.ts";
import { startStack } from "../support/stack.ts";
import { analyse } from "../support/submit.ts";
import { median } from "./measure.ts";

const execute = promisify(execFile);
const { values } = parseArgs({
  options: { python: { type: "string", multiple: true, default: [] }, program: { type: "string", multiple: true, default: [] } },
});

/** What a command printed, also of one that failed or was ended by the limit. */
async function printed(command: string, words: readonly string[]): Promise<string> {
  try {
    return (await execute(command, [...words], { maxBuffer: 1 << 28, timeout: 60_000 })).stdout;
  } catch (error) {
    return typeof error === "object" && error !== null && "stdout" in error ? String(error.stdout) : "";
  }
}

async function environment(): Promise<string> {
  const folder = join(tmpdir(), "inquest-peers");
  if (!existsSync(join(folder, "bin/pystack"))) {
    await execute("python3", ["-m", "venv", folder]);
    await execute(join(folder, "bin/pip"), ["install", "-q", "pystack", "py-spy"]);
  }
  return folder;
}

const plain = (name: string) => name.normalize("NFKC");

/** `stack` innermost first, as the corpus has it. */
function isRight(entry: CorpusEntry, stack: readonly string[]): boolean {
  const names = stack.map(plain).filter((name) => name !== "string_at");
  const seen = entry.innermostOnly === true ? names.slice(0, entry.stack.length) : names;
  return seen.join(" ") === entry.stack.join(" ");
}

/** The names in a text's blocks, one block a thread. */
const stacksOf = (text: string, block: RegExp, frame: RegExp, outermostFirst: boolean): string[][] =>
  text.split(block).map((part) => {
    const names = [...part.matchAll(frame)].map((match) => match[1] ?? "");
    return outermostFirst ? names.reverse() : names;
  });

interface Made {
  readonly entry: CorpusEntry;
  readonly core: Core;
  /** The ELF files that it maps. */
  readonly files: readonly string[];
}

interface Peer {
  readonly name: string;
  readonly stacks: (made: Made, interpreter: Interpreter) => Promise<string[][]>;
}

/** The files of a core without symbols, below a folder as a sysroot. */
async function strippedRoot(files: readonly string[], folder: string): Promise<void> {
  for (const file of files) {
    const copy = join(folder, file);
    await mkdir(dirname(copy), { recursive: true });
    await execute("strip", ["--strip-all", "-o", copy, file]).catch(() => cp(file, copy));
  }
}

function gdb(script: string | null, core: string, executable: string, sysroot: string | null): Promise<string[][]> {
  if (script === null) return Promise.resolve([]);
  const root = sysroot === null ? [] : ["-iex", `set sysroot ${sysroot}`, "-iex", "set debug-file-directory /nonexistent"];
  const words = [
    "-nx",
    "-batch",
    "-iex",
    "set auto-load off",
    "-iex",
    "set debuginfod enabled off",
    ...root,
    "-ex",
    `source ${script}`,
    "-ex",
    "bt",
    "-ex",
    "py-bt",
  ];
  return printed("gdb", [...words, executable, core]).then((text) =>
    stacksOf(text, /Traceback \(most recent call/, /^ {2}File ".*", line \d+, in (\S+)/gm, false).slice(1),
  );
}

/** The interpreter's python-gdb.py, where its build installed it beside the executable. */
function gdbScript(interpreter: Interpreter): string | null {
  const candidate = `${realpathSync(interpreter.path)}-gdb.py`;
  return existsSync(candidate) ? candidate : null;
}

const folder = await environment();
const scratch = await mkdtemp(join(tmpdir(), "inquest-bench-"));
const peers: readonly Peer[] = [
  { name: "gdb", stacks: ({ core }, interpreter) => gdb(gdbScript(interpreter), core.path, interpreter.path, null) },
  { name: "gdb, stripped", stacks: ({ core }, interpreter) => gdb(gdbScript(interpreter), core.path, join(scratch, realpathSync(interpreter.path)), scratch) },
  {
    name: "pystack",
    stacks: async ({ core }, interpreter) =>
      stacksOf(
        await printed(join(folder, "bin/pystack"), ["core", "--no-color", core.path, interpreter.path]),
        /Traceback for thread/,
        /File ".*", line \d+, in (\S+)/g,
        true,
      ),
  },
  {
    name: "pystack, stripped",
    stacks: async ({ core }, interpreter) =>
      stacksOf(
        await printed(join(folder, "bin/pystack"), [
          "core",
          "--no-color",
          "--lib-search-root",
          scratch,
          core.path,
          join(scratch, realpathSync(interpreter.path)),
        ]),
        /Traceback for thread/,
        /File ".*", line \d+, in (\S+)/g,
        true,
      ),
  },
  {
    name: "py-spy",
    stacks: async ({ core }) => stacksOf(await printed(join(folder, "bin/py-spy"), ["dump", "--core", core.path]), /^Thread /m, /^ {4}(\S+) \(/gm, false),
  },
];

const interpreters = await interpretersFrom({ paths: values.python, pyenvRoot: process.env["PYENV_ROOT"] ?? null, roots: [], path: process.env["PATH"] ?? "" });
const rightRows: Record<string, Record<string, string>> = {};
const timeRows: Record<string, Record<string, string>> = {};
{
  await using stack = await startStack({ environment: { INQUEST_LOG_LEVEL: "warn" } });
  for (const interpreter of interpreters) {
    const entries = entriesFor(interpreter).filter(
      ({ program, heavy, gcore }) =>
        heavy !== true && gcore !== true && (values.program.length === 0 || values.program.some((name) => program.startsWith(name))),
    );
    const right = new Map<string, number>();
    const times = new Map<string, number[]>();
    await using cores = new AsyncDisposableStack();
    const made: Made[] = [];
    for (const entry of entries) {
      const core = cores.use(await makeCore(interpreter, join(programsFolder, entry.program), { environment: entry.environment ?? {} }));
      const files = await mappedFiles(core.path, null);
      await strippedRoot(files, scratch);
      made.push({ entry, core, files });
    }
    const ours = async (core: Core, binaries: readonly string[]) => {
      const { report } = await analyse(stack.url, { core: core.path, binaries });
      return [report.threads[0]?.python_frames.flatMap((frame) => (frame.kind === "python" ? [frame.function] : [])) ?? []];
    };
    // All cores alone first, then the stripped files: the store keeps what is uploaded for every later core of the same build-ids.
    const all: readonly Peer[] = [
      { name: "Inquest, core alone", stacks: ({ core }) => ours(core, []) },
      {
        name: "Inquest, stripped",
        stacks: ({ core, files }) =>
          ours(
            core,
            files.map((file) => join(scratch, file)),
          ),
      },
      { name: "Inquest", stacks: ({ core, files }) => ours(core, files) },
      ...peers,
    ];
    for (const { name, stacks } of all) {
      let count = 0;
      const taken: number[] = [];
      for (const one of made) {
        const started = performance.now();
        const told = await stacks(one, interpreter).catch(() => []);
        taken.push(performance.now() - started);
        if (told.some((each) => isRight(one.entry, each))) count += 1;
      }
      right.set(name, count);
      times.set(name, taken);
    }
    const tried = made.length;
    const version = interpreter.version.join(".");
    rightRows[version] = Object.fromEntries([...right].map(([name, count]) => [name, `${count} of ${tried}`]));
    const own = median(times.get("gdb") ?? []);
    timeRows[version] = Object.fromEntries([...times].map(([name, each]) => [name, `${median(each).toFixed(0)} ms (${(median(each) / own).toFixed(2)})`]));
    process.stdout.write(`${version} ${JSON.stringify(rightRows[version])} ${JSON.stringify(timeRows[version])}\n`);
  }
}
await rm(scratch, { recursive: true, force: true });
process.stdout.write("programs whose crashed thread's Python stack is right\n");
console.table(rightRows);
process.stdout.write("median time, and as a ratio to gdb's\n");
console.table(timeRows);
