/** Each known issue with what it must be seen by, and the same without it. */
import { expect, test } from "vitest";
import type { Diagnosis, PythonInfo, Thread } from "../../../services/contract/report.ts";
import type { CrashSite } from "../../../workers/pipeline/crash-site.ts";
import { matchingIssues } from "../../../workers/pipeline/diagnose/known-issue.ts";
import { knownIssues } from "../../../workers/pipeline/diagnose/known-issues.ts";
import { nativeFrame, thread } from "../../text/sample-report.ts";
import { pythonAnswer } from "./python-answer.ts";
import { coreFacts, segfault } from "./sample-facts.ts";

const site: CrashSite = {
  signal: segfault(),
  pc: null,
  registers: {},
  disassembly: [],
  instruction: null,
  operands: [],
  fault: null,
  branchTarget: null,
  signalFrame: null,
  sent: false,
};

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
}

function patterns({ version = "3.11.7", found = [], functions = [], thread: some = {}, info = {}, sent = false }: Given): unknown[] {
  const threads = [thread(4711, { crashed: true, native_frames: functions.map((name) => nativeFrame(name)), ...some })];
  const evidence = { core: coreFacts(), site: { ...site, sent }, threads, modules: [], python: pythonAnswer({ version, info }), native: null };
  return matchingIssues(evidence, found).map((each) => each.evidence["pattern"]);
}

const collected = (state: string) => [finding("gc_corruption", { visited: { state } })];
const extension = (path: string) => ({ extension_modules: [{ name: "graph", path, version: null, third_party: true, crash_frame: null }] });

const cases: readonly (readonly [string, Given, Given])[] = [
  ["tracked_too_early", { found: collected("uninitialised") }, { found: collected("overwritten") }],
  ["released_too_often", { found: collected("freed") }, { found: [finding("freed_memory_access", { visited: null })] }],
  ["collector_reports", { found: collected("overwritten") }, { found: [finding("wild_pointer")] }],
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

test("a signal that was sent looks like no known crash, nor does a crash of nothing in particular", () => {
  expect(patterns({ found: collected("freed"), sent: true })).toEqual([]);
  expect(patterns({ functions: ["strlen"] })).toEqual([]);
});
