/**
 * Debug: one fresh gdb after the other, down a ladder, until both helpers have answered.
 *
 * gdb dying or hanging on what users send is a normal event. Each rung shows it less: all of it, then no DWARF, then no
 * file at all (gdb only runs the Python helper, which reads the core by itself). Where there is a second processor, that last one
 * runs beside the first from the start (python-beside.ts). What an earlier rung has answered is
 * kept, and what was given up is told in `warnings`. Only faults of the machine (no gdb, no sandbox), a cancelled job and
 * a deadline with nothing in hand end the stage with a failure.
 */
import { type Static, type TSchema, Type } from "typebox";
import { Compile, type Validator } from "typebox/compile";
import { Failure, type FailureCode } from "../../services/contract/failure.ts";
import type { Limits } from "../../services/contract/limits.ts";
import type { Warning } from "../../services/contract/report.ts";
import type { GdbSession, HelperName, OpenGdbOptions, Rung } from "../gdb/debugger.ts";
import { NativeAnswer, PythonAnswer } from "./helper-answer.ts";
import { borneOut, type PythonBeside, startPythonBeside } from "./python-beside.ts";

export interface DebugInput {
  readonly folder: string;
  readonly machine: string;
  readonly gdb: string;
  readonly core: string;
  readonly executable: string | null;
  /** Whether the job folder holds indexes. */
  readonly indexed: boolean;
  readonly limits: Pick<Limits, "debug_seconds" | "debug_memory_bytes">;
  readonly signal: AbortSignal;
  readonly openGdb: (options: OpenGdbOptions) => Promise<GdbSession>;
  /** Whether the Python helper runs at the same time, in a gdb of its own. */
  readonly atOnce: boolean;
}

export interface Debugged {
  readonly python: PythonAnswer | null;
  readonly native: NativeAnswer | null;
  /** Version of the gdb that ran; null when none could be asked. */
  readonly gdb: string | null;
  readonly warnings: readonly Warning[];
  readonly timings_ms: Readonly<Record<string, number>>;
}

const ladder: readonly Rung[] = ["dwarf", "readnever", "python-only"];

const rungs: Readonly<Record<Rung, string>> = {
  dwarf: "with debug information",
  readnever: "without debug information",
  "python-only": "with the Python helper alone",
};

const validators = { python: Compile(PythonAnswer), native: Compile(NativeAnswer) };

/** Failures that say something of this input on this rung, and nothing of the machine. */
const givesUpRung: ReadonlySet<FailureCode> = new Set([
  "debugger_died",
  "debugger_timeout",
  "debugger_protocol",
  "debugger_command",
  "helper_failed",
  "helper_answer_invalid",
]);
/** After these the session still lives. */
const keepsSession: ReadonlySet<FailureCode> = new Set(["debugger_command", "helper_failed", "helper_answer_invalid"]);

/** The answer, or null with a warning that names the field that is wrong, never its value. */
function validated<T extends TSchema>(validator: Validator<Type.TProperties, T>, name: HelperName, answer: unknown, warnings: Warning[]): Static<T> | null {
  if (validator.Check(answer)) return answer;
  const [first] = validator.Errors(answer);
  const where = first === undefined ? "" : `: ${first.instancePath.slice(0, 200) || "/"} ${first.message}`;
  warnings.push({ code: "helper_answer_invalid", detail: `the ${name} helper's answer breaks its schema${where}; that half is left out` });
  return null;
}

class Ladder {
  python: PythonAnswer | null = null;
  native: NativeAnswer | null = null;
  gdb: string | null = null;
  readonly warnings: Warning[] = [];
  readonly timings: Record<string, number> = {};
  readonly #input: DebugInput;
  readonly #beside: PythonBeside | null;
  /** The Python helper took all the time of its gdb: once, then it comes after the other; beside the first gdb, then it is not asked again. */
  #late: "no" | "once" | "beside" = "no";

  constructor(input: DebugInput, beside: PythonBeside | null) {
    this.#input = input;
    this.#beside = beside;
  }

  /** What this rung is still wanted for. */
  #wanted(rung: Rung): HelperName[] {
    const wanted: HelperName[] = [];
    if (this.python === null && this.#late !== "beside") wanted.push("python");
    if (this.native === null && rung !== "python-only") wanted.push("native");
    return wanted;
  }

  async climbDown(): Promise<void> {
    for (const rung of ladder) {
      const wanted = this.#wanted(rung);
      if (wanted.length === 0) return;
      const started = performance.now();
      try {
        await this.#useRung(rung, wanted);
      } catch (error) {
        if (!(error instanceof Failure) || !givesUpRung.has(error.code)) throw error;
        this.#giveUp(rung, error);
        await this.takeUnconfirmed();
      } finally {
        this.timings[`gdb_${rung}`] = Math.round(performance.now() - started);
      }
    }
  }

  async #useRung(rung: Rung, wanted: readonly HelperName[]): Promise<void> {
    const { folder, machine, gdb, limits, signal, openGdb, core, executable, indexed } = this.#input;
    await using session = await openGdb({ jobDir: folder, rung, limits, signal, gdb, machine });
    this.gdb = await session.version();
    let opened = true;
    if (rung !== "python-only")
      opened = await this.#tolerate(rung, async () => void this.warnings.push(...(await session.loadCore({ core, executable, indexed })).warnings));
    // Beside, the Python half is on its way: this gdb begins with the other one.
    const order = this.#beside === null && this.#late === "no" ? wanted : wanted.toReversed();
    for (const name of order) {
      if (name === "native" && !opened) continue;
      if (name === "python" && (await this.#tolerate(rung, () => this.#takeBeside(session))) && !this.#wanted(rung).includes(name)) continue;
      await this.#tolerate(rung, () => this.#ask(session, name));
    }
  }

  async #takeBeside(session: GdbSession | null): Promise<void> {
    const answer = (await this.#beside?.answer()) ?? null;
    const late = this.#beside?.late ?? null;
    if (late !== null && this.#late !== "beside") {
      this.#late = "beside";
      this.#giveUp("python-only", late);
    }
    if (answer === null || this.#beside === null) return;
    this.python = session === null || session.rung === "python-only" ? answer : await borneOut(answer, session);
    if (this.python !== null && this.#beside.duration_ms !== null) this.timings["helper_python"] = Math.round(this.#beside.duration_ms);
  }

  /** After the gdb with the files has died, what was read beside stands as it is. */
  async takeUnconfirmed(): Promise<void> {
    if (this.python === null) await this.#takeBeside(null);
  }

  async #ask(session: GdbSession, name: HelperName): Promise<void> {
    const { answer, duration_ms } = await session.runHelper(name).catch((error: unknown) => {
      if (name === "python" && error instanceof Failure && error.code === "debugger_timeout") this.#late = "once";
      throw error;
    });
    this.timings[`helper_${name}`] = Math.round(duration_ms);
    if (name === "python") this.python = validated(validators.python, name, answer, this.warnings);
    else this.native = validated(validators.native, name, answer, this.warnings);
  }

  /** False when gdb refused, but lives. */
  async #tolerate(rung: Rung, step: () => Promise<void>): Promise<boolean> {
    try {
      await step();
      return true;
    } catch (error) {
      if (!(error instanceof Failure) || !keepsSession.has(error.code)) throw error;
      this.#giveUp(rung, error);
      return false;
    }
  }

  #giveUp(rung: Rung, error: Failure): void {
    this.warnings.push({ code: error.code, detail: `gdb ${rungs[rung]}: ${error.message}` });
  }
}

export async function debug(input: DebugInput): Promise<Debugged> {
  const { folder, machine, gdb: program, limits, signal, openGdb, atOnce } = input;
  await using beside = atOnce ? startPythonBeside(() => openGdb({ jobDir: folder, rung: "python-only", limits, signal, gdb: program, machine })) : null;
  const ladder = new Ladder(input, beside);
  try {
    await ladder.climbDown();
  } catch (error) {
    const late = error instanceof Failure && error.code === "deadline_exceeded";
    if (late) await ladder.takeUnconfirmed();
    if (!late || (ladder.python === null && ladder.native === null)) throw error;
    ladder.warnings.push({ code: error.code, detail: `${error.message}; what had been read until then is told` });
  }
  const { python, native, gdb, warnings, timings } = ladder;
  return { python, native, gdb, warnings, timings_ms: timings };
}
