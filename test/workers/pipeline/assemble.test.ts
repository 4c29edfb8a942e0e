import { describe, expect, test } from "vitest";
import type { Warning } from "../../../services/contract/report.ts";
import type { CoreFacts } from "../../../services/intake/core/core-facts.ts";
import { assemble } from "../../../workers/pipeline/assemble.ts";
import { assembleThreads } from "../../../workers/pipeline/assemble-threads.ts";
import type { Debugged } from "../../../workers/pipeline/debug.ts";
import type { HelperNativeThread, HelperPythonThread, NativeAnswer, PythonAnswer } from "../../../workers/pipeline/helper-answer.ts";
import { evaluatorFrame, nativeFrame, pythonFrame } from "./frame-makers.ts";
import { coreFacts, coreModule, storedBinary } from "./sample-facts.ts";

const pythonThread = (lwp: number | null, some: Partial<HelperPythonThread> = {}): HelperPythonThread => ({
  lwp,
  python_thread_id: "0x7f0000001000",
  interpreter_id: 0,
  name: null,
  holds_gil: false,
  exception: null,
  frames: [pythonFrame("work")],
  truncated: false,
  ...some,
});

const nativeThread = (lwp: number, some: Partial<HelperNativeThread> = {}): HelperNativeThread => ({
  lwp,
  frames: [nativeFrame("strlen"), evaluatorFrame()],
  truncated: false,
  stop_reason: null,
  ...some,
});

const pythonAnswer = (threads: HelperPythonThread[], some: Partial<PythonAnswer> = {}): PythonAnswer => ({
  helpers: "1",
  layout_source: "table",
  python: null,
  python_missing_reason: null,
  threads,
  system_calls: [],
  suspended: [],
  warnings: [],
  facts: {},
  timings_ms: {},
  ...some,
});

const nativeAnswer = (threads: HelperNativeThread[], some: Partial<NativeAnswer> = {}): NativeAnswer => ({
  gdb: "13.1",
  threads,
  registers: {},
  disassembly: [],
  modules: [],
  warnings: [],
  facts: {},
  timings_ms: {},
  ...some,
});

function threads(python: HelperPythonThread[] | null, native: HelperNativeThread[] | null, core = coreFacts()) {
  const warnings: Warning[] = [];
  const assembled = assembleThreads(
    { core, python: python === null ? null : pythonAnswer(python), native: native === null ? null : nativeAnswer(native), mostThreads: 100 },
    warnings,
  );
  return { assembled, codes: warnings.map((warning) => warning.code) };
}

const lwps = (...all: number[]) => coreFacts({ threads: all.map((lwp) => ({ lwp, signal: 0 })) });
const shown = (frames: readonly { readonly kind: string; readonly function?: string | null }[]) => frames.map((frame) => frame.function);

describe("the threads of a report", () => {
  test("are those of the core, the crashed one first", () => {
    const { assembled } = threads([], [], lwps(10, 4711, 12));
    expect(assembled.map(({ lwp, crashed }) => [lwp, crashed])).toEqual([
      [4711, true],
      [10, false],
      [12, false],
    ]);
  });

  test("are merged from both helpers by their LWP", () => {
    const { assembled, codes } = threads([pythonThread(4711, { name: "MainThread", holds_gil: true })], [nativeThread(4711)]);
    expect(assembled[0]).toMatchObject({ lwp: 4711, name: "MainThread", gil: "holder", state: "running" });
    expect(shown(assembled[0]?.frames ?? [])).toEqual(["strlen", "work"]);
    expect(shown(assembled[0]?.native_frames ?? [])).toEqual(["strlen", "_PyEval_EvalFrameDefault"]);
    expect(codes).toEqual([]);
  });

  test("have the Python stack when the native half is missing, and the native one when Python's is", () => {
    expect(shown(threads([pythonThread(4711)], null).assembled[0]?.frames ?? [])).toEqual(["work"]);
    expect(shown(threads(null, [nativeThread(4711)]).assembled[0]?.frames ?? [])).toEqual(["strlen", "_PyEval_EvalFrameDefault"]);
  });

  test("keep a Python thread that no LWP was found for", () => {
    const { assembled } = threads([pythonThread(null), pythonThread(null, { name: "other" })], [], lwps(4711, 5));
    expect(assembled.map(({ lwp, name }) => [lwp, name])).toEqual([
      [4711, null],
      [5, null],
      [null, null],
      [null, "other"],
    ]);
  });

  test("give the only Python thread without an LWP to the only LWP that is left", () => {
    const { assembled, codes } = threads([pythonThread(null)], [nativeThread(4711)]);
    expect(assembled).toHaveLength(1);
    expect(shown(assembled[0]?.frames ?? [])).toEqual(["strlen", "work"]);
    expect(codes).toEqual(["thread_matched_by_elimination"]);
  });

  test("join the interpreters that share one thread, the innermost on the C stack first", () => {
    const native = [nativeFrame("crash"), evaluatorFrame("0x1000"), nativeFrame("run_string", { sp: "0x1100" }), evaluatorFrame("0x1200")];
    const outer = pythonThread(4711, { interpreter_id: 0, frames: [pythonFrame("main", { anchor: "0x1210" })] });
    const inner = pythonThread(4711, { interpreter_id: 2, frames: [pythonFrame("sub", { anchor: "0x1010" })] });
    const { assembled } = threads([outer, inner], [nativeThread(4711, { frames: native })]);
    expect(shown(assembled[0]?.frames ?? [])).toEqual(["crash", "sub", "run_string", "main"]);
    expect(assembled[0]?.interpreter_id).toBe(2);
  });

  test("say that part of the Python stack stands on its own", () => {
    const { codes } = threads([pythonThread(4711, { frames: [pythonFrame("a"), pythonFrame("b")] })], [nativeThread(4711, { stop_reason: "corrupt stack?" })]);
    expect(codes).toEqual(["merge_partial"]);
  });

  test("lose guessed frames that point to where no code can be, but never the innermost", () => {
    const code = { start: "0x400000", end: "0x500000", offset: 0, fileSize: 0, readable: true, writable: false, executable: true };
    const scan = (pc: string) => nativeFrame(null, { pc, trust: "scan" });
    const frames = [scan("0x7"), scan("0x7ffe00000000"), scan("0x401234"), nativeFrame("real", { pc: "0x9", trust: "cfi" })];
    const { assembled } = threads(null, [nativeThread(4711, { frames })], coreFacts({ segments: [code] }));
    expect(assembled[0]?.native_frames.map((frame) => (frame.kind === "native" ? frame.pc : null))).toEqual(["0x7", "0x401234", "0x9"]);
  });

  test("are cut at the limit, with a warning", () => {
    const warnings: Warning[] = [];
    const core = lwps(...Array.from({ length: 50 }, (_, index) => 5_000 + index), 4711);
    const assembled = assembleThreads({ core, python: null, native: null, mostThreads: 10 }, warnings);
    expect(assembled).toHaveLength(10);
    expect(assembled[0]?.lwp).toBe(4711);
    expect(warnings.map((warning) => warning.code)).toEqual(["threads_left_out"]);
  });

  test("have none that crashed when the process lived on", () => {
    const { assembled } = threads([], [], coreFacts({ processAlive: true }));
    expect(assembled.map((thread) => thread.crashed)).toEqual([false]);
  });
});

describe("a report", () => {
  const debugged: Debugged = { python: null, native: null, gdb: null, warnings: [{ code: "debugger_died", detail: "x" }], timings_ms: {} };
  const made = (some: Partial<Debugged> = {}, core = coreFacts()) => {
    const module = coreModule("/usr/bin/python3.11", "aaaa", { kind: "executable" });
    const choices = [{ module, found: "upload" as const, file: storedBinary("python3.11", "aaaa"), debugFile: null, rejected: [] }];
    const gathered = { choices, warnings: [] };
    return assemble({
      jobId: "0193515a-7c1e-7000-8000-000000000001",
      createdAt: new Date(0),
      core,
      gathered,
      debugged: { ...debugged, ...some },
      mostThreads: 10,
      timings_ms: {},
    });
  };

  test("is made of the core's facts alone when gdb gave nothing", () => {
    const report = made();
    expect(report).toMatchObject({ python: null, process: { pid: 4711, crashed_lwp: 4711 }, warnings: [{ code: "debugger_died" }] });
    expect(report.python_missing_reason).not.toBeNull();
    expect(report.threads).toHaveLength(1);
    expect(report.diagnoses.map((each) => each.code)).toEqual(["null_dereference"]);
  });

  test("says of each module what gdb had, else what the file says of itself", () => {
    expect(made().modules[0]).toMatchObject({ symbols: true, debug_info: false });
    const modules = [{ path: "/usr/bin/python3.11", symbols: true, debug_info: true }];
    expect(made({ native: nativeAnswer([], { modules }) }).modules[0]).toMatchObject({ symbols: true, debug_info: true });
  });

  test("tells a frame's build-id by the file that was taken for its module, where the core does not tell it", () => {
    const path = "/usr/bin/python3.11";
    const native = nativeAnswer([nativeThread(4711, { frames: [{ ...nativeFrame("strlen"), module: path, build_id: null }] })]);
    const buildId = (core: CoreFacts) => made({ native }, core).threads[0]?.native_frames.map((frame) => (frame.kind === "native" ? frame.build_id : null));
    expect(buildId(coreFacts({ modules: [coreModule(path, null, { kind: "executable" })] }))).toEqual(["aaaa"]);
    expect(buildId(coreFacts({ modules: [coreModule(path, "bbbb", { kind: "executable" })] }))).toEqual(["bbbb"]);
  });

  test("shows no code whose bytes nobody has", () => {
    const disassembly = [
      { address: "0x7f0000000010", text: "ret", current: true },
      { address: "0x600000000000", text: "add %al,(%rax)", current: false },
    ];
    expect(made({ native: nativeAnswer([], { disassembly }) }).disassembly.map((each) => each.text)).toEqual(["ret"]);
  });

  test("leaves the service's own fields out of the signal", () => {
    expect(Object.keys(made().process.signal ?? {}).toSorted()).toEqual(["address", "code", "description", "name", "number", "pc", "sender_pid"]);
  });
});
