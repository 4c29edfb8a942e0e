/** Of the report: the interpreter, how it was run, what it held open and in memory. */
import { type Static, Type } from "typebox";
import { Address, Nullable } from "./common.ts";

const nullableString = Nullable(Type.String());
const nullableInteger = Nullable(Type.Integer());
const nullableBoolean = Nullable(Type.Boolean());

const allocatedAt = Nullable(Type.String({ description: "Where it was made, as `file:line`, where tracemalloc was tracing." }));

/** Where a struct's offsets came from: CPython's own debug offsets (3.13+), the build's DWARF, or the generated table. */
export const LayoutSource = Type.Enum(["debug_offsets", "dwarf", "table"]);
export type LayoutSource = Static<typeof LayoutSource>;

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
