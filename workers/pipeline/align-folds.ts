/**
 * A deep recursion is cut on both sides of the merge, by each in its own place: gdb's half tells some hundred C frames round its gap, the
 * Python half two turns. Here the C side's gap is widened, by turns that repeat, until it begins and ends where the Python side's does:
 * what is told of both then ties, and one fold stands for the same turns of both.
 */
import type { FoldedFrames } from "../../services/contract/thread.ts";
import type { NativeItem, PythonItem } from "./merge-units.ts";
import { toBlocks } from "./merge-units.ts";

interface Cut<Item> {
  readonly inner: readonly Item[];
  readonly fold: FoldedFrames;
  readonly outer: readonly Item[];
}

/** Where a side has one gap of turns that repeat. */
function cutAt<Item extends NativeItem | PythonItem>(items: readonly Item[]): Cut<Exclude<Item, FoldedFrames>> | null {
  const told = items.filter((item): item is Exclude<Item, FoldedFrames> => item.kind !== "folded");
  const at = items.findIndex((item) => item.kind === "folded");
  const fold = items[at];
  if (fold?.kind !== "folded" || fold.count < 2 || told.length !== items.length - 1) return null;
  return { inner: told.slice(0, at), fold, outer: told.slice(at) };
}

const entriesAmong = (items: readonly Exclude<PythonItem, FoldedFrames>[]) => items.filter(({ entry }) => entry).length;

/** The places of the evaluators, innermost first. */
function evaluatorsAmong(items: readonly NativeItem[], anchors: readonly bigint[]): readonly number[] {
  let end = 0;
  return toBlocks(items, anchors).blocks.flatMap(({ native, evaluator }) => {
    end += native.length;
    return evaluator === 0 ? [] : [end - 1];
  });
}

type Told = Exclude<NativeItem, FoldedFrames>;
const alike = (one: Told | undefined, other: Told | undefined) => one?.pc === other?.pc && one?.function === other?.function;

/** Whether what is to be left out at both sides of the gap goes on in the turns of the one that stays before it. */
function repeats({ inner, fold: { cycle }, outer }: Cut<Told>, from: number, to: number): boolean {
  const round = [...inner.slice(from - cycle), ...outer.slice(0, to)];
  return round.every((frame, index) => index < cycle || alike(frame, round[index - cycle]));
}

/** The C side with its gap where the Python side has it; null where that cannot be. */
export function alignFolds(native: readonly NativeItem[], python: readonly PythonItem[], anchors: readonly bigint[]): readonly NativeItem[] | null {
  const [c, py] = [cutAt(native), cutAt(python)];
  if (c === null || py === null) return null;
  const { cycle, count } = c.fold;
  const perTurn = entriesAmong(py.inner.slice(-py.fold.cycle));
  const [innerEntries, outerEntries] = [entriesAmong(py.inner), entriesAmong(py.outer)];
  const innerEvaluators = evaluatorsAmong(c.inner, anchors).slice(0, innerEntries);
  const outerEvaluators = evaluatorsAmong(c.outer, anchors).slice(-outerEntries);
  if (perTurn === 0 || Math.min(innerEntries, outerEntries) < perTurn) return null;
  if (innerEvaluators.length < innerEntries || outerEvaluators.length < outerEntries) return null;
  // The Python gap begins with a call from C, or in the midst of what one evaluator runs.
  const whole = py.inner.at(-1)?.entry === true;
  const from = whole ? (innerEvaluators.at(-1) ?? 0) + 1 : (innerEvaluators[innerEvaluators.length - perTurn] ?? 0) + cycle;
  const to = whole ? (outerEvaluators[perTurn - 1] ?? 0) - cycle + 1 : (outerEvaluators[0] ?? 0);
  const left = c.inner.length - from + to;
  if (from < cycle || from > c.inner.length || to < 0 || left % cycle !== 0 || !repeats(c, from, to)) return null;
  return [...c.inner.slice(0, from), { kind: "folded", cycle, count: count + left / cycle }, ...c.outer.slice(to)];
}
