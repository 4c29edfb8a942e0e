/** Each known issue with what it must be seen by, and the same without it. */
import { expect, test } from "vitest";
import type { PythonInfo } from "../../../services/contract/interpreter.ts";
import type { Diagnosis, Module } from "../../../services/contract/report.ts";
import type { Thread } from "../../../services/contract/thread.ts";
import type { CrashSite } from "../../../workers/pipeline/crash-site.ts";
import { matchingIssues } from "../../../workers/pipeline/diagnose/known-issue.ts";
import { knownIssues } from "../../../workers/pipeline/diagnose/known-issues.ts";
import { nativeFrame, thread } from "../../text/sample-report.ts";
import { pythonAnswer } from "./python-answer.ts";
import { coreFacts, segfault, siteOf } from "./sample-facts.ts";

const site = siteOf();

const finding = (code: string, evidence: Record<string, unknown> = {}): Diagnosis => ({
  code,
  title: "",
  detail: "",
  confidence: "likely",
  lwp: 4711,
  evidence,
  links: [],
});

interface Given {
  readonly version?: string;
  readonly found?: readonly Diagnosis[];
  readonly functions?: readonly string[];
  readonly thread?: Partial<Thread>;
  readonly info?: Partial<PythonInfo>;
  readonly sent?: boolean;
  /** Files that the process had mapped. */
  readonly paths?: readonly string[];
  /** Thread states without a thread, beside a thread that has none. */
  readonly left?: number;
  readonly lwps?: number;
  /** Whether the crashed thread's own state is known. */
  readonly own?: boolean;
  readonly signal?: CrashSite["signal"];
}

const helperThread = (lwp: number | null) => ({
  lwp,
  python_thread_id: "0x7f0000000000",
  interpreter_id: 0,
  name: null,
  holds_gil: null,
  exception: null,
  frames: [],
  truncated: false,
});
const mapped = (path: string): Module => ({
  path,
  build_id: null,
  start: "0x1000",
  end: "0x2000",
  size: 4096,
  found: "missing",
  symbols: false,
  debug_info: false,
});

function patterns(given: Given): unknown[] {
  const {
    version = "3.11.7",
    found = [],
    functions = [],
    thread: some = {},
    info = {},
    sent = false,
    paths = [],
    left = 0,
    lwps = 1,
    own = true,
    signal = segfault(),
  } = given;
  const threads = [thread(4711, { crashed: true, native_frames: functions.map((name) => nativeFrame(name)), ...some })];
  const states = [...(own ? [4711] : []), ...Array.from({ length: left }, () => null)].map(helperThread);
  const python = pythonAnswer({ version, info, threads: states });
  const evidence = {
    core: coreFacts({ threads: Array.from({ length: lwps }, (_, at) => ({ lwp: 4711 + at, signal: 11 })) }),
    site: { ...site, signal, sent },
    threads,
    modules: paths.map(mapped),
    python,
    native: null,
  };
  return matchingIssues(evidence, found).map((each) => each.evidence["pattern"]);
}

const collected = (state: string) => [finding("gc_corruption", { visited: { state } })];
const visited = (bytes: string) => [finding("gc_corruption", { visited: { state: "overwritten", bytes } })];
const container = (type: string) => [finding("gc_corruption", { visited: { state: "freed" }, container: { type } })];
const debugBuild = { debug: true, free_threaded: false, jit: false };
const extension = (path: string) => ({ extension_modules: [{ name: "graph", path, version: null, third_party: true, crash_frame: null }] });

const raised = (type: string, cause?: string) => ({
  type,
  message: null,
  handled: true,
  chain: cause === undefined ? [] : [{ relation: "context" as const, type: cause, message: null }],
});

const cases: readonly (readonly [string, Given, Given])[] = [
  ["tracked_too_early", { found: collected("uninitialised") }, { found: collected("overwritten") }],
  ["released_too_often", { found: collected("freed") }, { found: [finding("freed_memory_access", { visited: null })] }],
  ["text_for_object", { found: visited("6e6f206f72646572ff") }, { found: visited("0100000000000000ff") }],
  ["traceback_in_collection", { found: container("traceback") }, { found: container("list") }],
  ["tuple_in_collection", { found: container("tuple") }, { found: container("shop.tuple") }],
  ["module_dict_in_collection", { found: [...container("dict"), finding("crash_during_finalization")] }, { found: container("dict") }],
  ["collector_of_2_7", { version: "2.7.18", found: collected("overwritten") }, { version: "3.6.1", found: collected("overwritten") }],
  [
    "freed_check_with_trace_refs",
    { version: "3.8.1", functions: ["abort", "_PyObject_AssertFailed", "visit_decref"], info: { build: debugBuild } },
    { version: "3.8.1", functions: ["abort", "_PyObject_AssertFailed", "list_dealloc"], info: { build: debugBuild } },
  ],
  ["hamt_compared", { functions: ["hamt_iterator_next", "_PyHamt_Eq"] }, { functions: ["_PyHamt_Find"] }],
  ["hamt_compared", { version: "3.13.5", functions: ["_PyHamt_Eq"] }, { version: "3.13.18", functions: ["_PyHamt_Eq"] }],
  ["hamt_compared", { version: "3.14.0", functions: ["_PyHamt_Eq"] }, { version: "3.15.0", functions: ["_PyHamt_Eq"] }],
  [
    "unchecked_allocation",
    { found: [finding("null_dereference")], thread: { exception: raised("ValueError", "MemoryError") } },
    { found: [finding("null_dereference")], thread: { exception: raised("ValueError", "KeyError") } },
  ],
  [
    "unchecked_allocation",
    { found: [finding("null_dereference")], thread: { exception: raised("MemoryError") } },
    { found: [finding("wild_pointer")], thread: { exception: raised("MemoryError") } },
  ],
  ["forked_with_threads", { left: 2 }, { left: 0 }],
  ["forked_with_threads", { left: 1, signal: null }, { left: 0, signal: null }],
  ["forked_with_threads", { left: 2 }, { version: "2.7.18", left: 2 }],
  ["forked_with_threads", { left: 2, own: false }, { left: 1, own: false }],
  ["tracked_too_early", { found: collected("uninitialised") }, { found: collected("null_type") }],
  [
    "gil_not_held",
    { functions: ["PyErr_SetString"], thread: { gil: "released" } },
    { functions: ["PyErr_SetString", "PyGILState_Ensure"], thread: { gil: "released" } },
  ],
  [
    "gil_not_held",
    { found: [finding("fatal_error", { message: "PyThreadState_Get: no current thread" })] },
    { found: [finding("fatal_error", { message: "deallocating None" })] },
  ],
  [
    "gil_not_held",
    { functions: ["PyErr_SetString"], thread: { gil: "released" } },
    { functions: ["deflate", "zlib_compress", "PyObject_Vectorcall"], thread: { gil: "released" } },
  ],
  [
    "gil_not_held",
    { functions: ["_PyObject_MakeTpCall", "call_function"], thread: { gil: "released" } },
    { functions: ["deflate", "_PyObject_MakeTpCall", "call_function"], thread: { gil: "released" } },
  ],
  [
    "gil_not_held",
    { functions: ["_PyEval_EvalFrameDefault"], thread: { gil: "released" } },
    { functions: ["_PyEval_EvalFrameDefault"], thread: { gil: "holder" } },
  ],
  [
    "hamt_reentered",
    { found: [finding("freed_memory_access")], functions: ["hamt_node_bitmap_assoc", "_PyHamt_Assoc"] },
    { version: "3.12.1", found: [finding("freed_memory_access")], functions: ["hamt_node_bitmap_assoc", "_PyHamt_Assoc"] },
  ],
  [
    "number_from_text",
    { version: "3.7.0", functions: ["_PyUnicode_TransformDecimalAndSpaceToASCII"] },
    { version: "3.7.16", functions: ["_PyUnicode_TransformDecimalAndSpaceToASCII"] },
  ],
  [
    "gil_not_held",
    { functions: ["PyDict_SetItem", "worker"], thread: { gil: "released" }, info: { gil_holder_lwp: 4712 } },
    { functions: ["PyDict_SetItem", "worker"], thread: { gil: "holder" }, info: { gil_holder_lwp: 4711 } },
  ],
  [
    "gil_not_held",
    { functions: ["PyList_Append"], thread: { gil: null, python_thread_id: null }, info: { gil_holder_lwp: 4712 } },
    { functions: ["memcpy", "worker"], thread: { gil: "released" }, info: { gil_holder_lwp: 4712 } },
  ],
  [
    "gil_not_held",
    { functions: ["PyList_New", "worker"], thread: { gil: null, python_thread_id: null }, lwps: 2 },
    { functions: ["PyList_New", "worker"], thread: { gil: null, python_thread_id: null }, lwps: 2, left: 1 },
  ],
  [
    "mixed_allocators",
    { found: [finding("memory_debug_violation", { allocated: "m", verified: "o" })] },
    { found: [finding("memory_debug_violation", { blocks: [] })] },
  ],
  [
    "daemon_threads_at_exit",
    { found: [finding("crash_during_finalization", { daemon_threads: ["poller"] })] },
    { found: [finding("crash_during_finalization", { daemon_threads: [] })] },
  ],
  [
    "unbounded_c_recursion",
    { found: [finding("stack_overflow", { native_cycle: {}, python_cycle: {} })] },
    { found: [finding("stack_overflow", { native_cycle: {}, python_cycle: null })] },
  ],
  ["foreign_abi", { info: extension("/srv/graph.cpython-39-x86_64-linux-gnu.so") }, { info: extension("/srv/graph.cpython-311-x86_64-linux-gnu.so") }],
  ["foreign_abi", { info: extension("/srv/graph.cpython-310-x86_64-linux-gnu.so") }, { info: extension("/srv/graph.abi3.so") }],
  [
    "foreign_abi",
    { version: "3.13.1", info: extension("/srv/graph.cpython-313t-x86_64-linux-gnu.so") },
    { version: "3.13.1", info: { ...extension("/srv/graph.cpython-313t-x86_64-linux-gnu.so"), build: { debug: false, free_threaded: true, jit: false } } },
  ],
  [
    "foreign_abi",
    { version: "3.6.8", info: { ...extension("/srv/graph.cpython-36m-x86_64-linux-gnu.so"), build: debugBuild } },
    { version: "3.9.1", info: { ...extension("/srv/graph.cpython-39-x86_64-linux-gnu.so"), build: debugBuild } },
  ],
  ["foreign_abi", { paths: ["/usr/lib/libpython3.9.so.1.0"] }, { paths: ["/usr/lib/libpython3.11.so.1.0", "/usr/lib/libpython3.so"] }],
];

test.each(cases)("%s is told by what was seen, and not without it", (id, seen, without) => {
  expect(patterns(seen)).toContain(id);
  expect(patterns(without)).not.toContain(id);
});

test("every row is tried both ways, and has links and advice", () => {
  expect(new Set(cases.map(([id]) => id))).toEqual(new Set(knownIssues.map(({ id }) => id)));
  for (const { advice, links } of knownIssues) {
    expect(advice.length).toBeGreaterThan(10);
    expect(links.every((link) => link.startsWith("https://"))).toBe(true);
    expect(links.length).toBeGreaterThan(0);
  }
});

test("an abort looks like one as a fault does, and another process's signal like none", () => {
  const mixed = [finding("memory_debug_violation", { allocated: "m", verified: "o" })];
  const aborted = (sender_pid: number) => ({ found: mixed, sent: true, signal: segfault({ number: 6, name: "SIGABRT", code: "SI_TKILL", sender_pid }) });
  expect(patterns(aborted(4711))).toEqual(["mixed_allocators"]);
  expect(patterns(aborted(99))).toEqual([]);
});

test("a signal that was sent looks like no known crash, nor does a crash of nothing in particular", () => {
  expect(patterns({ found: collected("freed"), sent: true })).toEqual([]);
  expect(patterns({ functions: ["strlen"] })).toEqual([]);
});
