/** Checks that failed in the interpreter, in C and in C++: told in their own words, and only of an abort. */
import { describe, expect, test } from "vitest";
import type { Diagnosis } from "../../../services/contract/report.ts";
import { crashSite } from "../../../workers/pipeline/crash-site.ts";
import { diagnose } from "../../../workers/pipeline/diagnose.ts";
import { nativeFrame, thread } from "../../text/sample-report.ts";
import { pythonAnswer } from "./python-answer.ts";
import { coreFacts, segfault } from "./sample-facts.ts";

const abort = segfault({ number: 6, name: "SIGABRT", code: "SI_TKILL", code_number: -6, address: null, sender_pid: 4711 });
const asserted = {
  kind: "object",
  reporter: "_PyObject_AssertFailed",
  expression: null,
  message: "object already tracked by the garbage collector",
  file: "Modules/gcmodule.c",
  line: 2220,
  function: "PyObject_GC_Track",
  object: { address: "0x7f0000001000", type: "list" },
  found: "call",
};
const fatal = { message: "_PyObject_AssertFailed", function: "_PyObject_AssertFailed", found: "call" };
const frames = ["raise", "abort", "_Py_FatalErrorFunc", "_PyObject_AssertFailed", "PyObject_GC_Track", "widget_new"];
const inC = { ...asserted, kind: "c", reporter: "__assert_fail", message: null, expression: "n > 0", file: "w.c", line: 7, function: "grow", object: null };

function told(facts: Record<string, unknown>, functions: readonly string[], { signal = abort, said = {} } = {}): Diagnosis[] {
  const core = coreFacts({ signal });
  const native = { gdb: "", threads: [], registers: {}, disassembly: [], modules: [], warnings: [], facts, timings_ms: {} };
  const threads = [thread(4711, { crashed: true, native_frames: functions.map((name) => nativeFrame(name)) })];
  return diagnose({ core, site: crashSite(core, null, null, []), threads, modules: [], python: pythonAnswer({ facts: said }), native });
}

describe("a check of the interpreter's", () => {
  test("is told by its own message, place and object, and the line of Py_FatalError stays", () => {
    const [first] = told({ fatal_error: fatal, failed_assertion: asserted }, frames);
    expect(first).toMatchObject({ code: "fatal_error", title: "Fatal Python error: object already tracked by the garbage collector (list)" });
    expect(first?.detail).toContain("in PyObject_GC_Track (Modules/gcmodule.c:2220)");
    expect(first?.detail).toContain("PyObject_GC_Track was called twice");
    expect(first?.evidence).toMatchObject({ message: "_PyObject_AssertFailed", assertion: { object: { type: "list" } } });
  });

  test("without a text of its own is Py_FatalError's", () => {
    expect(told({ fatal_error: fatal, failed_assertion: { ...asserted, message: null, found: null } }, frames)[0]?.title).toBe(
      "Fatal Python error: _PyObject_AssertFailed",
    );
  });

  test("is nothing where a fault ended the process", () => {
    expect(told({ failed_assertion: asserted }, frames, { signal: segfault() }).map(({ code }) => code)).not.toContain("fatal_error");
  });

  test.each([
    ["We've reached an unreachable state. Anything is possible.", "code that cannot be reached"],
    ["GC object already tracked", "PyObject_GC_Track was called twice"],
    ["Cannot recover from MemoryErrors while normalizing exceptions.", "the same error came again"],
  ])("that says %j is explained", (message, means) => {
    expect(told({ fatal_error: { message, function: null, found: "call" } }, ["raise", "abort", "Py_FatalError", "f"])[0]?.detail).toContain(means);
  });
});

describe("an assertion of C", () => {
  test("is told from the call where the C library kept no text", () => {
    const [first] = told({ failed_assertion: inC }, ["raise", "abort", "__assert_fail", "grow"]);
    expect(first).toMatchObject({ code: "abort_message", title: "Assertion 'n > 0' failed in grow", confidence: "likely" });
    expect(first?.detail).toContain("(w.c:7)");
  });

  test("is what the C library kept of it, where it kept it", () => {
    const said = { abort_message: { text: "prog: w.c:7: grow: Assertion `n > 0' failed.", address: "0x1000", found: "symbol" } };
    expect(told({ failed_assertion: inC }, ["raise", "abort", "__assert_fail", "grow"], { said })[0]?.title).toBe(said.abort_message.text);
  });

  test("without texts is an abort", () => {
    expect(told({ failed_assertion: { ...inC, expression: null, found: null } }, ["raise", "abort", "__assert_fail"]).map(({ code }) => code)).toEqual([
      "abort",
    ]);
  });
});
