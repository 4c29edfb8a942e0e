/** Of the report: threads, their frames, what they wait for, and what was suspended. */
import { type Static, Type } from "typebox";
import { Address, BuildId, Nullable } from "./common.ts";

const nullableString = Nullable(Type.String());
const nullableInteger = Nullable(Type.Integer());
const nullableBoolean = Nullable(Type.Boolean());

export const Argument = Type.Object({ name: Type.String(), value: Type.String() });

export const NativeFrame = Type.Object({
  kind: Type.Literal("native"),
  pc: Nullable(Address),
  function: nullableString,
  /** The exported symbol that covers pc, told for the crashed thread: unlike `function` the same with and without debug info. */
  exported: nullableString,
  file: nullableString,
  line: nullableInteger,
  /** Path of the module as the crashed process mapped it. */
  module: nullableString,
  /** The module's; where the core does not tell it, that of the file that was taken for the module. */
  build_id: Nullable(BuildId),
  /** pc relative to the module's load bias. */
  offset: Nullable(Address),
  inlined: Type.Boolean(),
  arguments: Type.Array(Argument),
  /** How the frame was found: its function's symbol, call frame information, or a guess from the stack's contents. */
  trust: Type.Enum(["symbol", "cfi", "scan"]),
});
export type NativeFrame = Static<typeof NativeFrame>;

export const Local = Type.Object({
  name: Type.String(),
  type: nullableString,
  repr: Type.String(),
  truncated: Type.Boolean(),
});
export type Local = Static<typeof Local>;

export const PythonFrame = Type.Object({
  kind: Type.Literal("python"),
  function: Type.String(),
  qualname: nullableString,
  /** Up to 3.10, where `qualname` is null: the same name, told by the class of a method or by the code around a function. */
  defined_as: nullableString,
  file: nullableString,
  line: nullableInteger,
  end_line: nullableInteger,
  column: nullableInteger,
  end_column: nullableInteger,
  source_line: nullableString,
  locals: Type.Array(Local),
  /** True when C code called this frame: the evaluator was entered for it. */
  entry: Type.Boolean(),
  status: Type.Enum(["ok", "partial"]),
});
export type PythonFrame = Static<typeof PythonFrame>;

/** A run of frames left out because it repeats: `cycle` frames, `count` times. Stands between frames where it was cut. */
export const FoldedFrames = Type.Object({
  kind: Type.Literal("folded"),
  cycle: Type.Integer(),
  count: Type.Integer(),
});
export type FoldedFrames = Static<typeof FoldedFrames>;

export const Frame = Type.Union([NativeFrame, PythonFrame, FoldedFrames]);
export type Frame = Static<typeof Frame>;

/** An exception being handled or propagating. `cause` and `context` follow `__cause__` and `__context__`. */
export const ExceptionInfo = Type.Object({
  type: Type.String(),
  message: nullableString,
  handled: Type.Boolean(),
  chain: Type.Array(Type.Object({ relation: Type.Enum(["cause", "context"]), type: Type.String(), message: nullableString })),
});
export type ExceptionInfo = Static<typeof ExceptionInfo>;

/** What a blocked thread waits for. */
export const WaitsFor = Type.Object({
  /**
   * `lock` and `rlock` of `threading`, `c_mutex`, `c_rwlock` and `c_semaphore` of C, `process_lock` of `multiprocessing`, `thread` and `process` whose end is waited for,
   * `descriptor` that is read or written; `object`: the lock inside an object of another type.
   */
  kind: Type.Enum([
    "gil",
    "lock",
    "rlock",
    "condition",
    "event",
    "semaphore",
    "barrier",
    "queue",
    "future",
    "thread",
    "import_lock",
    "process_lock",
    "process",
    "descriptor",
    "c_mutex",
    "c_rwlock",
    "c_semaphore",
    "object",
  ]),
  /** Of the Python object; of the mutex in C. */
  address: Nullable(Address),
  /** The object's type. */
  type: nullableString,
  /** As the program knows it: `self._lock`, `lock of module jobs`; the thread's or the imported module's name; `libjobs.so+0x4080`. */
  name: nullableString,
  /** Who has to act: the thread that holds it, or whose end is waited for. */
  owner_lwp: nullableInteger,
  owner_name: nullableString,
  /** The owner has ended, or belongs to the process that this one was forked from. */
  owner_gone: Type.Boolean(),
  /** `record`: the lock itself tells its owner. `with_block`: a thread is inside a `with` of it. */
  owner_known_by: Nullable(Type.Enum(["record", "with_block"])),
  /** Whether the wait ends by itself after some time. */
  timed: nullableBoolean,
});
export type WaitsFor = Static<typeof WaitsFor>;

export const Thread = Type.Object({
  lwp: nullableInteger,
  name: nullableString,
  crashed: Type.Boolean(),
  python_thread_id: Nullable(Address),
  /** Its place in the interpreter's list of threads, newest first: the order in which the interpreter itself tells them. */
  python_index: nullableInteger,
  interpreter_id: nullableInteger,
  gil: Nullable(Type.Enum(["holder", "waiting", "released"])),
  /** `running`, `waiting_lock`, `waiting_io`, `waiting_gil`, `sleeping`, `collecting`, …; null when it cannot be told. */
  state: nullableString,
  /** Null for a thread that waits for nothing that can be told. */
  waits_for: Nullable(WaitsFor),
  exception: Nullable(ExceptionInfo),
  /** Native and Python frames in one true order, innermost first. */
  frames: Type.Array(Frame),
  native_frames: Type.Array(Type.Union([NativeFrame, FoldedFrames])),
  python_frames: Type.Array(Type.Union([PythonFrame, FoldedFrames])),
  truncated: Type.Boolean(),
});
export type Thread = Static<typeof Thread>;

export const Suspended = Type.Object({
  kind: Type.Enum(["task", "coroutine", "generator", "async_generator", "greenlet"]),
  name: nullableString,
  state: nullableString,
  awaited_by: Type.Array(Type.String()),
  frames: Type.Array(Type.Union([PythonFrame, FoldedFrames])),
});
export type Suspended = Static<typeof Suspended>;
