/** Crashes in the garbage collector, by the functions or by the memory alone; and what only looks like one. */
import { describe, expect, test } from "vitest";
import type { Diagnosis } from "../../../services/contract/report.ts";
import type { CrashSite } from "../../../workers/pipeline/crash-site.ts";
import { diagnose } from "../../../workers/pipeline/diagnose.ts";
import type { GcCrash } from "../../../workers/pipeline/diagnose/gc-crash.ts";
import { nativeFrame, thread } from "../../text/sample-report.ts";
import { pythonAnswer } from "./python-answer.ts";
import { coreFacts, segfault, siteOf } from "./sample-facts.ts";

const seen = (some: Partial<NonNullable<GcCrash["container"]>> = {}) => ({
  address: "0x7f0000001000",
  state: "whole",
  type: "list",
  type_pointer: "0x600000",
  refcount: 1,
  size: 40,
  bytes: null,
  text: null,
  ...some,
});

const fact = (some: Partial<GcCrash> = {}): GcCrash => ({
  in_interpreter: true,
  container: seen(),
  count: 1,
  visited: seen({ address: "0x7f0000002000", state: "freed", type: null, type_pointer: "0xdddddddddddddddd" }),
  slot: "item 3",
  register: "rdi",
  broken_link: null,
  generation: 2,
  owners: [{ address: "0x7f0000003000", type: "shop.Queue", where: "attribute 'jobs'", name: null }],
  owner_of: "0x7f0000001000",
  objects_searched: 100,
  ...some,
});

const site = (some: Partial<CrashSite> = {}) => siteOf({ signal: segfault({ code: "SI_KERNEL", code_number: 128, address: null }), pc: "0x401000", ...some });

const loop = ["_PyEval_EvalFrameDefault", "Py_BytesMain"];

function told(
  functions: readonly (string | null)[],
  gc: GcCrash | null,
  some: { readonly collecting?: boolean | null; readonly site?: Partial<CrashSite>; readonly message?: string } = {},
) {
  const abort = some.message === undefined ? {} : { abort_message: { text: some.message, address: "0x7f0000005004", found: "symbol" } };
  const python = pythonAnswer({ gc: { collecting: some.collecting ?? true }, facts: { ...(gc === null ? {} : { gc_crash: gc }), ...abort } });
  const frames = functions.map((name) => ({ ...nativeFrame("x"), function: name }));
  const threads = [thread(4711, { crashed: true, native_frames: frames })];
  const all = diagnose({ core: coreFacts(), site: site(some.site), threads, modules: [], python, native: null });
  return all.find((each): each is Diagnosis => each.code === "gc_corruption") ?? null;
}

describe("a crash in the collector", () => {
  test.each([
    ["2.7", ["visit_decref", "list_traverse", "subtract_refs", "collect"]],
    ["3.8, with the counting inlined", ["visit_decref", "dict_traverse", "collect.constprop.0"]],
    ["3.11", ["visit_decref", "list_traverse", "subtract_refs", "deduce_unreachable", "gc_collect_main"]],
    ["the second pass", ["visit_reachable", "tupletraverse", "move_unreachable", "deduce_unreachable"]],
    ["the list itself", ["update_refs", "deduce_unreachable", "gc_collect_main"]],
    ["3.14", ["visit_decref", "subtype_traverse", "deduce_unreachable", "gc_collect_region", "gc_collect_full"]],
    ["without the GIL", ["visit_decref", "list_traverse", "update_refs", "gc_visit_heaps"]],
  ])("is told by the functions of %s", (_version, functions) => {
    expect(told([...functions, ...loop], fact())).toMatchObject({ confidence: "certain", evidence: { slot: "item 3", generation: 2 } });
    expect(told([...functions, ...loop], null)).toMatchObject({ confidence: "likely", evidence: { container: null } });
  });

  test("is told without any symbol, when the memory says that the counting was under way", () => {
    const found = told([null, null, null], fact());
    expect(found).toMatchObject({ confidence: "likely" });
    expect(found?.title).toContain("item 3 of a list");
    expect(found?.detail).toContain("attribute 'jobs' of shop.Queue");
    expect(found?.detail).toContain("gc.set_threshold(5)");
  });

  test("names what lies before an overwritten link", () => {
    const broken_link = { list: "generation 2", object: seen(), link: "0x2164657274", looks_like_text: true, before: seen({ type: "buf.Frame" }) };
    const found = told(["update_refs", ...loop], fact({ container: null, visited: null, slot: null, broken_link }));
    expect(found?.detail).toContain("buf.Frame");
  });

  test("is read below the handler that raised the signal again", () => {
    const functions = ["raise", "<signal handler called>", "visit_decref", "list_traverse", "subtract_refs", ...loop];
    const frames = functions.map((name, at) => nativeFrame(name, { pc: `0x40${at}000` }));
    const python = pythonAnswer({ facts: {} });
    const threads = [thread(4711, { crashed: true, native_frames: frames })];
    const all = diagnose({ core: coreFacts(), site: site({ pc: "0x402000" }), threads, modules: [], python, native: null });
    expect(all[0]).toMatchObject({ code: "gc_corruption", evidence: { functions: ["visit_decref", "list_traverse", "subtract_refs"] } });
  });
});

describe("no crash of the collector is", () => {
  test.each([
    ["a finalizer", ["strlen", "string_at", ...loop, "slot_tp_finalize", "finalize_garbage", "gc_collect_main"]],
    ["a callback", ["strlen", "string_at", ...loop, "invoke_gc_callback", "gc_collect_with_callback"]],
    ["an extension's own tp_traverse", ["node_walk", "Graph_visitor", "subtract_refs", "deduce_unreachable"]],
    ["a deallocation that the collector started", ["free_it", "list_dealloc", "list_clear", "delete_garbage", "gc_collect_main"]],
    ["a deallocator of the interpreter's", ["subtype_dealloc", "tupledealloc", "gc_collect_main"]],
    ["code below the evaluator, though a collection is on the stack", ["_PyEval_EvalFrameDefault", "visit_decref", "subtract_refs"]],
  ])("%s", (_what, functions) => {
    expect(told(functions, null)).toBeNull();
  });

  test.each([
    ["of the interpreter's own code, which an extension's tp_traverse called", "visit_decref", "Node_traverse", true],
    ["of an extension of Python's own, whose object is damaged", "FutureObj_traverse", null, true],
    ["of a third-party extension, by its name a traversal", "Node_traverse", null, false],
  ])("but what is told %s", (_what, innermost, called, corruption) => {
    const path = "/opt/shop/graph.so";
    const own = (name: string) => nativeFrame(name, { module: name.startsWith("Node") ? path : "/usr/lib/libpython3.12.so" });
    const frames = [innermost, ...(called === null ? [] : [called]), "subtract_refs", "deduce_unreachable", ...loop].map(own);
    const extension = { name: "graph", path, version: null, third_party: true, crash_frame: null };
    const python = pythonAnswer({
      gc: { collecting: true },
      info: { extension_modules: [extension] },
      facts: { gc_crash: fact({ in_interpreter: innermost === "visit_decref" }) },
    });
    const threads = [thread(4711, { crashed: true, native_frames: frames })];
    const all = diagnose({ core: coreFacts(), site: site(), threads, modules: [], python, native: null });
    expect(all.some(({ code }) => code === "gc_corruption")).toBe(corruption);
  });

  test("a fault in other code than the interpreter's while the heads hold counts", () => {
    expect(told([null, null], fact({ in_interpreter: false }))).toBeNull();
  });

  test("what the memory suggests when the interpreter says that it is not collecting", () => {
    expect(told([null, null], fact(), { collecting: false })).toBeNull();
  });

  test("a signal that was sent", () => {
    expect(told(["visit_decref", "subtract_refs"], fact(), { site: { sent: true } })).toBeNull();
  });
});

test("an assertion of a debug build that fails while the collector counts is the collector's, any other is not", () => {
  const signal = segfault({ number: 6, name: "SIGABRT", code: "SI_TKILL", code_number: -6, address: null, sender_pid: 4711 });
  const aborted = (functions: readonly string[]) => told(["raise", "abort", ...functions, ...loop], null, { site: { signal, sent: true } });
  expect(aborted(["fatal_error_exit", "_PyObject_AssertFailed", "visit_decref", "list_traverse", "subtract_refs"])).toMatchObject({ confidence: "likely" });
  expect(aborted(["__assert_fail_base", "__assert_fail", "update_refs", "deduce_unreachable"])).not.toBeNull();
  expect(aborted(["_PyObject_AssertFailed", "list_dealloc"])).toBeNull();
  expect(aborted(["Py_FatalError", "visit_decref", "subtract_refs"])).toBeNull();
});

test("without symbols the assertion's own text tells that it was the collector's, and the fact which link is broken", () => {
  const signal = segfault({ number: 6, name: "SIGABRT", code: "SI_TKILL", code_number: -6, address: null, sender_pid: 4711 });
  const text = (file: string, name: string) => `python3.14d: ../${file}:375: ${name}: Assertion \`next != NULL' failed.`;
  const link = { list: "young", object: seen(), link: "0x21", looks_like_text: false, before: null };
  const gc = fact({ in_interpreter: false, container: null, visited: null, slot: null, broken_link: link });
  const aborted = (message: string) => told([null, null], gc, { site: { signal, sent: true }, message });
  expect(aborted(text("Python/gc.c", "validate_list"))).toMatchObject({ confidence: "certain", evidence: { functions: ["validate_list"], broken_link: link } });
  expect(aborted(text("Python/gc.c", "gc_freeze"))).toBeNull();
  expect(aborted(text("Objects/listobject.c", "validate_list"))).toBeNull();
});

test("names a type whose tp_traverse is null, by the object alone", () => {
  const untraversed = fact({ visited: null, slot: null, null_traverse: true, container: seen({ type: "shop.Order" }) });
  const first = told([null, "Py_BytesMain"], untraversed, { collecting: true, site: { pc: "0x0" } });
  expect(first).toMatchObject({
    code: "gc_corruption",
    confidence: "certain",
    title: "The garbage collector called the tp_traverse of shop.Order, which is null",
  });
  expect(first?.evidence["null_traverse"]).toBe(true);
});
