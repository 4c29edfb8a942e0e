/**
 * What others have run into, as data: what must be seen, in which versions, what to do about it, and where it is told.
 *
 * A row says that a crash looks like one that is known; it never replaces the finding that it leans on.
 */
import type { Diagnosis, NativeFrame, PythonInfo, Thread } from "../../../services/contract/report.ts";

export interface Seen {
  readonly python: PythonInfo;
  readonly crashed: Thread;
  /** The C stack from the fault outwards. */
  readonly frames: readonly NativeFrame[];
  /** By code, what the rules before have found. */
  readonly finding: (code: string) => Diagnosis | null;
}

export interface KnownIssue {
  readonly id: string;
  readonly title: string;
  /** `3.7` to `3.11`, both included, patch releases by their minor; null: any. */
  readonly from: string | null;
  readonly to: string | null;
  readonly seen: (seen: Seen) => boolean;
  readonly advice: string;
  readonly links: readonly string[];
}

const bpo = (number: number) => `https://bugs.python.org/issue${number}`;

/** A field of an object of the evidence, as text. */
function evidenceText(finding: Diagnosis | null, name: string, field: string): string {
  const value = finding?.evidence[name];
  const inner: unknown = typeof value === "object" && value !== null ? Reflect.get(value, field) : null;
  return typeof inner === "string" ? inner : "";
}

const damage = (seen: Seen) => {
  const found = seen.finding("gc_corruption");
  return evidenceText(found, "visited", "state") || evidenceText(found, "container", "state");
};
const functionAmong = ({ frames }: Seen, pattern: RegExp, first = 12) => frames.slice(0, first).some((frame) => pattern.test(frame.function ?? ""));

/** Functions of the C API that work on objects, and so need a thread state and the GIL. */
const objectApi =
  /^_?Py(Object|List|Dict|Tuple|Long|Unicode|Bytes|Err|Import|Module|Float|Set|Type|Number|Sequence|Mapping|Iter|Call|Arg|Eval_Call)_?[A-Z]\w*$/;

/** `graph.cpython-39-x86_64-linux-gnu.so` in a 3.11: the tag of another version. Files of the stable ABI have none. */
export function foreignTag({ version, extension_modules: modules }: PythonInfo): string | null {
  const [major, minor] = version.split(".");
  const wrong = modules.find(({ path }) => {
    const tag = /\.cpython-(\d)(\d{1,2})[a-z]*-[\w-]+\.so$/.exec(path ?? "");
    return tag !== null && (tag[1] !== major || tag[2] !== minor);
  });
  return wrong?.path ?? null;
}

export const knownIssues: readonly KnownIssue[] = [
  {
    id: "tracked_too_early",
    title: "An object was given to the garbage collector before its fields were set",
    from: null,
    to: null,
    seen: (seen) => ["uninitialised", "null_type"].includes(damage(seen)),
    advice: "PyObject_GC_Track belongs behind the last assignment; a debug build of 3.9 or newer checks it at that call.",
    links: [bpo(38392), bpo(33803)],
  },
  {
    id: "released_too_often",
    title: "A reference was given back once too often, and the collector met the freed object",
    from: null,
    to: null,
    seen: (seen) => damage(seen) === "freed",
    advice: "Look for a Py_DECREF of a borrowed reference, or for a function that steals one; a debug build of 3.8 or newer stops with the container's name.",
    links: [bpo(38037), bpo(36389)],
  },
  {
    id: "collector_reports",
    title: "Crashes at this place of the collector have been reported before",
    from: null,
    to: null,
    seen: (seen) => seen.finding("gc_corruption") !== null,
    advice: "Few were defects of the collector: compare the container and the extension modules of yours with those told there.",
    links: [bpo(38400), bpo(31181), bpo(27542), bpo(20526), bpo(17234), bpo(2546)],
  },
  {
    id: "hamt_reentered",
    title: "A collection inside ContextVar.set() ran code that set the variable again",
    from: "3.7",
    to: "3.11",
    seen: (seen) => (seen.finding("freed_memory_access") !== null || seen.finding("wild_pointer") !== null ? functionAmong(seen, /^(_PyHamt_|hamt_)/) : false),
    advice: "Do not set context variables in finalizers and weak reference callbacks; 3.12 and newer no longer collect there.",
    links: ["https://github.com/python/cpython/issues/148891"],
  },
  {
    id: "number_from_text",
    title: "int(), float() or complex() of text that is no number may crash",
    from: "3.7",
    to: "3.7",
    seen: (seen) => seen.python.version === "3.7.0" && functionAmong(seen, /^_PyUnicode_TransformDecimalAndSpaceToASCII/),
    advice: "Use a later release of 3.7.",
    links: [bpo(34087)],
  },
  {
    id: "gil_not_held",
    title: "The C API was called without the GIL",
    from: null,
    to: null,
    seen: ({ python, crashed, frames }) => {
      const holder = python.gil_holder_lwp;
      const another = holder !== null && holder !== crashed.lwp && crashed.gil !== "holder";
      const called = frames.slice(0, 4).find((frame) => frame.function !== null && !frame.inlined)?.function ?? "";
      return python.build.free_threaded === false && another && objectApi.test(called);
    },
    advice: "Another thread holds it. Take it with PyGILState_Ensure before objects are touched, and look for work between Py_BEGIN_ALLOW_THREADS and its end.",
    links: ["https://docs.python.org/3/c-api/init.html#non-python-created-threads"],
  },
  {
    id: "mixed_allocators",
    title: "PyMem_Malloc, PyObject_Malloc and PyMem_RawMalloc were mixed",
    from: null,
    to: null,
    seen: (seen) => typeof seen.finding("memory_debug_violation")?.evidence["verified"] === "string",
    advice: "Each has its own function to free; without the debug hooks the same mistake corrupts the heap silently.",
    links: ["https://docs.python.org/3/c-api/memory.html#allocator-domains"],
  },
  {
    id: "daemon_threads_at_exit",
    title: "Daemon threads were still there while the interpreter ended",
    from: null,
    to: null,
    seen: (seen) => {
      const threads = seen.finding("crash_during_finalization")?.evidence["daemon_threads"];
      return Array.isArray(threads) && threads.length > 0;
    },
    advice: "Join threads before the program ends; what they hold may be gone when they run on.",
    links: ["https://docs.python.org/3/library/threading.html#thread-objects"],
  },
  {
    id: "unbounded_c_recursion",
    title: "C code recurses through Python without a bound of its own",
    from: null,
    to: "3.11",
    seen: (seen) => {
      const evidence = seen.finding("stack_overflow")?.evidence;
      return evidence !== undefined && evidence["native_cycle"] != null && evidence["python_cycle"] != null;
    },
    advice:
      "sys.setrecursionlimit() counts Python calls, not the C stack that they need: up to 3.11 a high limit overflows it. Lower it, or give the thread more stack.",
    links: ["https://docs.python.org/3/library/sys.html#sys.setrecursionlimit"],
  },
  {
    id: "foreign_abi",
    title: "An extension module was built for another version of Python",
    from: null,
    to: null,
    seen: ({ python }) => foreignTag(python) !== null,
    advice: "Build or install it for this version: structs differ, so it reads and writes the wrong fields.",
    links: ["https://docs.python.org/3/c-api/stable.html"],
  },
];
