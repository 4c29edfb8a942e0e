/**
 * The report: one commented document, the product itself.
 *
 * A value that is not known is null. `schema` is raised only when a field changes its meaning. Whatever was given up
 * on the way (a rung of the debugger's ladder, a budget, an unreadable page) is told in `warnings`.
 */
import { type Static, Type } from "typebox";
import { Address, BuildId, Id, Nullable, Timestamp } from "./common.ts";
import { Census, LayoutSource, OpenFiles, PythonInfo } from "./interpreter.ts";
import { Suspended, Thread } from "./thread.ts";

const nullableString = Nullable(Type.String());
const nullableInteger = Nullable(Type.Integer());

export const Warning = Type.Object({ code: Type.String(), detail: Type.String() });
export type Warning = Static<typeof Warning>;

export const Signal = Type.Object({
  number: Type.Integer(),
  name: nullableString,
  /** si_code by name (`SEGV_MAPERR`, `SI_TKILL`); its number as text when it has no name. */
  code: nullableString,
  /** si_addr, for the signals that carry one. */
  address: Nullable(Address),
  description: nullableString,
  sender_pid: nullableInteger,
  /** Of the instruction that was interrupted. Below a signal handler that raised the signal again this is not the innermost frame's. */
  pc: Nullable(Address),
});
export type Signal = Static<typeof Signal>;

export const EnvironmentVariable = Type.Object({ name: Type.String(), value: nullableString });
export type EnvironmentVariable = Static<typeof EnvironmentVariable>;

export const ProcessInfo = Type.Object({
  executable: nullableString,
  /** The kernel's own name of the main thread: 15 bytes at most. */
  name: nullableString,
  command_line: Nullable(Type.Array(Type.String())),
  pid: nullableInteger,
  uid: nullableInteger,
  signal: Nullable(Signal),
  crashed_lwp: nullableInteger,
  started_by_gcore: Type.Boolean(),
  /** As the process was started with it, by name; the values of a few harmless ones. Null when the core does not hold it. */
  environment: Nullable(Type.Array(EnvironmentVariable)),
});
export type ProcessInfo = Static<typeof ProcessInfo>;

export const Module = Type.Object({
  path: Type.String(),
  build_id: Nullable(BuildId),
  start: Address,
  end: Address,
  size: Type.Integer(),
  found: Type.Enum(["upload", "store", "debuginfod", "missing", "mismatch"]),
  symbols: Type.Boolean(),
  debug_info: Type.Boolean(),
});
export type Module = Static<typeof Module>;

export const Diagnosis = Type.Object({
  code: Type.String(),
  title: Type.String(),
  detail: Type.String(),
  confidence: Type.Enum(["certain", "likely", "possible"]),
  lwp: nullableInteger,
  evidence: Type.Record(Type.String(), Type.Unknown()),
  links: Type.Array(Type.String()),
});
export type Diagnosis = Static<typeof Diagnosis>;

export const Signature = Type.Object({
  hash: Type.String(),
  title: Type.String(),
  /** Of the rules that made it. */
  version: Type.Integer(),
  /** The same without the native functions and with plain Python names: what crashes have in common whose native side could not be seen. */
  broad_hash: Type.String(),
  /** True when the native side could not be seen, so that native functions may be lacking. */
  partial: Type.Boolean(),
  frames: Type.Array(Type.Object({ key: Type.String(), kept: Type.Boolean(), why: Type.String() })),
});
export type Signature = Static<typeof Signature>;

/** What a text log that came along tells. A file that holds the output of several tools is told once for each. */
export const LogSummary = Type.Object({
  filename: nullableString,
  size: Type.Integer(),
  kind: Type.Enum(["faulthandler", "valgrind", "asan", "text"]),
  /** As the log names its process. */
  pid: nullableInteger,
  /** The log's own words for what happened: `Fatal Python error: Segmentation fault`, `Invalid read of size 8`. */
  message: nullableString,
  /** Threads of a faulthandler dump, errors of a memory checker. */
  count: nullableInteger,
  /**
   * Against the core: `same` (process, threads, lines; for a memory checker process and place of the crash), `differs` (this process, with
   * differences), `other_process`. Null where there is nothing to compare with.
   */
  agreement: Nullable(Type.Enum(["same", "differs", "other_process"])),
  differences: Type.Array(Type.String()),
});
export type LogSummary = Static<typeof LogSummary>;

export const Instruction = Type.Object({ address: Address, text: Type.String(), current: Type.Boolean() });
export type Instruction = Static<typeof Instruction>;

export const Report = Type.Object(
  {
    schema: Type.Integer(),
    job_id: Id,
    created_at: Timestamp,
    engine: Type.Object({ gdb: nullableString, helpers: Type.String(), layout_source: Nullable(LayoutSource) }),
    warnings: Type.Array(Warning),
    timings_ms: Type.Record(Type.String(), Type.Number()),
    process: ProcessInfo,
    python: Nullable(PythonInfo),
    python_missing_reason: nullableString,
    threads: Type.Array(Thread),
    suspended: Type.Array(Suspended),
    attachments: Type.Array(LogSummary),
    open_files: Nullable(OpenFiles),
    /** Made on request (the option `census`); null otherwise, and for builds without the GIL, whose collector keeps no lists. */
    census: Nullable(Census),
    modules: Type.Array(Module),
    diagnoses: Type.Array(Diagnosis),
    signature: Nullable(Signature),
    registers: Type.Record(Type.String(), Type.String()),
    disassembly: Type.Array(Instruction),
  },
  { $id: "Report" },
);
export type Report = Static<typeof Report>;
