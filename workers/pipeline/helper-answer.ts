/**
 * What the helper scripts answer: the one place where TypeScript and Python meet.
 *
 * `-inquest-python` reads the interpreter from memory alone (no unwinding, no symbol of gdb's is needed), so it survives
 * whatever gdb cannot. `-inquest-native` is gdb's part: C frames, registers, disassembly. Each is useful without the other;
 * `merge` puts them together. The answers carry a few addresses that the report leaves out, because the merge needs them.
 */
import { type Static, Type } from "typebox";
import { Address, Nullable } from "../../services/contract/common.ts";
import { JobOptions } from "../../services/contract/job-options.ts";
import { LayoutSource, PythonInfo } from "../../services/contract/interpreter.ts";
import { Instruction, Warning } from "../../services/contract/report.ts";
import { ExceptionInfo, FoldedFrames, NativeFrame, PythonFrame, Suspended } from "../../services/contract/thread.ts";

export const HelperPythonFrame = Type.Object({
  ...PythonFrame.properties,
  /** Where the frame lives: `PyFrameObject *` up to 3.10, `_PyInterpreterFrame *` from 3.11. */
  address: Address,
  /** An address on the C stack inside the evaluator's own frame, where one is known: the cframe (3.11), the entry shim (3.12+). Only on entry frames. */
  anchor: Nullable(Address),
});
export type HelperPythonFrame = Static<typeof HelperPythonFrame>;

export const HelperPythonThread = Type.Object({
  /** Matched by native_thread_id, else by the thread pointer register; null when no LWP of the core fits. */
  lwp: Nullable(Type.Integer()),
  python_thread_id: Nullable(Address),
  interpreter_id: Nullable(Type.Integer()),
  /** From `threading._active`. */
  name: Nullable(Type.String()),
  holds_gil: Nullable(Type.Boolean()),
  exception: Nullable(ExceptionInfo),
  /** Innermost first. `truncated` says that the outer end could not be reached. */
  frames: Type.Array(Type.Union([HelperPythonFrame, FoldedFrames])),
  truncated: Type.Boolean(),
});
export type HelperPythonThread = Static<typeof HelperPythonThread>;

/** A system call that the kernel had put a thread to sleep in, by its registers. */
export const HelperSystemCall = Type.Object({
  lwp: Type.Integer(),
  number: Type.Integer(),
  /** `futex`, `select`, …; null for one that the helper has no name for. */
  name: Nullable(Type.String()),
  /** The first six; null for one that the call's result overwrote (the first on aarch64). */
  arguments: Type.Array(Nullable(Address)),
  /** Of a futex: whether its word lies in the GIL; null when that is not known. */
  waits_for_gil: Nullable(Type.Boolean()),
});
export type HelperSystemCall = Static<typeof HelperSystemCall>;

export const PythonAnswer = Type.Object({
  helpers: Type.String(),
  layout_source: Nullable(LayoutSource),
  python: Nullable(PythonInfo),
  python_missing_reason: Nullable(Type.String()),
  threads: Type.Array(HelperPythonThread),
  /** Of the threads that were blocked in one. */
  system_calls: Type.Array(HelperSystemCall),
  suspended: Type.Array(Suspended),
  warnings: Type.Array(Warning),
  /** Raw findings for the diagnosis, by name. */
  facts: Type.Record(Type.String(), Type.Unknown()),
  timings_ms: Type.Record(Type.String(), Type.Number()),
});
export type PythonAnswer = Static<typeof PythonAnswer>;

const { exported: _exported, ...nativeProperties } = NativeFrame.properties;

export const HelperNativeFrame = Type.Object({
  ...nativeProperties,
  /** Stack pointer in this frame (its lowest address); null when unknown. Inlined frames share their caller's. */
  sp: Nullable(Address),
  /** True for a frame of the bytecode evaluator itself (its `.cold` part included, not for what is inlined into it). */
  evaluator: Type.Boolean(),
  /** True for gdb's `<signal handler called>`. */
  signal_trampoline: Type.Boolean(),
});
export type HelperNativeFrame = Static<typeof HelperNativeFrame>;

export const HelperNativeThread = Type.Object({
  lwp: Nullable(Type.Integer()),
  /** Innermost first. */
  frames: Type.Array(Type.Union([HelperNativeFrame, FoldedFrames])),
  truncated: Type.Boolean(),
  /** Why unwinding stopped, in gdb's words, when it did not reach the outermost frame. */
  stop_reason: Nullable(Type.String()),
});
export type HelperNativeThread = Static<typeof HelperNativeThread>;

export const NativeAnswer = Type.Object({
  gdb: Type.String(),
  threads: Type.Array(HelperNativeThread),
  /** Of the crashed thread. */
  registers: Type.Record(Type.String(), Type.String()),
  disassembly: Type.Array(Instruction),
  /** By the path in the core: what gdb had of each module. */
  modules: Type.Array(Type.Object({ path: Type.String(), symbols: Type.Boolean(), debug_info: Type.Boolean() })),
  warnings: Type.Array(Warning),
  facts: Type.Record(Type.String(), Type.Unknown()),
  timings_ms: Type.Record(Type.String(), Type.Number()),
});
export type NativeAnswer = Static<typeof NativeAnswer>;

/** The manifest that `gather` writes to the job folder and the helpers read. Paths are those inside the sandbox. */
export const Manifest = Type.Object({
  core: Type.String(),
  /** Of the core's `e_machine`: `x86_64`, `i386`, `aarch64`, `arm`, … */
  machine: Type.String(),
  /** The mapping that holds the entry point of NT_AUXV; null when the core does not tell. */
  executable: Nullable(Type.String()),
  crashed_lwp: Nullable(Type.Integer()),
  modules: Type.Array(
    Type.Object({
      /** As the crashed process mapped it. */
      path: Type.String(),
      build_id: Nullable(Type.String()),
      /** The matching file, in the sysroot; null when missing or mismatched. */
      file: Nullable(Type.String()),
      /** A separate debug file with the same build-id. */
      debug_file: Nullable(Type.String()),
      /** Of NT_FILE (or the link map): address range and the file offset in bytes it maps. */
      mappings: Type.Array(Type.Object({ start: Address, end: Address, offset: Type.Integer() })),
    }),
  ),
  frames_per_thread: Type.Integer(),
  threads: Type.Integer(),
  options: JobOptions,
});
export type Manifest = Static<typeof Manifest>;
