/**
 * The report: one commented document, the product itself.
 *
 * A value that is not known is null. `schema` is raised only when a field changes its meaning. Whatever was given up
 * on the way (a rung of the debugger's ladder, a budget, an unreadable page) is told in `warnings`.
 */
import { type Static, Type } from "typebox";
import { Address, BuildId, Id, Nullable, Timestamp } from "./common.ts";

const nullableString = Nullable(Type.String());
const nullableInteger = Nullable(Type.Integer());
const nullableBoolean = Nullable(Type.Boolean());

export const Warning = Type.Object({ code: Type.String(), detail: Type.String() });
export type Warning = Static<typeof Warning>;

/** Where a struct's offsets came from: CPython's own debug offsets (3.13+), the build's DWARF, or the generated table. */
export const LayoutSource = Type.Enum(["debug_offsets", "dwarf", "table"]);
export type LayoutSource = Static<typeof LayoutSource>;

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

export const ExtensionModule = Type.Object({
  name: Type.String(),
  path: nullableString,
  /** Of the distribution that it was installed with, else what the package or the module says. */
  version: nullableString,
  /** No part of the standard library. */
  third_party: Type.Boolean(),
  /** Its innermost frame on the crashed thread, counted from the crash; null when it has none there. */
  crash_frame: nullableInteger,
});
export type ExtensionModule = Static<typeof ExtensionModule>;

/** How the interpreter was started, in its own words; as `sys` had it when it died. */
export const RunInfo = Type.Object({
  /** `sys.executable`. */
  executable: nullableString,
  argv: Nullable(Type.Array(Type.String())),
  /** `sys.flags` by name; true is 1. */
  flags: Nullable(Type.Record(Type.String(), Type.Integer())),
  /** `-X`: `importtime`, `tracemalloc=5`. */
  x_options: Nullable(Type.Array(Type.String())),
  /** `-W`, PYTHONWARNINGS and what development mode adds. */
  warn_options: Nullable(Type.Array(Type.String())),
  /** As PYTHONHASHSEED set it, 0 for no randomization; null for a random one, or where it is not known. */
  hash_seed: nullableInteger,
  unbuffered: nullableBoolean,
  prefix: nullableString,
  /** Differs from `prefix` in a virtual environment. */
  base_prefix: nullableString,
});
export type RunInfo = Static<typeof RunInfo>;

/** A line that allocated memory. */
export const AllocationPlace = Type.Object({ file: Type.String(), line: Type.Integer() });
export type AllocationPlace = Static<typeof AllocationPlace>;

export const TracedMemory = Type.Object({
  /** Frames kept of each allocation. */
  traceback_limit: nullableInteger,
  traced_bytes: nullableInteger,
  peak_bytes: nullableInteger,
  blocks: Type.Integer(),
  /** False when a limit cut the count of blocks, and with it `top`. */
  whole: Type.Boolean(),
  /** The lines that hold most memory. */
  top: Type.Array(Type.Object({ ...AllocationPlace.properties, bytes: Type.Integer(), count: Type.Integer() })),
  /** Of the innermost frames of the crashed thread: where their objects were allocated, most recent call first. */
  objects: Type.Array(Type.Object({ function: Type.String(), name: Type.String(), address: Address, allocated_at: Type.Array(AllocationPlace) })),
});
export type TracedMemory = Static<typeof TracedMemory>;

export const PythonInfo = Type.Object({
  /** `3.11.7`, with the level where it is no final release: `3.15.0a2`. */
  version: Type.String(),
  implementation: Type.String(),
  build: Type.Object({ debug: nullableBoolean, free_threaded: nullableBoolean, jit: nullableBoolean }),
  layout_source: LayoutSource,
  debug_info: Type.Enum(["full", "symbols", "none"]),
  flags: Type.Object({
    dev_mode: nullableBoolean,
    faulthandler: nullableBoolean,
    tracemalloc: nullableBoolean,
    /** `pymalloc`, `malloc`, `pymalloc_debug`, `malloc_debug`, `mimalloc`, …, as PYTHONMALLOC names it. */
    malloc: nullableString,
  }),
  /** What tracemalloc traced; null where it did not. */
  tracemalloc: Nullable(TracedMemory),
  gil_holder_lwp: nullableInteger,
  gc: Type.Object({
    collecting: nullableBoolean,
    enabled: nullableBoolean,
    counts: Type.Array(Type.Integer()),
    thresholds: Type.Array(Type.Integer()),
  }),
  finalizing: nullableBoolean,
  interpreters: Type.Integer(),
  /** Modules whose import had begun and not ended, outermost first; empty when none. */
  modules_imported: Type.Array(Type.String()),
  extension_modules: Type.Array(ExtensionModule),
  run: Nullable(RunInfo),
});
export type PythonInfo = Static<typeof PythonInfo>;

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

const allocatedAt = Nullable(Type.String({ description: "Where it was made, as `file:line`, where tracemalloc was tracing." }));

/** What was open when it died: the files, sockets, children, mappings and databases that objects of Python hold. Reports of older releases have the first two alone. */
export const OpenFiles = Type.Object({
  files: Type.Array(
    Type.Object({
      address: Address,
      fd: Type.Integer(),
      name: Type.String(),
      /** As `FileIO.mode`: `rb`, `wb`, `ab+`, … */
      mode: Type.String(),
      /** Bytes in the buffer that were written and never reached the file; null where it has no buffer of that kind. */
      unflushed: nullableInteger,
      allocated_at: allocatedAt,
    }),
  ),
  sockets: Type.Array(
    Type.Object({
      address: Address,
      fd: Type.Integer(),
      family: Type.String(),
      type: Type.String(),
      protocol: Type.Integer(),
      /** Known to the kernel alone: null from a core. */
      local_address: nullableString,
      allocated_at: allocatedAt,
    }),
  ),
  /** Of `subprocess`, whose end nobody has seen. */
  children: Type.Optional(
    Type.Array(
      Type.Object({
        address: Address,
        pid: Type.Integer(),
        /** What it was started with, in one line; null where the object does not keep it (2.7). */
        command: nullableString,
        allocated_at: allocatedAt,
      }),
    ),
  ),
  /** Of `mmap`. */
  maps: Type.Optional(
    Type.Array(
      Type.Object({
        address: Address,
        start: Address,
        size: Type.Integer(),
        /** The file, where it is one. */
        name: nullableString,
        /** Where in the file it begins. */
        offset: nullableInteger,
        allocated_at: allocatedAt,
      }),
    ),
  ),
  /** Connections of `sqlite3`. */
  databases: Type.Optional(
    Type.Array(
      Type.Object({
        address: Address,
        /** Null for a database that is no file. */
        fd: nullableInteger,
        name: nullableString,
        allocated_at: allocatedAt,
      }),
    ),
  ),
  /** False when the search ended at one of its limits. */
  whole: Type.Boolean(),
});
export type OpenFiles = Static<typeof OpenFiles>;

/** The objects that the collector tracks, by type, most bytes first. */
export const Census = Type.Object({
  objects: Type.Integer(),
  /** Objects whose type could not be read. */
  unreadable: Type.Integer(),
  types: Type.Integer(),
  /** False when a list is damaged or the walk ended at one of its limits. */
  whole: Type.Boolean(),
  by_type: Type.Array(Type.Object({ type: Type.String(), count: Type.Integer(), bytes: Type.Integer() })),
});
export type Census = Static<typeof Census>;

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
