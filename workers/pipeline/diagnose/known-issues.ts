/**
 * What others have run into, as data: what must be seen, in which versions, what to do about it, and where it is told.
 *
 * A row says that a crash looks like one that is known; it never replaces the finding that it leans on.
 */
import type { PythonInfo } from "../../../services/contract/interpreter.ts";
import type { Diagnosis, Module } from "../../../services/contract/report.ts";
import type { NativeFrame, Thread } from "../../../services/contract/thread.ts";

export interface Seen {
  readonly python: PythonInfo;
  readonly crashed: Thread;
  /** The C stack from the fault outwards. */
  readonly frames: readonly NativeFrame[];
  readonly modules: readonly Module[];
  /** Lightweight processes in the core. */
  readonly lwps: number;
  /** Thread states of Python that belong to none of them. */
  readonly statesWithoutLwp: number;
  /** One of the states is known to be the crashed thread's, by its own id. */
  readonly crashedHasState: boolean;
  /** By code, what the rules before have found. */
  readonly finding: (code: string) => Diagnosis | null;
}

export interface KnownIssue {
  readonly id: string;
  readonly title: string;
  /** `3.7` to `3.11`, both included, patch releases by their minor; null: any. */
  readonly from: string | null;
  readonly to: string | null;
  /** Releases that were tried and do not have it any more, one of a minor version; earlier ones may not either. */
  readonly mended?: readonly string[];
  readonly seen: (seen: Seen) => boolean;
  /** Also told of a process that was alive, or that another one ended. */
  readonly hangs?: true;
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

const containerType = (seen: Seen) => evidenceText(seen.finding("gc_corruption"), "container", "type");

/** What the collector took for an object begins with printable bytes: a string of C. */
function visitedText(seen: Seen): boolean {
  const bytes = evidenceText(seen.finding("gc_corruption"), "visited", "bytes").match(/../g)?.slice(0, 8) ?? [];
  return bytes.length === 8 && bytes.every((byte) => Number.parseInt(byte, 16) >= 0x20 && Number.parseInt(byte, 16) < 0x7f);
}

/** A MemoryError is under way in the thread, or led to what is. */
const outOfMemory = ({ exception }: Thread) => exception !== null && [exception, ...exception.chain].some(({ type }) => type === "MemoryError");

/** Functions of the C API that work on objects, and so need a thread state and the GIL. */
const objectApi =
  /^_?Py(Object|List|Dict|Tuple|Long|Unicode|Bytes|Err|Import|Module|Float|Set|Type|Number|Sequence|Mapping|Iter|Call|Arg|Eval_Call)_?[A-Z]\w*$/;

/** How C functions are called: below any code of an extension, which may have let the GIL go by rights. */
const callPlumbing = /^_?PyObject_(Vectorcall|Call|MakeTpCall|FastCall)/;

/** The crash was in a function of the C API itself, or in what it called of the interpreter. `frames` are the innermost. */
function fellInApi(frames: readonly NativeFrame[]): boolean {
  const own = frames.filter((frame) => frame.function !== null && !frame.inlined);
  const at = own.findIndex((frame) => objectApi.test(frame.function ?? ""));
  const called = own[at];
  return (
    called !== undefined &&
    !callPlumbing.test(called.function ?? "") &&
    own.slice(0, at).every(({ module }) => module === called.module) &&
    !frames.some((frame) => /^(PyGILState_|PyEval_(Acquire|Restore))/.test(frame.function ?? ""))
  );
}

/** The evaluator itself, and how it calls C functions: they run with the GIL, whatever the function that they called has done with it. */
const evaluates =
  /^(_?PyEval_EvalFrame(Default|Ex)|call_function|_?PyCFunction_\w+|cfunction_\w+|_?PyObject_(Vectorcall|Call|MakeTpCall|FastCall)\w*|_Py_CheckFunctionResult)$/;

/** The fault is in them, not in what they called. */
function fellInEvaluator(frames: readonly NativeFrame[]): boolean {
  const [struck] = frames.filter(({ inlined }) => !inlined);
  return struck !== undefined && struck.trust !== "scan" && evaluates.test(struck.function ?? "");
}

/** Python/pylifecycle.c, Python/pystate.c: what they say of a call without a thread state. */
const withoutState =
  /the GIL is released|must be called with the GIL held|no current thread|current Python thread state is NULL|without holding the GIL|after Python finalization/;

/** What `python3.13t` and `python3.7dm` put behind the version in the names of their files. */
function foreignFlags(flags: string, { version, build }: PythonInfo): boolean {
  if (flags.includes("t") !== (build.free_threaded === true)) return true;
  // From 3.8 on a debug build loads the extensions of other builds too, and no other loads those of a debug build.
  const apart = build.debug && /^3\.[0-7]\./.test(version);
  return build.debug !== null && flags.includes("d") !== build.debug && (flags.includes("d") || apart === true);
}

/** `graph.cpython-39-x86_64-linux-gnu.so` in a 3.11, `cpython-313t` in a 3.13 with the GIL. Files of the stable ABI have no such tag. */
export function foreignTag(python: PythonInfo): string | null {
  const [major, minor] = python.version.split(".");
  const wrong = python.extension_modules.find(({ path }) => {
    const tag = /\.cpython-(\d)(\d{1,2})([a-z]*)-[\w-]+\.so$/.exec(path ?? "");
    return tag !== null && (tag[1] !== major || tag[2] !== minor || foreignFlags(tag[3] ?? "", python));
  });
  return wrong?.path ?? null;
}

/** A second interpreter's library, of another version: what links it works on that one's own, empty state. */
export function foreignLibrary({ python, modules }: Pick<Seen, "python" | "modules">): string | null {
  const running = python.version.split(".").slice(0, 2).join(".");
  return modules.find(({ path }) => [/\/libpython(\d\.\d+)[a-z]*\.so/.exec(path)?.[1]].some((other) => other !== undefined && other !== running))?.path ?? null;
}

export const knownIssues: readonly KnownIssue[] = [
  {
    id: "tracked_too_early",
    title: "An object was given to the garbage collector before its fields were set",
    from: null,
    to: null,
    // Memory with a type that is null was as likely freed, and is used for something else.
    seen: (seen) => damage(seen) === "uninitialised",
    advice: "PyObject_GC_Track belongs behind the last assignment; a debug build of 3.9 or newer checks it at that call.",
    links: [bpo(38392), bpo(33803)],
  },
  {
    id: "released_too_often",
    title: "A reference was given back once too often, and the collector met the freed object",
    from: null,
    to: null,
    seen: (seen) => damage(seen) === "freed",
    advice:
      "Look for a Py_DECREF of a borrowed reference, or for a function that steals one; a debug build of 3.8.1 or newer checks each object that the collector visits and names the container.",
    links: [bpo(38070), bpo(36389)],
  },
  {
    id: "text_for_object",
    title: "A char * was passed where a PyObject * belongs",
    from: null,
    to: null,
    seen: visitedText,
    advice: 'What the collector came to begins with text: look for PyTuple_SET_ITEM, Py_BuildValue("O") or the like that was given a C string.',
    links: [bpo(2546)],
  },
  {
    id: "traceback_in_collection",
    title: "A traceback or frame was damaged when the collector came to it",
    from: null,
    to: null,
    seen: (seen) => /^(builtins\.)?(traceback|frame)$/.test(containerType(seen)),
    advice:
      "Reported with daemon threads that ran on while the interpreter ended, and with an extension that corrupted an exception: join threads before the end.",
    links: [bpo(20526)],
  },
  {
    id: "tuple_in_collection",
    title: "A tuple held an object that was gone when the collector came to it",
    from: null,
    to: null,
    seen: (seen) => /^(builtins\.)?tuple$/.test(containerType(seen)),
    advice: "PyTuple_SET_ITEM and PyTuple_SetItem steal the reference: reported of extensions that gave it back as well.",
    links: [bpo(17234), bpo(15236)],
  },
  {
    id: "module_dict_in_collection",
    title: "The namespace of a module held an object that was gone when the interpreter ended",
    from: null,
    to: null,
    seen: (seen) => /^(builtins\.)?dict$/.test(containerType(seen)) && seen.finding("crash_during_finalization") !== null,
    advice:
      "PyModule_AddObject steals the reference when it succeeds: a missing Py_INCREF before it shows at the end only. The same was seen where pip had replaced the file of an extension that was loaded (cffi).",
    links: [bpo(38037), bpo(27542)],
  },
  {
    id: "collector_of_2_7",
    title: "Crashes at this place of 2.7's collector were reported, and no defect of it was found",
    from: null,
    to: "2.7",
    seen: (seen) => seen.finding("gc_corruption") !== null,
    advice: "Compare the container and your extension modules with those told there.",
    links: [bpo(31181), bpo(27542)],
  },
  {
    id: "freed_check_with_trace_refs",
    title: "A debug build with --with-trace-refs takes live objects for freed ones",
    from: "3.7",
    to: "3.9",
    seen: (seen) => seen.python.build.debug === true && functionAmong(seen, /^_PyObject_AssertFailed$/) && functionAmong(seen, /^visit_decref$/),
    advice:
      "Static objects such as None are in no list of objects: releases between October 2019 and January 2020 took that for damage. Use a later one, or build without it.",
    links: [bpo(38400)],
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
    id: "hamt_compared",
    title: "An __eq__ that sets a context variable ran while two contexts were compared",
    from: "3.7",
    to: "3.14",
    mended: ["3.13.18", "3.14.10"],
    seen: (seen) => functionAmong(seen, /^_PyHamt_Eq$/),
    advice: "Do not set context variables in __eq__ of what contexts hold; releases of 2026 keep the old table alive.",
    links: ["https://github.com/python/cpython/issues/142829"],
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
    seen: (seen) => {
      const { python, crashed, frames, lwps, statesWithoutLwp } = seen;
      if (python.build.free_threaded !== false) return false;
      const message = seen.finding("fatal_error")?.evidence["message"];
      if (typeof message === "string" && withoutState.test(message)) return true;
      const holder = python.gil_holder_lwp;
      const without = crashed.gil !== "holder" && ((holder !== null && holder !== crashed.lwp) || crashed.gil === "released");
      // A thread that C started, while each thread state is known to be another's.
      const stateless = crashed.python_thread_id === null && lwps > 1 && statesWithoutLwp === 0;
      return ((without || stateless) && fellInApi(frames.slice(0, 6))) || (crashed.gil === "released" && fellInEvaluator(frames.slice(0, 6)));
    },
    advice:
      "Take it with PyGILState_Ensure before objects are touched, and look for work between Py_BEGIN_ALLOW_THREADS and its end, or for ctypes.CDLL where PyDLL belongs.",
    links: ["https://docs.python.org/3/c-api/init.html#non-python-created-threads"],
  },
  {
    id: "forked_with_threads",
    title: "The process is the child of a fork that other threads of Python did not survive",
    // 2.7 leaves their states behind in the child of its own os.fork(), too.
    from: "3.6",
    to: null,
    // Daemon threads of an interpreter that ends leave their states as well.
    // Nor is a single state another thread's only because the ids do not tell whose it is.
    seen: ({ python, lwps, statesWithoutLwp, crashedHasState, finding }) =>
      lwps === 1 && statesWithoutLwp > (crashedHasState ? 0 : 1) && python.finalizing !== true && finding("crash_during_finalization") === null,
    hangs: true,
    advice:
      "One thread is left, and thread states of others that are no threads here: fork() was called by C and PyOS_AfterFork_Child was not. What those threads held (locks, half-changed memory) stays so for ever: start processes before threads, or use the start methods spawn and forkserver.",
    links: ["https://docs.python.org/3/library/os.html#os.fork", "https://docs.python.org/3/c-api/sys.html#c.PyOS_AfterFork_Child"],
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
    id: "unchecked_allocation",
    title: "A null pointer was used while Python was short of memory",
    from: null,
    to: null,
    seen: ({ crashed, finding }) => finding("null_dereference") !== null && outOfMemory(crashed),
    advice:
      "The thread was handling a MemoryError, or one was raised: malloc, PyMem_Malloc and every function that makes an object return NULL then, and what does not look at the result crashes at a small address. Look for such a call near the crash, and at what used the memory up.",
    links: ["https://docs.python.org/3/c-api/intro.html#exceptions"],
  },
  {
    id: "foreign_abi",
    title: "An extension module was built for another Python",
    from: null,
    to: null,
    seen: ({ python, modules }) => foreignTag(python) !== null || foreignLibrary({ python, modules }) !== null,
    advice:
      "Build or install it for this version and kind of build: structs differ, so it reads and writes the wrong fields. It must not link a libpython of its own.",
    links: ["https://docs.python.org/3/c-api/stable.html"],
  },
];
