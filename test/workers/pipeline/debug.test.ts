/** The ladder, with sessions that fail where the test says: gdb's own ways to die are tested with gdb. */
import { describe, expect, test } from "vitest";
import { Failure, type FailureCode } from "../../../services/contract/failure.ts";
import type { GdbSession, HelperName, Rung } from "../../../workers/gdb/debugger.ts";
import { debug } from "../../../workers/pipeline/debug.ts";
import type { NativeAnswer, PythonAnswer } from "../../../workers/pipeline/helper-answer.ts";
import { noPython } from "./python-answer.ts";

const pythonAnswer = noPython("a test");
const nativeAnswer: NativeAnswer = { gdb: "13.1", threads: [], registers: {}, disassembly: [], modules: [], warnings: [], facts: {}, timings_ms: {} };

type Step = "open" | "load" | "confirm" | HelperName;
type Failures = Partial<Record<`${Rung} ${Step}`, FailureCode>>;

/** Runs the ladder; `calls` tells what it did, in order. */
async function climb(failing: Failures, answers: Partial<Record<HelperName, unknown>> = {}, atOnce = false, confirmed: boolean | null = null) {
  const calls: string[] = [];
  const open = new Set<Rung>();
  const step = async (rung: Rung, name: Step) => {
    await Promise.resolve();
    calls.push(`${rung} ${name}`);
    const code = failing[`${rung} ${name}`];
    if (code !== undefined) throw new Failure(code, `${name} failed`);
  };
  const openGdb = async ({ rung }: { rung: Rung }): Promise<GdbSession> => {
    await step(rung, "open");
    open.add(rung);
    return {
      rung,
      version: () => Promise.resolve("13.1"),
      loadCore: async () => {
        await step(rung, "load");
        return { warnings: [] };
      },
      runHelper: async (name) => {
        await step(rung, name);
        return { summary: {}, answer: name in answers ? answers[name] : name === "python" ? pythonAnswer : nativeAnswer, duration_ms: 1 };
      },
      confirmLayout: async (version, table) => {
        await step(rung, "confirm");
        calls.push(`${version} ${table}`);
        return confirmed;
      },
      [Symbol.asyncDispose]: () => {
        open.delete(rung);
        return Promise.resolve();
      },
    };
  };
  const signal = new AbortController().signal;
  const limits = { debug_seconds: 1, debug_memory_bytes: 1 };
  const result = debug({ folder: "/x", machine: "x86_64", gdb: "gdb", core: "/job/core", executable: null, indexed: false, limits, signal, openGdb, atOnce });
  const settled = await result.then(
    (value) => ({ value, error: null }),
    (error: unknown) => ({ value: null, error }),
  );
  return { calls, open, ...settled, codes: settled.value?.warnings.map((warning) => warning.code) ?? [] };
}

describe("the ladder", () => {
  test("asks both helpers in one gdb when nothing goes wrong", async () => {
    const { calls, value, codes } = await climb({});
    expect(calls).toEqual(["dwarf open", "dwarf load", "dwarf python", "dwarf native"]);
    expect(value).toMatchObject({ python: pythonAnswer, native: nativeAnswer, gdb: "13.1" });
    expect(codes).toEqual([]);
  });

  test("keeps what was answered when gdb dies later, and asks the next rung only for the rest", async () => {
    const { calls, value, codes } = await climb({ "dwarf native": "debugger_died" });
    expect(calls).toEqual(["dwarf open", "dwarf load", "dwarf python", "dwarf native", "readnever open", "readnever load", "readnever native"]);
    expect(value).toMatchObject({ python: pythonAnswer, native: nativeAnswer });
    expect(codes).toEqual(["debugger_died"]);
  });

  test("goes down to the Python helper alone when gdb dies on the files at every rung", async () => {
    const { calls, value, codes } = await climb({ "dwarf load": "debugger_died", "readnever load": "debugger_timeout" });
    expect(calls.slice(-2)).toEqual(["python-only open", "python-only python"]);
    expect(value).toMatchObject({ python: pythonAnswer, native: null });
    expect(codes).toEqual(["debugger_died", "debugger_timeout"]);
  });

  test("runs the Python helper in the same gdb when gdb refuses the core", async () => {
    const { calls, value, codes } = await climb({ "dwarf load": "debugger_command", "readnever load": "debugger_command" });
    expect(calls.slice(0, 3)).toEqual(["dwarf open", "dwarf load", "dwarf python"]);
    expect(value).toMatchObject({ python: pythonAnswer, native: null });
    expect(codes).toContain("debugger_command");
  });

  test("runs the other helper after one has failed", async () => {
    const { calls, value } = await climb({ "dwarf python": "helper_failed", "readnever python": "helper_failed", "python-only python": "helper_failed" });
    expect(calls).toEqual([
      "dwarf open",
      "dwarf load",
      "dwarf python",
      "dwarf native",
      "readnever open",
      "readnever load",
      "readnever python",
      "python-only open",
      "python-only python",
    ]);
    expect(value).toMatchObject({ python: null, native: nativeAnswer });
  });

  test("asks a Python helper that has taken all the time of a gdb after the other one", async () => {
    const { calls, value, codes } = await climb({ "dwarf python": "debugger_timeout", "readnever python": "debugger_timeout" });
    expect(calls).toEqual([
      "dwarf open",
      "dwarf load",
      "dwarf python",
      "readnever open",
      "readnever load",
      "readnever native",
      "readnever python",
      "python-only open",
      "python-only python",
    ]);
    expect(value).toMatchObject({ python: pythonAnswer, native: nativeAnswer });
    expect(codes).toEqual(["debugger_timeout", "debugger_timeout"]);
  });

  test("asks a Python helper no more that has taken all the time of the gdb beside", async () => {
    const { calls, value, codes } = await climb({ "python-only python": "debugger_timeout" }, {}, true);
    expect(calls.toSorted()).toEqual(["dwarf load", "dwarf native", "dwarf open", "python-only open", "python-only python"]);
    expect(value).toMatchObject({ python: null, native: nativeAnswer });
    expect(codes).toEqual(["debugger_timeout"]);
  });

  test("leaves out an answer that breaks the schema, names the field and shows no value", async () => {
    const secret = "hunter2";
    const { value } = await climb({}, { python: { ...pythonAnswer, threads: [{ lwp: secret }] } });
    expect(value).toMatchObject({ python: null, native: nativeAnswer });
    const invalid = value?.warnings.filter((warning) => warning.code === "helper_answer_invalid") ?? [];
    expect(invalid.length).toBeGreaterThan(0);
    expect(invalid[0]?.detail).toContain("/threads/0");
    expect(JSON.stringify(value)).not.toContain(secret);
  });

  test("gives a result even when gdb dies at every rung", async () => {
    const { value, codes } = await climb({ "dwarf open": "debugger_died", "readnever open": "debugger_died", "python-only open": "debugger_died" });
    expect(value).toMatchObject({ python: null, native: null, gdb: null });
    expect(codes).toEqual(["debugger_died", "debugger_died", "debugger_died"]);
  });

  test.each(["debugger_missing", "sandbox_unavailable", "job_cancelled"] as const)("fails at once with %s", async (code) => {
    const { calls, error } = await climb({ "dwarf open": code });
    expect(calls).toEqual(["dwarf open"]);
    expect(error).toMatchObject({ code });
  });

  test("tells what it has when the job's time is up, and fails when it has nothing", async () => {
    const late = await climb({ "dwarf native": "deadline_exceeded" });
    expect(late.value).toMatchObject({ python: pythonAnswer, native: null });
    expect(late.codes).toEqual(["deadline_exceeded"]);
    const nothing = await climb({ "dwarf load": "deadline_exceeded" });
    expect(nothing.error).toMatchObject({ code: "deadline_exceeded" });
  });

  test.each([{}, { "dwarf native": "debugger_died" }, { "dwarf open": "debugger_missing" }, { "dwarf load": "job_cancelled" }] satisfies Failures[])(
    "leaves no gdb behind (%j)",
    async (failing) => {
      expect([...(await climb(failing)).open]).toEqual([]);
    },
  );
});

describe("the Python helper in a gdb of its own", () => {
  const read = (source: "table" | "debug_offsets", table: string | null): PythonAnswer => ({
    ...pythonAnswer,
    layout_source: source,
    python: {
      version: "3.11.7",
      implementation: "CPython",
      build: { debug: false, free_threaded: false, jit: false },
      layout_source: source,
      debug_info: "none",
      flags: { dev_mode: null, faulthandler: null, tracemalloc: null, malloc: null },
      tracemalloc: null,
      gil_holder_lwp: null,
      gc: { collecting: null, enabled: null, counts: [], thresholds: [] },
      finalizing: null,
      interpreters: 1,
      modules_imported: [],
      extension_modules: [],
      run: null,
    },
    facts: { runtime: { how: "a symbol", address: "0x1", table } },
  });
  const beside = (python: PythonAnswer, confirmed: boolean | null, failing: Failures = {}) => climb(failing, { python }, true, confirmed);
  const inFirst = (calls: readonly string[]) => calls.filter((call) => call.startsWith("dwarf") || /^\d/.test(call));

  test("answers beside the unwinding, and is believed when the layouts are the interpreter's own", async () => {
    const { calls, value, codes, open } = await beside(read("debug_offsets", null), null);
    expect(inFirst(calls)).toEqual(["dwarf open", "dwarf load", "dwarf native"]);
    expect(calls.filter((call) => call.endsWith("python"))).toEqual(["python-only python"]);
    expect(value).toMatchObject({ python: { layout_source: "debug_offsets" }, native: nativeAnswer, gdb: "13.1" });
    expect(codes).toEqual([]);
    expect([...open]).toEqual([]);
  });

  test("is believed in what a table told when DWARF bears the table out, and told as DWARF's word", async () => {
    const { calls, value } = await beside(read("table", "3.11"), true);
    expect(inFirst(calls)).toEqual(["dwarf open", "dwarf load", "dwarf native", "dwarf confirm", "3.11.7 3.11"]);
    expect(value).toMatchObject({ python: { layout_source: "dwarf", python: { layout_source: "dwarf" } }, native: nativeAnswer });
  });

  test("is believed in what a table told when there is no DWARF to ask", async () => {
    const { calls, value } = await beside(read("table", "3.11"), null);
    expect(calls).not.toContain("dwarf python");
    expect(value).toMatchObject({ python: { layout_source: "table" } });
  });

  test.each([
    ["DWARF says otherwise than its table", read("table", "3.11"), false],
    ["its layout is no table of ours as it stands", read("table", null), true],
    ["it found no Python", pythonAnswer, true],
  ] as const)("is asked again where the files are when %s", async (_, answer, confirmed) => {
    const { calls, value } = await beside(answer, confirmed);
    expect(calls.filter((call) => call.endsWith("python"))).toEqual(["python-only python", "dwarf python"]);
    expect(value).toMatchObject({ python: answer, native: nativeAnswer });
  });

  test("costs nothing when its gdb dies: the other one is asked as if it were alone", async () => {
    const { calls, value, codes } = await beside(read("table", "3.11"), true, { "python-only python": "debugger_died" });
    expect(calls).toContain("dwarf python");
    expect(value).toMatchObject({ python: { layout_source: "table" }, native: nativeAnswer });
    expect(codes).toEqual([]);
  });

  test("stands by itself when the gdb with the files dies", async () => {
    const { calls, value, codes } = await beside(read("table", "3.11"), true, { "dwarf load": "debugger_died", "readnever load": "debugger_died" });
    expect(calls.filter((call) => call.endsWith("python"))).toEqual(["python-only python"]);
    expect(value).toMatchObject({ python: { layout_source: "table" }, native: null });
    expect(codes).toEqual(["debugger_died", "debugger_died"]);
  });

  test("is told when the job's time is up while the other gdb works", async () => {
    const { value, codes } = await beside(read("debug_offsets", null), null, { "dwarf native": "deadline_exceeded" });
    expect(value).toMatchObject({ python: { layout_source: "debug_offsets" }, native: null });
    expect(codes).toEqual(["deadline_exceeded"]);
  });
});
