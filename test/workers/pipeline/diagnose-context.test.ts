/** In the middle of what a process died, and what only looks like it. */
import { describe, expect, test } from "vitest";
import type { NativeFrame } from "../../../services/contract/thread.ts";
import type { CoreSignal } from "../../../services/intake/core/core-facts.ts";
import { crashSite } from "../../../workers/pipeline/crash-site.ts";
import { diagnose } from "../../../workers/pipeline/diagnose.ts";
import { nativeFrame, report, thread } from "../../text/sample-report.ts";
import { coreFacts, segfault } from "./sample-facts.ts";

const nothing = { imports: [], extension: null, handler: null, destructors: [], outermost: null, daemons: [] };
const handler = { signal: 10, function: "on_usr1", file: "/app/main.py", line: 7 };

const unreachable = (): never => {
  throw new Error("the sample has a Python");
};

interface Case {
  readonly context?: object;
  readonly frames?: readonly (string | NativeFrame)[];
  readonly version?: string;
  readonly finalizing?: boolean | null;
  readonly signal?: CoreSignal;
  readonly lwp?: number;
}

function findings({ context = {}, frames = [], version = "3.12.1", finalizing = null, signal = segfault(), lwp = 4711 }: Case) {
  const core = coreFacts({ signal, crashedLwp: lwp });
  const native_frames = frames.map((frame) => (typeof frame === "string" ? nativeFrame(frame) : frame));
  return diagnose({
    core,
    site: crashSite(core, null, null, []),
    threads: [thread(lwp, { crashed: true, native_frames })],
    modules: [],
    native: null,
    python: {
      helpers: "test",
      layout_source: "table",
      python: { ...(report().python ?? unreachable()), version, finalizing },
      python_missing_reason: null,
      threads: [],
      system_calls: [],
      suspended: [],
      warnings: [],
      facts: { crash_context: { ...nothing, ...context } },
      timings_ms: {},
    },
  }).filter((each) => each.code.startsWith("crash_"));
}
const codes = (asked: Case) => findings(asked).map((each) => each.code);

describe("crash_during_import", () => {
  test("tells the chain, outermost first", () => {
    expect(findings({ context: { imports: ["outer", "inner"] } })[0]).toMatchObject({
      title: "The crash is inside the import of inner",
      evidence: { imports: ["outer", "inner"] },
    });
  });

  test("names the extension whose own code ran", () => {
    const extension = { name: "fast", path: "/app/fast.so", phase: "exec" };
    expect(findings({ context: { imports: ["fast"], extension } })[0]?.detail).toContain("C code of /app/fast.so ran (its module initialisation)");
    expect(findings({ context: { imports: ["fast"] }, frames: ["strlen", "PyInit_fast", "import_run_extension"] })[0]?.evidence["init"]).toMatchObject({
      function: "PyInit_fast",
    });
  });

  test("of 2.7 takes the C functions of the import system", () => {
    expect(codes({ version: "2.7.18", context: { imports: ["inner"] }, frames: ["PyEval_EvalCode", "PyImport_ExecCodeModuleEx"] })).toEqual([
      "crash_during_import",
    ]);
    expect(findings({ version: "2.7.18", frames: ["initfast", "_PyImport_LoadDynamicModule"] })[0]?.evidence["imports"]).toEqual(["fast"]);
  });

  test.each<[string, Case]>([
    ["a crash after all imports ended", { frames: ["strlen", "_PyEval_EvalFrameDefault"] }],
    ["a frame <module> of 2.7 that exec made", { version: "2.7.18", context: { imports: ["pretended"] }, frames: ["PyEval_EvalCode", "exec_statement"] }],
    ["a function of 2.7 that is called init", { version: "2.7.18", frames: ["initialise", "PyEval_EvalFrameEx"] }],
  ])("is not %s", (_what, asked) => {
    expect(codes(asked)).toEqual([]);
  });
});

describe("crash_during_finalization", () => {
  test.each<[string, Case]>([
    ["garbage collection at the end", { frames: ["slot_tp_finalize", "gc_collect_main", "_PyGC_CollectNoFail", "finalize_modules", "Py_FinalizeEx"] }],
    ["the teardown of modules", { frames: ["dict_dealloc", "finalize_modules", "Py_FinalizeEx"] }],
    ["atexit callbacks", { frames: ["atexit_callfuncs", "Py_FinalizeEx"] }],
    [
      "threading._shutdown",
      { frames: ["Py_FinalizeEx"], context: { outermost: { function: "_shutdown", file: "/usr/lib/python3.12/threading.py", line: 9 } }, finalizing: false },
    ],
    ["atexit callbacks", { frames: ["??", "Py_FinalizeEx"], context: { outermost: { function: "leave", file: "/app/a.py", line: 9 } }, finalizing: false }],
  ])("is in %s", (phase, asked) => {
    expect(findings(asked)[0]).toMatchObject({ code: "crash_during_finalization", evidence: { phase } });
  });

  const ofC = (...outer: NativeFrame[]) => [nativeFrame("at_the_end", { module: "/app/table.so" }), nativeFrame(null), nativeFrame("exit"), ...outer];
  test("is in the exit handlers of C, once main() has returned or Py_Exit is done", () => {
    const start = nativeFrame("__libc_start_main@@GLIBC_2.34");
    const returned = findings({ frames: ofC(nativeFrame(null), start) })[0];
    expect(returned).toMatchObject({ code: "crash_during_finalization", evidence: { phase: "exit handlers of C" } });
    expect(returned?.title).toContain("main() had returned");
    expect(returned?.detail).toContain("not taken down");
    const left = findings({
      frames: ofC(nativeFrame("Py_Exit", { module: "/usr/bin/python3" }), nativeFrame("Py_RunMain", { module: "/usr/bin/python3" }), start),
    })[0];
    expect(left?.title).toContain("Py_Exit had ended the interpreter");
    // A library that calls exit() in the middle of the program, and a function of that name which is none of the C library's.
    expect(codes({ frames: ofC(nativeFrame("give_up", { module: "/app/table.so" }), nativeFrame("main", { module: "/usr/bin/python3" }), start) })).toEqual([]);
    expect(codes({ frames: ofC() })).toEqual([]);
    expect(codes({ frames: [nativeFrame("exit"), start] })).toEqual([]);
  });

  test("is a thread that nobody waited for", () => {
    expect(findings({ lwp: 4720, finalizing: true })[0]?.title).toBe("A thread crashed while another one ended the interpreter");
  });

  test.each<[string, Case]>([
    ["a worker that the main thread waits for at its end", { lwp: 4720, finalizing: false }],
    ["a crash of a process with daemon threads", { context: { daemons: [{ lwp: 4720, name: "worker" }] }, finalizing: false }],
    ["a collection in the middle of the program", { frames: ["gc_collect_main", "_PyEval_EvalFrameDefault"] }],
    ["an interpreter that does not tell", { finalizing: null }],
  ])("is not %s", (_what, asked) => {
    expect(codes(asked)).toEqual([]);
  });
});

describe("crash_in_signal_handler", () => {
  const trampoline = "<signal handler called>";

  test("is a Python handler, by its frames", () => {
    expect(findings({ context: { handler } })[0]).toMatchObject({ title: "The crash is inside the Python handler of SIGUSR1, on_usr1" });
  });

  test("up to 3.10 needs C to have called it", () => {
    expect(codes({ version: "3.8.18", context: { handler } })).toEqual([]);
    expect(codes({ version: "3.8.18", context: { handler }, frames: ["_PyErr_CheckSignals", "_PyEval_EvalFrameDefault"] })).toEqual([
      "crash_in_signal_handler",
    ]);
  });

  test("is a handler in C that faulted", () => {
    expect(findings({ frames: ["on_usr2", trampoline, "main"] })[0]).toMatchObject({ title: "The crash is inside a signal handler in C, on_usr2" });
  });

  test.each<[string, Case]>([
    [
      "a signal that was sent while a handler ran",
      { frames: ["raise", "faulthandler_fatal_error", trampoline], signal: segfault({ code: "SI_TKILL", code_number: -6, address: null, sender_pid: 99 }) },
    ],
    ["a function that is called restore", { frames: ["strlen", "restore", "main"] }],
    ["a crash after the handler returned", { frames: ["strlen", "_PyEval_EvalFrameDefault"] }],
  ])("is not %s", (_what, asked) => {
    expect(codes(asked)).toEqual([]);
  });
});
