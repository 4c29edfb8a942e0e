/**
 * Starts one fresh gdb in the sandbox, hardened, with the helpers loaded.
 *
 * One gdb serves one job at one rung: one that had served before would carry one user's state into the next. It may be started before its
 * job is there, though, in a job folder that is filled later (`workers/standby.ts`).
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../../services/contract/failure.ts";
import type { CoreFiles, GdbSession, HelperName, HelperRun, LoadedCore, OpenGdbOptions, Rung } from "./debugger.ts";
import { confirmLayout, demangleSymbols, gdbVersion, importHelpers, loadCore, loadExecutable, runInquest, sourceHelpers, useIndexes } from "./commands.ts";
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

/** Whether the worker's own gdb reads cores of `machine`. */
export function isOwnMachine(machine: string | undefined): boolean {
  return machine === undefined || (hostMachines[process.arch] ?? []).includes(machine);
}

export type StartOptions = Omit<OpenGdbOptions, "signal">;

/** A gdb that no job has used yet. */
export interface StartedGdb {
  readonly session: MiSession;
  /** Settled when its helpers are loaded; fails with the session's end. */
  readonly loaded: Promise<void>;
}

/** A foreign machine's core needs `gdb-multiarch`; where it is missing, plain gdb still runs the Python helper, which reads the core itself. */
function chooseGdb({ gdb, machine, rung }: StartOptions): string {
  if (isOwnMachine(machine) || gdb !== "gdb") return requireProgram(gdb, "debugger_missing");
  const multiarch = findProgram("gdb-multiarch");
  if (multiarch !== null) return multiarch;
  if (rung === "python-only") return requireProgram(gdb, "debugger_missing");
  throw new Failure("debugger_command", `the core is of ${machine}, which needs gdb-multiarch, and that is not installed on the worker`);
}

/** Room for a core twice (gdb's view and the helpers' own), and for the binaries, beside what gdb needs itself. */
const addressSpace = (own: number, coreBytes: number) => own + 2 * coreBytes + 1_024 * MiB;

/** The core's size in a job folder, 0 where there is none. */
export async function coreSize(jobDir: string): Promise<number> {
  const core = await stat(join(jobDir, "core")).catch(() => null);
  return core?.size ?? 0;
}

/** Starts a gdb that has room for a core of `coreBytes`. What `jobDir` holds is looked at when the first command needs it. */
export async function startGdb(options: StartOptions, coreBytes: number): Promise<StartedGdb> {
  const { limits, jobDir } = options;
  const gdb = chooseGdb(options);
  const sandboxed = startSandboxed({
    command: [gdb, ...gdbArguments(options.rung)],
    limits: {
      addressSpace: addressSpace(limits.debug_memory_bytes, coreBytes),
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
  const session = new MiSession(sandboxed, { lineCap: 64 * MiB, graceMs: 1_000 });
  const loaded = session.ready(Math.min(30_000, limits.debug_seconds * 1_000)).then(() => sourceHelpers(session, "/inquest/load.py"));
  loaded.catch(() => undefined);
  return { session, loaded };
}

/** Starts a gdb for a job that is yet to come, with all that these halves of its helpers import. */
export async function startGdbAhead(options: StartOptions, coreBytes: number, halves: readonly HelperName[]): Promise<StartedGdb> {
  const { session, loaded } = await startGdb(options, coreBytes);
  const imported = loaded.then(() => importHelpers(session, halves));
  imported.catch(() => undefined);
  return { session, loaded: imported };
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
    await demangleSymbols(this.#session, "none");
    try {
      const ofExecutable = files.executable === null ? [] : await loadExecutable(this.#session, files.executable, this.#left());
      const ofCore = await loadCore(this.#session, files.core, this.#left());
      return { warnings: [...ofExecutable, ...ofCore] };
    } finally {
      if (this.#session.ended === null) await demangleSymbols(this.#session, "auto");
    }
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

/** The started gdb becomes a job's: its time begins, and the job's signal ends it. */
export async function giveJob({ session, loaded }: StartedGdb, options: OpenGdbOptions): Promise<GdbSession> {
  const { signal } = options;
  const deadline = performance.now() + options.limits.debug_seconds * 1_000;
  const cancel = () => session.end(cancelled(signal));
  signal.addEventListener("abort", cancel, { once: true });
  if (signal.aborted) cancel();
  const gdb = new SandboxedGdb(session, options, deadline, () => signal.removeEventListener("abort", cancel));
  try {
    await loaded;
    return gdb;
  } catch (error) {
    await gdb[Symbol.asyncDispose]();
    throw error;
  }
}

function cancelled(signal: AbortSignal): Failure {
  return signal.reason instanceof Failure ? signal.reason : new Failure("job_cancelled", "the job was cancelled while gdb ran");
}

export async function openGdb(options: OpenGdbOptions): Promise<GdbSession> {
  if (options.signal.aborted) throw cancelled(options.signal);
  return giveJob(await startGdb(options, await coreSize(options.jobDir)), options);
}
