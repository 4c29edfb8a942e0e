/** Assemble: what the stages found becomes one report. Nothing that one half lacks takes from the other. */
import type { Static, TSchema } from "typebox";
import { Value } from "typebox/value";
import { Census, OpenFiles } from "../../services/contract/interpreter.ts";
import type { PythonInfo } from "../../services/contract/interpreter.ts";
import type { Module, ProcessInfo, Report, Signal, Warning } from "../../services/contract/report.ts";
import type { CoreFacts, CoreSignal } from "../../services/intake/core/core-facts.ts";
import { assembleThreads } from "./assemble-threads.ts";
import type { Debugged } from "./debug.ts";
import { bytesAreKnown } from "./executable-memory.ts";
import { type CrashSite, crashSite } from "./crash-site.ts";
import { diagnose } from "./diagnose.ts";
import { withCrashFrames } from "./extension-frames.ts";
import type { Gathered } from "./gather.ts";
import type { NativeAnswer } from "./helper-answer.ts";
import type { AttachedLog } from "./logs/attached-logs.ts";
import { judgeLogs } from "./logs/judge-logs.ts";
import { withKnownCode } from "./known-code.ts";

export interface AssembleInput {
  readonly jobId: string;
  readonly createdAt: Date;
  readonly core: CoreFacts;
  readonly gathered: Pick<Gathered, "choices" | "warnings">;
  readonly debugged: Debugged;
  readonly mostThreads: number;
  readonly timings_ms: Readonly<Record<string, number>>;
  /** The attachments, read. */
  readonly logs?: readonly AttachedLog[];
}

const reportSchema = 1;

function toSignal({ code_number: _code, sender_uid: _uid, ...signal }: CoreSignal, pc: string | null): Signal {
  return { ...signal, pc };
}

function processInfo(core: CoreFacts, { signal, pc }: CrashSite): ProcessInfo {
  return {
    executable: core.executable,
    name: core.name,
    command_line: core.commandLine === null ? null : [...core.commandLine],
    pid: core.pid,
    uid: core.uid,
    signal: signal === null ? null : toSignal(signal, pc),
    crashed_lwp: core.crashedLwp,
    started_by_gcore: core.madeBy === "gcore",
    environment: core.environment === null ? null : core.environment.map(({ name, value }) => ({ name, value })),
  };
}

/** What gdb had of a file counts; where it was not asked, what the file says of itself. */
function modulesOf({ choices }: Pick<Gathered, "choices">, native: NativeAnswer | null): Module[] {
  const asked = new Map((native?.modules ?? []).map((module) => [module.path, module]));
  return choices.map(({ module, found, file, debugFile }) => ({
    path: module.path,
    build_id: module.buildId,
    start: module.start,
    end: module.end,
    size: Number(BigInt(module.end) - BigInt(module.start)),
    found,
    symbols: asked.get(module.path)?.symbols ?? (file?.has_symbols === true || debugFile?.has_symbols === true),
    debug_info: asked.get(module.path)?.debug_info ?? (file?.has_debug_info === true || debugFile?.has_debug_info === true),
  }));
}

function whyNoPython({ python, gdb }: Debugged): string | null {
  if (python?.python != null) return null;
  if (python !== null) return python.python_missing_reason ?? "no CPython was found in the core";
  return gdb === null ? "the debugger could not be used" : "the Python helper gave no answer, as the warnings tell";
}

/** Of the interpreter's GIL, where the threads' own words leave no doubt. */
function withHolder(python: PythonInfo | null, threads: Report["threads"]): PythonInfo | null {
  if (python === null || python.gil_holder_lwp !== null) return python;
  const holders = threads.filter((thread) => thread.gil === "holder");
  return holders.length === 1 ? { ...python, gil_holder_lwp: holders[0]?.lwp ?? null } : python;
}

/** A fact of the helper's that is a part of the report as it is; null when there is none. */
const checked = <T extends TSchema>(schema: T, fact: unknown): Static<T> | null => (Value.Check(schema, fact) ? fact : null);

export function assemble(input: AssembleInput): Report {
  const { core, gathered, debugged, mostThreads } = input;
  const { python, native } = debugged;
  const warnings: Warning[] = [...core.warnings, ...gathered.warnings, ...debugged.warnings, ...(python?.warnings ?? []), ...(native?.warnings ?? [])];
  const fileBuildIds = new Map(gathered.choices.flatMap(({ module, file }) => (file?.build_id == null ? [] : [[module.path, file.build_id] as const])));
  const threads = assembleThreads({ core, python, native, mostThreads, fileBuildIds }, warnings);
  const info = withCrashFrames(python?.python ?? null, threads);
  const modules = modulesOf(gathered, native);
  const decoded = native === null ? null : withKnownCode(native, (address) => bytesAreKnown(core, gathered.choices, address));
  const site = crashSite(core, decoded, python, warnings);
  const judged = judgeLogs(input.logs ?? [], { pid: core.pid, alive: core.processAlive, site, threads, interpreters: python?.python?.interpreters ?? 1 });
  return {
    schema: reportSchema,
    job_id: input.jobId,
    created_at: input.createdAt.toISOString(),
    engine: { gdb: native?.gdb ?? debugged.gdb, helpers: python?.helpers ?? "none", layout_source: python?.layout_source ?? null },
    warnings,
    timings_ms: { ...input.timings_ms, ...debugged.timings_ms, ...prefixed("python_", python?.timings_ms), ...prefixed("native_", native?.timings_ms) },
    process: processInfo(core, site),
    python: withHolder(info, threads),
    python_missing_reason: whyNoPython(debugged),
    threads,
    suspended: python?.suspended ?? [],
    attachments: [...judged.summaries],
    open_files: checked(OpenFiles, python?.facts["open_files"]),
    census: checked(Census, python?.facts["census"]),
    modules,
    diagnoses: diagnose({ core, site, threads, modules, python, native, logs: judged.memory }),
    // Filled once the frames have the names that their files export (run-pipeline.ts).
    signature: null,
    registers: { ...site.registers },
    disassembly: site.disassembly.filter(({ address }) => bytesAreKnown(core, gathered.choices, address)),
  };
}

function prefixed(prefix: string, timings: Readonly<Record<string, number>> | undefined): Record<string, number> {
  return Object.fromEntries(Object.entries(timings ?? {}).map(([name, value]) => [`${prefix}${name}`, value]));
}
