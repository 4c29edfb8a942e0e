/** References that were given back too often, by the memory or by the interpreter's own word; and what only looks like it. */
import { describe, expect, test } from "vitest";
import type { Diagnosis } from "../../../services/contract/report.ts";
import type { CrashSite } from "../../../workers/pipeline/crash-site.ts";
import { diagnose } from "../../../workers/pipeline/diagnose.ts";
import { nativeFrame, thread } from "../../text/sample-report.ts";
import { pythonAnswer } from "./python-answer.ts";
import { coreFacts, segfault, siteOf } from "./sample-facts.ts";

const object = (some: Record<string, unknown> = {}) => ({
  address: "0x7f0000002000",
  state: "freed",
  type: null,
  type_pointer: "0xdddddddddddddddd",
  refcount: null,
  size: null,
  bytes: null,
  text: null,
  reason: "freed",
  variable: "job",
  function: "work",
  frame: 0,
  counted: null,
  register: "rdi",
  owners: [],
  ...some,
});

interface Given {
  readonly objects?: readonly ReturnType<typeof object>[];
  readonly site?: Partial<CrashSite>;
  readonly functions?: readonly string[];
  readonly message?: string;
}

function told({ objects, site = {}, functions = [], message }: Given): Diagnosis[] {
  const crash = siteOf({ signal: segfault({ code: "SI_KERNEL", code_number: 128, address: null }), ...site });
  const threads = [thread(4711, { crashed: true, native_frames: functions.map((name) => nativeFrame(name)) })];
  const facts = message === undefined ? {} : { fatal_error: { message, function: null, found: "arguments" } };
  const native = { gdb: "13.1", threads: [], registers: {}, disassembly: [], modules: [], warnings: [], facts, timings_ms: {} };
  const python = pythonAnswer({ facts: objects === undefined ? {} : { refcounts: objects } });
  return diagnose({ core: coreFacts(), site: crash, threads, modules: [], python, native });
}
const aborted = { signal: segfault({ number: 6, name: "SIGABRT", code: "SI_TKILL", code_number: -6, address: null, sender_pid: 4711 }), sent: true };

describe("refcount_corruption", () => {
  test("names the variable that refers to freed memory, and is certain where the fault was about it", () => {
    const [first] = told({ objects: [object()] });
    expect(first).toMatchObject({
      code: "refcount_corruption",
      confidence: "certain",
      title: "A reference was given back too often: 'job' of work() was freed",
    });
    expect(first?.detail).toContain("Register rdi of the fault holds it");
  });

  test("tells who holds what no variable names", () => {
    const owners = [
      { address: "0x7f0000003000", type: "list", where: "item 2", name: null },
      { address: null, type: null, where: "variable 'jobs' of work()", name: "variable 'jobs' of work()" },
    ];
    const [first] = told({ objects: [object({ variable: null, function: null, frame: null, owners })] });
    expect(first?.detail).toContain("It is item 2 of list, which is variable 'jobs' of work().");
  });

  test("counts what variables hold", () => {
    const [first] = told({ objects: [object({ reason: "too_few", state: "whole", type: "shop.Job", refcount: 1, counted: 3 })] });
    expect(first).toMatchObject({ confidence: "likely", title: "An object has fewer references than are held: shop.Job" });
    expect(first?.detail).toContain("3 variables of running functions hold the shop.Job");
  });

  test("is possible, and behind the cause, where no register of the fault holds the object", () => {
    const found = told({ objects: [object({ register: null })], site: { signal: segfault() } });
    expect(found.map(({ code, confidence }) => [code, confidence])).toEqual([
      ["null_dereference", "certain"],
      ["refcount_corruption", "possible"],
    ]);
  });

  test("takes registers for nothing where no fault ended the process", () => {
    expect(told({ objects: [object()], site: aborted }).find(({ code }) => code === "refcount_corruption")).toMatchObject({ confidence: "possible" });
  });

  test.each([
    ["deallocating None", ["abort", "Py_FatalError", "none_dealloc"], "More references to None were given back than taken"],
    ["object has negative ref count", ["abort", "_PyObject_AssertFailed"], "An object's count of references became negative"],
    [
      "%s: bug likely caused by a refcount error",
      ["abort", "_Py_FatalErrorFormat", "_Py_FatalRefcountError"],
      "The interpreter found a count of references wrong",
    ],
  ])("is what the interpreter said: %s", (message, functions, title) => {
    expect(told({ site: aborted, functions, message })[0]).toMatchObject({ code: "refcount_corruption", confidence: "certain", title });
  });

  test("is no other fatal error, and no fact that cannot be read", () => {
    const functions = ["abort", "Py_FatalError", "give_up"];
    expect(told({ site: aborted, functions, message: "deallocation is not possible" }).map(({ code }) => code)).not.toContain("refcount_corruption");
    expect(told({ objects: [object({ reason: "other" })] }).map(({ code }) => code)).not.toContain("refcount_corruption");
  });
});
