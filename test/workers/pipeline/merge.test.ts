import { describe, expect, test } from "vitest";
import type { Frame } from "../../../services/contract/thread.ts";
import { type MergeInput, merge } from "../../../workers/pipeline/merge.ts";
import { evaluatorFrame, nativeFrame, pythonFrame } from "./frame-makers.ts";

const names = (frames: readonly Frame[]) =>
  frames.map((frame) => (frame.kind === "folded" ? `… ${frame.count} × ${frame.cycle}` : `${frame.kind === "native" ? "c" : "py"}:${frame.function}`));

const merged = (input: Partial<MergeInput> & Pick<MergeInput, "native" | "python">) => merge({ nativeComplete: true, pythonComplete: true, ...input });

describe("merge", () => {
  test("puts the Python frames where their evaluator stands", () => {
    const { frames, tied } = merged({
      native: [nativeFrame("strlen"), nativeFrame("string_at"), evaluatorFrame(), nativeFrame("_PyEval_Vector"), nativeFrame("main")],
      python: [pythonFrame("inner", { entry: false }), pythonFrame("<module>")],
    });
    expect(names(frames)).toEqual(["c:strlen", "c:string_at", "py:inner", "py:<module>", "c:main"]);
    expect(tied).toBe(1);
  });

  test("keeps the innermost frame even when it is plumbing or the evaluator", () => {
    expect(names(merged({ native: [evaluatorFrame()], python: [pythonFrame("f")] }).frames)).toEqual(["c:_PyEval_EvalFrameDefault", "py:f"]);
    expect(names(merged({ native: [nativeFrame("PyObject_Call"), evaluatorFrame()], python: [pythonFrame("f")] }).frames)).toEqual(["c:PyObject_Call", "py:f"]);
  });

  test("keeps the frame that a signal interrupted, whatever its name", () => {
    const native = [
      nativeFrame("raise"),
      nativeFrame("faulthandler_fatal_error"),
      nativeFrame("<signal handler called>", { signal_trampoline: true }),
      evaluatorFrame(),
    ];
    expect(names(merged({ native, python: [pythonFrame("f")] }).frames).slice(-2)).toEqual(["c:_PyEval_EvalFrameDefault", "py:f"]);
  });

  test("folds no plumbing when there is no Python stack to show in its place", () => {
    const native = [nativeFrame("strlen"), nativeFrame("PyObject_Call"), evaluatorFrame()];
    expect(names(merged({ native, python: [] }).frames)).toEqual(["c:strlen", "c:PyObject_Call", "c:_PyEval_EvalFrameDefault"]);
  });

  test("ties by address when the counts do not agree", () => {
    const native = [
      nativeFrame("crash"),
      evaluatorFrame("0x1000"),
      nativeFrame("ext", { sp: "0x1100" }),
      evaluatorFrame("0x1200"),
      nativeFrame("x", { sp: "0x1300" }),
    ];
    const python = [pythonFrame("called_by_ext", { anchor: "0x1280" })];
    const result = merged({ native, python });
    expect(names(result.frames)).toEqual(["c:crash", "c:_PyEval_EvalFrameDefault", "c:ext", "py:called_by_ext", "c:x"]);
    expect(result).toMatchObject({ evaluators: 2, entries: 1, tied: 1 });
  });

  test("passes over an address that would cross an earlier tie", () => {
    const native = [
      nativeFrame("crash"),
      evaluatorFrame("0x1000"),
      nativeFrame("mid", { sp: "0x1100" }),
      evaluatorFrame("0x1200"),
      nativeFrame("x", { sp: "0x1300" }),
    ];
    const python = [pythonFrame("a", { anchor: "0x1280" }), pythonFrame("b", { anchor: "0x1010" })];
    const { frames } = merged({ native, python });
    expect(names(frames).filter((name) => name.startsWith("py:"))).toEqual(["py:a", "py:b"]);
    expect(names(frames)).toContain("c:mid");
  });

  test("takes a frame without a name for the evaluator when an entry's address lies in it", () => {
    const native = [
      nativeFrame("crash", { sp: "0x1000" }),
      nativeFrame(null, { sp: "0x1100" }),
      nativeFrame("ext", { sp: "0x1200" }),
      nativeFrame(null, { sp: "0x1300" }),
      nativeFrame(null, { sp: "0x1400" }),
      nativeFrame("main", { sp: "0x1500" }),
    ];
    const python = [pythonFrame("inner", { anchor: "0x1180" }), pythonFrame("outer", { anchor: "0x1310" })];
    const result = merged({ native, python });
    expect(names(result.frames)).toEqual(["c:crash", "py:inner", "c:ext", "py:outer", "c:null", "c:main"]);
    expect(result).toMatchObject({ evaluators: 2, entries: 2, tied: 2 });
  });

  test("puts Python frames before the function that the evaluator was inlined into", () => {
    const native = [nativeFrame("crash", { sp: "0x1000" }), nativeFrame("embedder", { sp: "0x1100" }), nativeFrame("main", { sp: "0x1200" })];
    expect(names(merged({ native, python: [pythonFrame("f", { anchor: "0x1180" })] }).frames)).toEqual(["c:crash", "py:f", "c:embedder", "c:main"]);
  });

  test("puts Python frames into the gap that the unwinder searched its way over", () => {
    const native = [nativeFrame("crash", { sp: "0x1000" }), nativeFrame(null, { sp: "0x1100" }), nativeFrame("main", { sp: "0x1900", trust: "scan" })];
    expect(names(merged({ native, python: [pythonFrame("f", { anchor: "0x1780" })] }).frames)).toEqual(["c:crash", "c:null", "py:f", "c:main"]);
  });

  test("puts all Python frames there whose evaluators the unwinder searched its way over", () => {
    const native = [
      nativeFrame("crash", { sp: "0x1000" }),
      nativeFrame("embedder", { sp: "0x1900", trust: "scan" }),
      nativeFrame("runner", { sp: "0x1a00" }),
      nativeFrame("main", { sp: "0x1b00" }),
    ];
    const python = [pythonFrame("f", { anchor: "0x1280" }), pythonFrame("g", { anchor: "0x1580" }), pythonFrame("h", { anchor: "0x1a80" })];
    const result = merged({ native, python });
    expect(names(result.frames)).toEqual(["c:crash", "py:f", "py:g", "c:embedder", "py:h", "c:runner", "c:main"]);
    expect(result).toMatchObject({ evaluators: 2, entries: 3, tied: 3 });
  });

  test("takes no frame for the evaluator whose caller is not known", () => {
    const native = [nativeFrame("crash", { sp: "0x1000" }), nativeFrame(null, { sp: "0x1100" })];
    const result = merged({ native, nativeComplete: false, python: [pythonFrame("f", { anchor: "0x1180" })] });
    expect(names(result.frames)).toEqual(["c:crash", "c:null", "py:f"]);
    expect(result.tied).toBe(0);
  });

  test("takes the tail-calling evaluator's two frames as one", () => {
    const native = [
      nativeFrame("crash"),
      evaluatorFrame("0x1000", "_TAIL_CALL_CALL"),
      evaluatorFrame("0x1040"),
      nativeFrame("ext", { sp: "0x1200" }),
      evaluatorFrame("0x1300"),
    ];
    const python = [pythonFrame("inner", { anchor: "0x1050" }), pythonFrame("outer", { anchor: "0x1310" })];
    expect(names(merged({ native, python }).frames)).toEqual(["c:crash", "py:inner", "c:ext", "py:outer"]);
  });

  test("pairs from the outer end when an inner evaluator has no Python frame yet", () => {
    const native = [nativeFrame("crash"), evaluatorFrame(), nativeFrame("ext"), evaluatorFrame(), nativeFrame("embedder")];
    expect(names(merged({ native, python: [pythonFrame("f")] }).frames)).toEqual(["c:crash", "c:_PyEval_EvalFrameDefault", "c:ext", "py:f", "c:embedder"]);
  });

  test("pairs from the inner end when the native stack ends early, and the rest of the Python stack follows", () => {
    const result = merged({
      native: [nativeFrame("crash"), evaluatorFrame(), nativeFrame("ext")],
      nativeComplete: false,
      python: [pythonFrame("a"), pythonFrame("b"), pythonFrame("c")],
    });
    expect(names(result.frames)).toEqual(["c:crash", "py:a", "c:ext", "py:b", "py:c"]);
    expect(result).toMatchObject({ evaluators: 1, entries: 3, tied: 1 });
  });

  test("lets the Python stack stand on its own when the native one is smashed", () => {
    const result = merged({ native: [nativeFrame(null)], nativeComplete: false, python: [pythonFrame("a"), pythonFrame("b")] });
    expect(names(result.frames)).toEqual(["c:null", "py:a", "py:b"]);
    expect(result.tied).toBe(0);
  });

  test("ties both ends round frames that were folded on both sides, and shows one fold", () => {
    const native = [
      ...["crash", "e", "rec", "e", "rec"].map((name) => (name === "e" ? evaluatorFrame() : nativeFrame(name))),
      { kind: "folded" as const, cycle: 2, count: 9000 },
      evaluatorFrame(),
      nativeFrame("rec"),
      evaluatorFrame(),
      nativeFrame("embedder"),
    ];
    const python = [pythonFrame("r1"), { kind: "folded" as const, cycle: 1, count: 9001 }, pythonFrame("r2"), pythonFrame("top")];
    const shown = names(merged({ native, python }).frames);
    expect(shown.slice(0, 3)).toEqual(["c:crash", "py:r1", "c:rec"]);
    expect(shown.slice(-4)).toEqual(["py:r2", "c:rec", "py:top", "c:embedder"]);
    expect(shown.filter((name) => name.startsWith("…"))).toEqual(["… 9001 × 1"]);
  });

  /** `sorted(…, key=key)` that calls itself: 40 turns at each side of the C side's gap, two and one of the Python side's. */
  function recursion(turn: readonly string[], cycle: readonly ReturnType<typeof pythonFrame>[], extra: readonly ReturnType<typeof pythonFrame>[]) {
    const cFrame = (name: string) => (name === "e" ? { ...evaluatorFrame(), pc: "0xe" } : nativeFrame(name, { pc: `0x${name.length}` }));
    const turns = (count: number) => Array.from({ length: count }, () => turn.map(cFrame)).flat();
    const native = [
      nativeFrame("crash"),
      cFrame("e"),
      ...turns(40),
      ...turn.slice(0, 1).map(cFrame),
      { kind: "folded" as const, cycle: turn.length, count: 920 },
      ...turn.slice(1).map(cFrame),
      ...turns(40),
      nativeFrame("embedder"),
    ];
    const python = [...extra, ...cycle, ...cycle, { kind: "folded" as const, cycle: cycle.length, count: 998 }, ...cycle, pythonFrame("top")];
    return names(merged({ native, python }).frames);
  }

  test("folds a recursion through C once, with the C frames of a turn, where the Python side tells it", () => {
    expect(recursion(["sort", "sorted", "e"], [pythonFrame("key")], []).join(" ")).toBe(
      "c:crash py:key c:sort c:sorted py:key … 998 × 3 c:sort c:sorted py:key c:sort c:sorted py:top c:embedder",
    );
  });

  test("folds it so where the gap begins amid the calls that one evaluator runs", () => {
    const cycle = [pythonFrame("lambda"), pythonFrame("key", { entry: false })];
    expect(recursion(["sort", "sorted", "e"], cycle, [pythonFrame("key", { entry: false })]).join(" ")).toBe(
      "c:crash py:key py:lambda c:sort c:sorted py:key py:lambda c:sort c:sorted py:key … 998 × 4 py:lambda c:sort c:sorted py:key py:top c:embedder",
    );
  });

  test("keeps a fold inside one evaluator's Python frames and pairs the rest as usual", () => {
    const native = [nativeFrame("crash"), evaluatorFrame(), nativeFrame("ext"), evaluatorFrame()];
    const python = [
      pythonFrame("deep", { entry: false }),
      { kind: "folded" as const, cycle: 1, count: 100_000 },
      pythonFrame("deep", { entry: false }),
      pythonFrame("start"),
      pythonFrame("<module>"),
    ];
    expect(names(merged({ native, python }).frames)).toEqual(["c:crash", "py:deep", "… 100000 × 1", "py:deep", "py:start", "c:ext", "py:<module>"]);
  });

  test("leaves the merge's own addresses out of the report's frames", () => {
    const { frames } = merged({ native: [nativeFrame("crash", { sp: "0x1" }), evaluatorFrame()], python: [pythonFrame("f", { anchor: "0x2" })] });
    for (const frame of frames) for (const key of ["sp", "evaluator", "signal_trampoline", "address", "anchor"]) expect(frame).not.toHaveProperty(key);
  });
});
