/**
 * The two halves of a thread, cut where they can be tied together.
 *
 * A `Block` is one evaluator frame with the native frames that it called (innermost first, so the evaluator is its end). A
 * `Segment` is one entry Python frame with the Python frames it called without leaving C. One block stands for one segment.
 */
import type { FoldedFrames } from "../../services/contract/report.ts";
import type { HelperNativeFrame, HelperPythonFrame } from "./helper-answer.ts";

export type NativeItem = HelperNativeFrame | FoldedFrames;
export type PythonItem = HelperPythonFrame | FoldedFrames;

export interface Block {
  readonly native: readonly NativeItem[];
  /** Stack range of the evaluator; null when its stack pointer is unknown. */
  readonly range: { readonly from: bigint; readonly to: bigint } | null;
  /** True when frames were left out between this block and the inner one, so that evaluators may be missing before it. */
  readonly afterGap: boolean;
}

export interface Segment {
  readonly python: readonly PythonItem[];
  readonly anchor: bigint | null;
  /** True when frames were left out between this segment and the inner one and entries may be among them. */
  readonly afterGap: boolean;
}

/** An evaluator's frame is some hundred bytes, in debug builds some thousand; used where its caller's stack pointer is not known. */
const largestEvaluatorFrame = 16_384n;

const toAddress = (text: string | null): bigint | null => (text === null ? null : BigInt(text));

/** 3.14's tail-calling evaluator is two frames, an instruction's and that of the function which began: the outer one counts. */
function isEvaluator(items: readonly NativeItem[], index: number): boolean {
  const frame = items[index];
  if (frame?.kind !== "native" || !frame.evaluator) return false;
  const caller = items[index + 1];
  const tailCalled = frame.function?.startsWith("_TAIL_CALL_") === true && caller?.kind === "native" && caller.evaluator;
  return !tailCalled;
}

function stackRange(items: readonly NativeItem[], index: number): Block["range"] {
  const evaluator = items[index];
  const from = evaluator?.kind === "native" ? toAddress(evaluator.sp) : null;
  if (from === null) return null;
  for (let at = index + 1; at < index + 65; at += 1) {
    const outer = items[at];
    if (outer === undefined || outer.kind === "folded") break;
    const sp = toAddress(outer.sp);
    if (sp !== null && sp > from) return { from, to: sp };
  }
  return { from, to: from + largestEvaluatorFrame };
}

/** The blocks, and the native frames outside the outermost evaluator. */
export function toBlocks(items: readonly NativeItem[]): { readonly blocks: readonly Block[]; readonly outer: readonly NativeItem[] } {
  const blocks: Block[] = [];
  let native: NativeItem[] = [];
  items.forEach((item, index) => {
    native.push(item);
    if (!isEvaluator(items, index)) return;
    blocks.push({ native, range: stackRange(items, index), afterGap: native.some((each) => each.kind === "folded") });
    native = [];
  });
  return { blocks, outer: native };
}

/** Whether entry frames may be among those left out at `index`: told by the frames that repeat, which stand beside it. A count of 1 repeats nothing. */
function hidesEntries(items: readonly PythonItem[], index: number): boolean {
  const fold = items[index];
  if (fold?.kind !== "folded") return false;
  if (fold.count === 1) return true;
  const before = items.slice(Math.max(0, index - fold.cycle), index);
  const after = items.slice(index + 1, index + 1 + fold.cycle);
  const sample = before.length === fold.cycle ? before : after;
  return sample.length < fold.cycle || sample.some((each) => each.kind === "folded" || each.entry);
}

/** The segments; the outermost one may lack its entry frame. */
export function toSegments(items: readonly PythonItem[]): readonly Segment[] {
  const segments: Segment[] = [];
  let python: PythonItem[] = [];
  let afterGap = false;
  const close = (anchor: bigint | null) => {
    segments.push({ python, anchor, afterGap });
    python = [];
    afterGap = false;
  };
  items.forEach((item, index) => {
    if (hidesEntries(items, index)) {
      if (python.length > 0) close(null);
      afterGap = true;
    }
    python.push(item);
    if (item.kind === "python" && item.entry) close(toAddress(item.anchor));
  });
  if (python.length > 0) close(null);
  return segments;
}
