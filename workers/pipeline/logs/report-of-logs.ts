/**
 * A report of logs alone: no core was sent, and what a log tells of the crash is all there is.
 *
 * The Python stacks are those of the last dump that faulthandler left, the C stack that of a memory checker's last error, else the one that
 * 3.14 and newer put into the dump. What only
 * memory could tell (locals, the interpreter's version, other C stacks) is absent, and a warning says so.
 */
import type { Diagnosis, Report, Signal, Warning } from "../../../services/contract/report.ts";
import type { NativeFrame, PythonFrame, Thread } from "../../../services/contract/thread.ts";
import { describeSignal, signalName } from "../../../services/intake/core/signals.ts";
import { type DumpedFrame, type DumpedThread, type FaulthandlerDump, unescaped } from "../../../services/logs/faulthandler.ts";
import type { LoggedFrame, MemoryReport } from "../../../services/logs/memory-report.ts";
import { signatureOf } from "../../../services/triage/signature.ts";
import { crashInLog, damageInLog } from "../diagnose/logged.ts";
import { fatalErrorInLog } from "../diagnose/logged-fatal.ts";
import type { AttachedLog } from "./attached-logs.ts";
import { signalOfFault } from "./faults.ts";
import { judgeLogs } from "./judge-logs.ts";

export interface LogsInput {
  readonly jobId: string;
  readonly createdAt: Date;
  readonly logs: readonly AttachedLog[];
}

const reportSchema = 1;

/** As x86 and ARM number them. */
const numbers: Readonly<Record<string, number>> = { SIGILL: 4, SIGABRT: 6, SIGBUS: 7, SIGFPE: 8, SIGSEGV: 11 };

interface Chosen {
  readonly dump: FaulthandlerDump | null;
  readonly memory: MemoryReport | null;
}

/** The last crash that is told: a log that is added to for weeks ends with the one that is meant. */
function choose(logs: readonly AttachedLog[]): Chosen {
  const dumps = logs.flatMap((log) => log.dumps);
  const telling = dumps.filter((dump) => dump.threads.length > 0);
  return {
    dump: telling.findLast((dump) => dump.reason === "fatal") ?? telling.at(-1) ?? dumps.at(-1) ?? null,
    memory: logs.flatMap((log) => log.memory).findLast(({ errors, end }) => errors.length > 0 || end !== null) ?? null,
  };
}

const pythonFrame = ({ file, line, function: name }: DumpedFrame): PythonFrame => ({
  kind: "python",
  function: name === null ? "???" : unescaped(name),
  qualname: null,
  defined_as: null,
  file: file === null ? null : unescaped(file),
  line,
  end_line: null,
  column: null,
  end_column: null,
  source_line: null,
  locals: [],
  entry: false,
  status: name === null || file === null ? "partial" : "ok",
});

const nativeFrame = ({ address, function: name, file, line, module }: LoggedFrame): NativeFrame => ({
  kind: "native",
  pc: address,
  function: name,
  exported: null,
  file,
  line,
  module,
  build_id: null,
  offset: null,
  inlined: false,
  arguments: [],
  trust: "symbol",
});

/** What faulthandler and the kernel put on the stack: no part of the crash. */
const ofTheDump = /^(_Py_DumpStack|faulthandler_\w+|_?Py_FatalError\w*|fatal_error\w*)$/;
const returner = /^(__restore(_rt)?|__kernel_(rt_)?sigreturn)$/;
const libc = /\/(libc[.-]|ld-musl)|^(linux-gate|linux-vdso)/;

/** The dump's own C stack: from the frame that the signal interrupted, else from the caller of Py_FatalError. */
function dumpedNatives({ cStack, message }: FaulthandlerDump): LoggedFrame[] {
  const stack = cStack ?? [];
  const last = stack.slice(0, 8).findLastIndex(({ function: name }) => name !== null && ofTheDump.test(name));
  // The handler returns to the C library or the kernel's page: the frame behind it is the crash.
  const back =
    signalOfFault(message) === null
      ? -1
      : stack.slice(0, 6).findIndex((each) => (each.function === null ? libc.test(each.file) : returner.test(each.function)));
  const begin = Math.max(last, back) + 1;
  return stack.slice(begin).map(({ file, function: name, address }) => ({ address, function: name, file: null, line: null, module: file }));
}

const evaluator = /^(_PyEval_EvalFrameDefault|PyEval_EvalFrameEx|_TAIL_CALL_\w+)/;

function toThread(dumped: DumpedThread | null, index: number | null, crashed: boolean, native: readonly LoggedFrame[]): Thread {
  const python = dumped?.frames.map(pythonFrame) ?? [];
  const natives = native.map(nativeFrame);
  // The log does not say which Python frames an evaluator runs: what is further in than the first one stands before them.
  const entered = natives.findIndex((frame) => evaluator.test(frame.function ?? ""));
  return {
    lwp: null,
    name: dumped?.name ?? null,
    crashed,
    python_thread_id: dumped?.id ?? null,
    python_index: index,
    interpreter_id: null,
    gil: null,
    waits_for: null,
    state: dumped?.collecting === true ? "collecting" : null,
    exception: null,
    frames: [...(entered < 0 || python.length === 0 ? natives : natives.slice(0, entered)), ...python],
    native_frames: natives,
    python_frames: python,
    truncated: dumped?.cut === true,
  };
}

function signalOf({ dump, memory }: Chosen): Signal | null {
  const told = dump?.reason === "fatal" ? (signalOfFault(dump.message) ?? "SIGABRT") : null;
  const number = told === null ? (memory?.end?.signal ?? null) : (numbers[told] ?? null);
  if (number === null) return null;
  const address = told === "SIGABRT" ? null : (memory?.end?.address ?? null);
  return {
    number,
    name: told ?? signalName(number),
    code: null,
    address,
    description: describeSignal(number, null),
    sender_pid: null,
    pc: memory?.end?.frames[0]?.address ?? null,
  };
}

function threadsOf({ dump, memory }: Chosen): Thread[] {
  const native = memory?.end?.frames ?? memory?.errors.at(-1)?.frames ?? (dump === null ? [] : dumpedNatives(dump));
  if (dump === null || dump.threads.length === 0) return native.length === 0 ? [] : [toThread(null, null, true, native)];
  const died = dump.reason === "fatal";
  const threads = dump.threads.map((dumped, index) => toThread(dumped, index, died && dumped.current, died && dumped.current ? native : []));
  return threads.toSorted((one, other) => Number(other.crashed) - Number(one.crashed));
}

/** Null when no log tells anything. */
export function reportOfLogs({ jobId, createdAt, logs }: LogsInput): Report | null {
  const chosen = choose(logs);
  const { dump, memory } = chosen;
  if (dump === null && memory === null) return null;
  const { summaries, memory: judged } = judgeLogs(logs, null);
  const warnings: Warning[] = [
    {
      code: "no_core",
      detail: "no core was sent: the report is made of the attached logs alone, without locals and without the C stacks that only a core holds",
    },
  ];
  const crashes = logs.flatMap((log) => log.dumps).filter((each) => each.reason === "fatal").length;
  if (crashes > 1) warnings.push({ code: "several_crashes", detail: `the logs tell of ${crashes} crashes; the last one is shown` });
  const meant = { core: { crashedLwp: null }, logs: judged.filter(({ report }) => report === memory) };
  const diagnoses: Diagnosis[] = [crashInLog(meant), dump === null ? null : fatalErrorInLog(dump), damageInLog(meant)].flatMap((each) => each ?? []);
  const report: Report = {
    schema: reportSchema,
    job_id: jobId,
    created_at: createdAt.toISOString(),
    engine: { gdb: null, helpers: "none", layout_source: null },
    warnings,
    timings_ms: {},
    process: {
      executable: null,
      name: null,
      command_line: null,
      pid: memory?.pid ?? dump?.pid ?? null,
      uid: null,
      signal: signalOf(chosen),
      crashed_lwp: null,
      started_by_gcore: false,
      environment: null,
    },
    python: null,
    python_missing_reason: "no core was sent; the Python stacks are those that the log tells",
    threads: threadsOf(chosen),
    suspended: [],
    attachments: [...summaries],
    open_files: null,
    census: null,
    modules: [],
    diagnoses,
    signature: null,
    registers: {},
    disassembly: [],
  };
  // The dump's C stack has exported names alone: a core of the same crash has others.
  const named =
    memory === null ? { ...report, threads: report.threads.map((thread) => ({ ...thread, frames: thread.python_frames, native_frames: [] })) } : report;
  return { ...report, signature: signatureOf(named) };
}
