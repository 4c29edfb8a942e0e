/** Generated call histories, split as gdb and the Python helper would see them, and merged again. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { HelperNativeFrame, HelperPythonFrame } from "../../../workers/pipeline/helper-answer.ts";
import { merge } from "../../../workers/pipeline/merge.ts";
import { evaluatorFrame, hex, nativeFrame, pythonFrame } from "./frame-makers.ts";

/** One call, outermost first: of C code, of a Python function from C, of a Python function by the evaluator itself, of plumbing. */
type Call = "c" | "enter" | "inline" | "plumbing";

/** How the interpreter at hand ties its frames to the C stack, and what its file names. */
type Era = "every frame is an entry" | "no anchors" | "anchors" | "anchors, no names" | "anchors, inlined" | "anchors, inlined, tail calls";

interface Split {
  /** Innermost first: what a true merge shows. */
  readonly history: readonly string[];
  readonly native: readonly HelperNativeFrame[];
  readonly python: readonly HelperPythonFrame[];
}

const history = fc.array(fc.constantFrom<Call>("c", "enter", "inline", "plumbing"), { minLength: 1, maxLength: 60 });
const era = fc.constantFrom<Era>("every frame is an entry", "no anchors", "anchors", "anchors, no names", "anchors, inlined", "anchors, inlined, tail calls");

/** The evaluator's frames, innermost first: in a stripped file none has a name, and a compiler may inline it into the function that calls it. */
function evaluatorFrames(seenIn: Era, sp: number): HelperNativeFrame[] {
  if (seenIn === "anchors, no names") return [nativeFrame(null, { sp: hex(sp) })];
  if (seenIn === "anchors, inlined") return [nativeFrame("PyEval_EvalCode", { sp: hex(sp) })];
  if (seenIn === "anchors, inlined, tail calls")
    return [evaluatorFrame(hex(sp - 0x40), "_TAIL_CALL_CALL"), nativeFrame("_PyFunction_Vectorcall", { sp: hex(sp) })];
  return [evaluatorFrame(hex(sp))];
}

function split(calls: readonly Call[], seenIn: Era): Split {
  let sp = 0x7fff_0000;
  const told: string[] = [];
  const native: HelperNativeFrame[] = [nativeFrame("_start", { sp: hex(sp) })];
  const python: HelperPythonFrame[] = [];
  let inEvaluator = false;
  calls.forEach((call, index) => {
    sp -= 0x100;
    if (call === "c" || call === "plumbing") {
      native.unshift(nativeFrame(call === "c" ? `c${index}` : "_PyEval_Vector", { sp: hex(sp) }));
      if (call === "c") told.unshift(`c${index}`);
      inEvaluator = false;
      return;
    }
    const entry = !inEvaluator || call === "enter" || seenIn === "every frame is an entry";
    if (entry) native.unshift(...evaluatorFrames(seenIn, sp));
    python.unshift(pythonFrame(`py${index}`, { entry, anchor: entry && seenIn.startsWith("anchors") ? hex(sp + 0x40) : null }));
    told.unshift(`py${index}`);
    inEvaluator = true;
  });
  // The innermost native frame is shown whatever it is, so that histories end in one that has a name of its own.
  native.unshift(nativeFrame("crash", { sp: hex(sp - 0x100) }));
  return { history: ["crash", ...told], native, python };
}

/** An evaluator without a name is told by the entry's anchor alone: of calls whose entry was lost nothing tells the place. */
function withAnchor(python: readonly HelperPythonFrame[], seenIn: Era): readonly HelperPythonFrame[] {
  return seenIn.startsWith("anchors, ") ? python.slice(0, python.findLastIndex((frame) => frame.entry) + 1) : python;
}

const nameOf = (frame: { readonly kind: string; readonly function?: string | null }) => frame.function ?? "";
const isShown = (name: string) => name === "crash" || /^(c|py)\d+$/.test(name);
const inOrder = (part: readonly string[], whole: readonly string[]) => {
  let from = 0;
  return part.every((name) => {
    const at = whole.indexOf(name, from);
    from = at + 1;
    return at >= 0;
  });
};

describe("merge, for any history of calls", () => {
  test("gives the history back", () => {
    fc.assert(
      fc.property(history, era, (calls, seenIn) => {
        const { history: expected, native, python } = split(calls, seenIn);
        const result = merge({ native, nativeComplete: true, python, pythonComplete: true });
        const hasPython = python.length > 0;
        expect(result.frames.map(nameOf).filter((name) => hasPython || isShown(name))).toEqual(expected);
        expect(result.tied).toBe(result.entries);
      }),
      { numRuns: 1_000 },
    );
  });

  test("keeps every frame that is left, in the history's order, when the outer end of either stack is lost", () => {
    fc.assert(
      fc.property(history, era, fc.nat(70), fc.nat(70), (calls, seenIn, keepNative, keepPython) => {
        const whole = split(calls, seenIn);
        const native = whole.native.slice(0, keepNative + 1);
        const python = withAnchor(whole.python.slice(0, keepPython), seenIn);
        const lost = native.length < whole.native.length || python.length < whole.python.length;
        const result = merge({ native, nativeComplete: !lost, python, pythonComplete: !lost });
        const shown = result.frames.map(nameOf).filter(isShown);
        const kept = new Set([...native, ...python].map(nameOf));
        expect(shown).toEqual(whole.history.filter((name) => kept.has(name)));
      }),
      { numRuns: 1_000 },
    );
  });

  test("loses no frame and turns none round, whatever the two stacks hold", () => {
    const anything = fc.record({
      sp: fc.option(fc.nat(50), { nil: null }),
      evaluator: fc.boolean(),
      named: fc.boolean(),
      trust: fc.constantFrom("symbol" as const, "scan" as const),
    });
    const anyPython = fc.record({ entry: fc.boolean(), anchor: fc.option(fc.nat(50), { nil: null }) });
    const fold = fc.record({ kind: fc.constant("folded" as const), cycle: fc.integer({ min: 1, max: 3 }), count: fc.integer({ min: 1, max: 9 }) });
    const stacks = fc.record({
      native: fc.array(fc.oneof({ weight: 8, arbitrary: anything }, fold), { maxLength: 30 }),
      python: fc.array(fc.oneof({ weight: 8, arbitrary: anyPython }, fold), { maxLength: 30 }),
      nativeComplete: fc.boolean(),
      pythonComplete: fc.boolean(),
    });
    fc.assert(
      fc.property(stacks, (stack) => {
        const native = stack.native.map((each, index) => {
          if ("kind" in each) return each;
          const { sp, evaluator, trust } = each;
          return nativeFrame(each.named ? `c${index}` : null, { pc: hex(index), sp: sp === null ? null : hex(sp), evaluator, trust });
        });
        const python = stack.python.map((each, index) =>
          "kind" in each ? each : pythonFrame(`py${index}`, { entry: each.entry, anchor: each.anchor === null ? null : hex(each.anchor) }),
        );
        const result = merge({ ...stack, native, python });
        const pythonNames = (items: readonly { readonly kind: string; readonly function?: string | null }[]) =>
          items.filter(({ kind }) => kind === "python").map(nameOf);
        expect(pythonNames(result.frames)).toEqual(pythonNames(python));
        const told = result.frames.flatMap((frame) => (frame.kind === "native" ? (frame.pc ?? "") : []));
        const all = native.flatMap((frame) => (frame.kind === "native" ? frame : []));
        expect(
          inOrder(
            told,
            all.map(({ pc }) => pc ?? ""),
          ),
        ).toBe(true);
        // Only what is an evaluator, or may be one for want of a name, may be hidden, and never the innermost.
        const hidden = all.filter(({ pc }) => !told.includes(pc ?? ""));
        expect(hidden.filter((frame) => frame === native[0] || (frame.function !== null && !frame.evaluator))).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });
});
