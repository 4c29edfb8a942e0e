/**
 * Makes a core: runs a program of the corpus on an interpreter until it dies, and keeps what the kernel wrote.
 *
 * Where the kernel is told to pipe cores elsewhere (`core_pattern` begins with `|` or names a folder), the program runs below gdb, which
 * writes the core when the signal comes. `ulimit -c` is raised for the child only.
 */
import { spawn } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Interpreter {
  /** The command, an absolute path inside `root`. */
  readonly path: string;
  readonly version: readonly [number, number, number];
  /** Another userland to run in through chroot; null for this one. */
  readonly root: string | null;
  /** Built with `Py_DEBUG`. */
  readonly debug: boolean;
  /** Built with `--disable-gil`. */
  readonly freeThreaded: boolean;
}

export interface Core extends AsyncDisposable {
  readonly path: string;
  readonly folder: string;
  /** The program as the interpreter was given it. */
  readonly program: string;
  readonly stdout: string;
  /** Holds faulthandler's dump where the interpreter has it (3.3+). */
  readonly stderr: string;
}

export interface CoreOptions {
  readonly gcore?: boolean;
  /** Bits of /proc/PID/coredump_filter; null leaves the default. */
  readonly filter?: number | null;
  readonly environment?: Readonly<Record<string, string>>;
  readonly arguments?: readonly string[];
  /** Folders below the one that it runs in, where the program lies. */
  readonly below?: string;
}

export const programsFolder = fileURLToPath(new URL("./programs", import.meta.url));

const enterRoot = fileURLToPath(new URL("./enter-root.sh", import.meta.url));

/** As words of a shell line. */
const quoted = (words: readonly string[]) => words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");

interface Ended {
  readonly stdout: string;
  readonly stderr: string;
}

async function kernelWritesHere(): Promise<boolean> {
  const pattern = (await readFile("/proc/sys/kernel/core_pattern", "utf8")).trim();
  return !pattern.startsWith("|") && !pattern.includes("/");
}

/** Runs a shell line with its words as arguments, never as text of the script. */
async function run(script: string, words: readonly string[], folder: string, environment: Readonly<Record<string, string>>): Promise<Ended> {
  const child = spawn("sh", ["-c", script, "sh", ...words], {
    cwd: folder,
    env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: folder, LC_ALL: "C.UTF-8", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 120_000,
    killSignal: "SIGKILL",
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", () => resolve({ stdout, stderr }));
  });
}

const limits = "ulimit -c unlimited; ulimit -s 8192; ";
const filtered = (filter: number | null | undefined) =>
  filter === null || filter === undefined ? "" : `echo 0x${filter.toString(16)} > /proc/self/coredump_filter; `;
const live = `"$@" > ready & pid=$!; for i in $(seq 200); do grep -q ready ready && break; sleep 0.05; done; `;
/** By the gdb of its own userland: an older one writes zeros for the stacks of a newer C library's threads. */
const byGcore = (into: string) =>
  `${live}${into} gdb -nx -batch -p $pid -ex "generate-core-file core" >/dev/null 2>&1; kill -9 $pid; wait $pid 2>/dev/null; true`;
const belowGdb = `exec gdb -nx -batch -ex "handle all nostop noprint pass" -ex "handle SIGSEGV SIGABRT SIGBUS SIGFPE SIGILL stop" -ex run -ex "generate-core-file core" -ex kill --args "$@"`;

/** The folder that the child runs in, and the same as seen from here. */
async function scratch(root: string | null): Promise<string> {
  return mkdtemp(join(root === null ? tmpdir() : join(root, "tmp"), "inquest-core-"));
}

/** Copies `program` beside the core and runs it there. Throws when no core came of it. */
export async function makeCore(interpreter: Interpreter, program: string, options: CoreOptions = {}): Promise<Core> {
  const folder = await scratch(interpreter.root);
  const inside = interpreter.root === null ? folder : folder.slice(interpreter.root.length);
  const name = basename(program);
  const below = options.below ?? "";
  await cp(program, join(folder, below, name));
  const into = interpreter.root === null ? [] : ["sh", enterRoot, interpreter.root, inside];
  const words = [...into, interpreter.path, ...(options.arguments ?? []), join(inside, below, name)];
  const environment = { PYTHONFAULTHANDLER: "1", PYTHONDONTWRITEBYTECODE: "1", ...options.environment };
  const tail = options.gcore === true ? byGcore(quoted(into)) : (await kernelWritesHere()) ? '"$@"' : belowGdb;
  const ended = await run(limits + filtered(options.filter) + tail, words, folder, environment);
  const cores = (await readdir(folder)).filter((each) => /^core(\.\d+)?$/.test(each));
  if (cores[0] === undefined) {
    await rm(folder, { recursive: true, force: true });
    throw new Error(`${name} on ${interpreter.path} left no core: ${ended.stderr.slice(-500)}`);
  }
  const path = join(folder, `core.${name.replace(/\.py$/, "")}`);
  await rename(join(folder, cores[0]), path);
  return {
    path,
    folder,
    program: join(inside, below, name),
    ...ended,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Asks an interpreter of ours for its version; null when it cannot run. */
export async function interpreterAt(path: string, root: string | null = null): Promise<Interpreter | null> {
  const words = root === null ? [path] : ["chroot", root, path];
  const asked = "list(sys.version_info[:3]), hasattr(sys, 'gettotalrefcount'), bool(sysconfig.get_config_var('Py_GIL_DISABLED'))";
  const { stdout } = await run(`"$@" -c "import sys, sysconfig; print(${asked})"`, words, "/", {});
  const match = /\[(\d+), (\d+), (\d+)\],? (True|False),? (True|False)/.exec(stdout);
  if (match === null) return null;
  return { path, root, version: [Number(match[1]), Number(match[2]), Number(match[3])], debug: match[4] === "True", freeThreaded: match[5] === "True" };
}
