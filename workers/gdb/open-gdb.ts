/**
 * Starts one fresh gdb in the sandbox, hardened, with the helpers loaded.
 *
 * One gdb serves one job at one rung: a process kept warm would save some 50 ms and carry one user's state into the next.
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../../services/contract/failure.ts";
import type { CoreFiles, GdbSession, HelperName, HelperRun, LoadedCore, OpenGdbOptions, Rung } from "./debugger.ts";
import { confirmLayout, gdbVersion, loadCore, loadExecutable, runInquest, sourceHelpers, useIndexes } from "./commands.ts";
import { gdbArguments } from "./gdb-arguments.ts";
import { readAnswer } from "./read-answer.ts";
import { helperScripts } from "./helper-scripts.ts";
import { findProgram, requireProgram } from "../../services/sandbox/sandbox.ts";
import { debuggerFolders, hiddenFolders } from "./debugger-folders.ts";
import { startSandboxed } from "../../services/sandbox/sandboxed-process.ts";
import { MiSession } from "./session.ts";
import { withoutDwarf } from "./without-dwarf.ts";

const MiB = 1 << 20;

/** This machine, in the manifest's words. */
const hostMachines: Readonly<Record<string, readonly string[]>> = { x64: ["x86_64", "i386"], arm64: ["aarch64", "arm"], ia32: ["i386"], arm: ["arm"] };

/** A foreign machine's core needs `gdb-multiarch`; where it is missing, plain gdb still runs the Python helper, which reads the core itself. */
function chooseGdb({ gdb, machine, rung }: OpenGdbOptions): string {
  const native = machine === undefined || (hostMachines[process.arch] ?? []).includes(machine);
  if (native || gdb !== "gdb") return requireProgram(gdb, "debugger_missing");
  const multiarch = findProgram("gdb-multiarch");
  if (multiarch !== null) return multiarch;
  if (rung === "python-only") return requireProgram(gdb, "debugger_missing");
  throw new Failure("debugger_command", `the core is of ${machine}, which needs gdb-multiarch, and that is not installed on the worker`);
}

/** Room for the core twice (gdb's view and the helpers' own), and for the binaries, beside what gdb needs itself. */
async function addressSpace(jobDir: string, own: number): Promise<number> {
  const core = await stat(join(jobDir, "core")).catch(() => null);
  return own + 2 * (core?.size ?? 0) + 1_024 * MiB;
}

async function startGdb(options: OpenGdbOptions): Promise<MiSession> {
  const { limits, jobDir } = options;
  const gdb = chooseGdb(options);
  const sandboxed = startSandboxed({
    command: [gdb, ...gdbArguments(options.rung)],
    limits: {
      addressSpace: await addressSpace(jobDir, limits.debug_memory_bytes),
      data: limits.debug_memory_bytes,
      cpuSeconds: limits.debug_seconds + 5,
      fileSize: 512 * MiB,
    },
    readOnly: [
      ...debuggerFolders(gdb),
      [jobDir, "/job"],
      [options.helpers ?? helperScripts, "/inquest"],
      ...(options.rung === "readnever" ? await withoutDwarf(jobDir) : []),
    ],
    hidden: hiddenFolders(gdb),
    writable: [[join(jobDir, "out"), "/job/out"]],
  });
  return new MiSession(sandboxed, { lineCap: 64 * MiB, graceMs: 1_000 });
}

class SandboxedGdb implements GdbSession {
  readonly rung: Rung;
  readonly #session: MiSession;
  readonly #jobDir: string;
  readonly #deadline: number;
  readonly #release: () => void;

  constructor(session: MiSession, options: OpenGdbOptions, deadline: number, release: () => void) {
    this.rung = options.rung;
    this.#session = session;
    this.#jobDir = options.jobDir;
    this.#deadline = deadline;
    this.#release = release;
  }

  version(): Promise<string> {
    return gdbVersion(this.#session);
  }

  async loadCore(files: CoreFiles): Promise<LoadedCore> {
    if (this.rung === "python-only") return { warnings: [] };
    if (files.indexed === true && this.rung === "dwarf") await useIndexes(this.#session);
    const ofExecutable = files.executable === null ? [] : await loadExecutable(this.#session, files.executable, this.#left());
    const ofCore = await loadCore(this.#session, files.core, this.#left());
    return { warnings: [...ofExecutable, ...ofCore] };
  }

  async runHelper(name: HelperName, manifest = "/job/manifest.json", out = `/job/out/${name}.json`): Promise<HelperRun> {
    const started = performance.now();
    const summary = await runInquest(this.#session, name, manifest, out, this.#left());
    const answer = await readAnswer(this.#jobDir, out);
    return { summary, answer, duration_ms: performance.now() - started };
  }

  confirmLayout(version: string, table: string): Promise<boolean | null> {
    return confirmLayout(this.#session, version, table, this.#left());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#release();
    await this.#session[Symbol.asyncDispose]();
  }

  /** Milliseconds left of this gdb's time. */
  #left(): number {
    return Math.max(1, this.#deadline - performance.now());
  }
}

export async function openGdb(options: OpenGdbOptions): Promise<GdbSession> {
  const { signal } = options;
  const cancelled = () => (signal.reason instanceof Failure ? signal.reason : new Failure("job_cancelled", "the job was cancelled while gdb ran"));
  if (signal.aborted) throw cancelled();
  const deadline = performance.now() + options.limits.debug_seconds * 1_000;
  const session = await startGdb(options);
  const cancel = () => session.end(cancelled());
  signal.addEventListener("abort", cancel, { once: true });
  if (signal.aborted) cancel();
  const release = () => signal.removeEventListener("abort", cancel);
  const gdb = new SandboxedGdb(session, options, deadline, release);
  try {
    await session.ready(Math.min(30_000, options.limits.debug_seconds * 1_000));
    await sourceHelpers(session, "/inquest/load.py");
    return gdb;
  } catch (error) {
    await gdb[Symbol.asyncDispose]();
    throw error;
  }
}
