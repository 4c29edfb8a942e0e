/**
 * The two halves of a thread, cut where they can be tied together.
 *
 * A `Block` is one evaluator frame with the native frames that it called (innermost first, so the evaluator is its end). A
 * `Segment` is one entry Python frame with the Python frames it called without leaving C. One block stands for one segment. An evaluator is
 * told by its name, or by an entry's address that lies in its part of the stack.
 */
import type { FoldedFrames } from "../../services/contract/thread.ts";
import type { HelperNativeFrame, HelperPythonFrame } from "./helper-answer.ts";

export type NativeItem = HelperNativeFrame | FoldedFrames;
export type PythonItem = HelperPythonFrame | FoldedFrames;

/** From the frame's stack pointer to its caller's; `open` when that is not known and the end is a guess. */
interface StackRange {
  readonly from: bigint;
  readonly to: bigint;
  readonly open: boolean;
}

export interface Block {
  readonly native: readonly NativeItem[];
  /** How many of `native`, at its end, are the evaluator itself: none where it was inlined into the next frame, or lies in a gap. */
  readonly evaluator: number;
  /** Stack range of the evaluator; null when its stack pointer is unknown. */
  readonly range: StackRange | null;
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

function stackRange(items: readonly NativeItem[], index: number): StackRange | null {
  const evaluator = items[index];
  const from = evaluator?.kind === "native" ? toAddress(evaluator.sp) : null;
  if (from === null) return null;
  for (let at = index + 1; at < index + 65; at += 1) {
    const outer = items[at];
    if (outer === undefined || outer.kind === "folded") break;
    const sp = toAddress(outer.sp);
    if (sp !== null && sp > from) return { from, to: sp, open: false };
  }
  return { from, to: from + largestEvaluatorFrame, open: true };
}

/** Whether an address certainly lies in this part of the stack. */
export const covers = (range: StackRange | null, anchor: bigint): boolean => range !== null && !range.open && range.from <= anchor && anchor < range.to;

/**
 * The frames that no name tells to be an evaluator's, but in which an entry's anchor lies: stripped files name nothing, and a compiler
 * may inline the evaluator into its caller. Inlined frames share their stack pointer: the outermost counts, and none where one has the name.
 */
function anchoredFrames(items: readonly NativeItem[], anchors: readonly bigint[]): ReadonlySet<number> {
  const found = new Set<number>();
  if (anchors.length === 0) return found;
  const ranges = items.map((_, index) => stackRange(items, index));
  let next = 0;
  for (const anchor of anchors) {
    const first = ranges.findIndex((range, index) => index >= next && covers(range, anchor));
    const from = ranges[first]?.from;
    if (from === undefined) continue;
    let last = first;
    while (ranges[last + 1]?.from === from) last += 1;
    const named = items.slice(first, last + 1).some((item) => item.kind === "native" && (item.evaluator || item.signal_trampoline));
    if (!named) found.add(last);
    next = last + 1;
  }
  return found;
}

/** Where a block ends that has an evaluator at `index`, and how many frames there are the evaluator's. */
function endOfBlock(items: readonly NativeItem[], index: number, anchored: boolean, instruction: boolean): Pick<Block, "evaluator"> & { readonly end: number } {
  const [callee, frame, caller] = [items[index - 1], items[index], items[index + 1]];
  const inner = instruction ? 1 : 0;
  if (!anchored || frame?.kind !== "native") return { end: index, evaluator: 1 + inner };
  // The unwinder got from this frame to the next by a search: the evaluator is among those passed over.
  if (caller?.kind === "native" && caller.trust === "scan") return { end: index, evaluator: 0 };
  const interrupted = callee === undefined || (callee.kind === "native" && callee.signal_trampoline);
  return frame.function === null || interrupted ? { end: index, evaluator: 1 + inner } : { end: index - 1, evaluator: inner };
}

/** The blocks, and the native frames outside the outermost evaluator. `anchors` are those of the Python side, innermost first. */
export function toBlocks(
  items: readonly NativeItem[],
  anchors: readonly bigint[],
): { readonly blocks: readonly Block[]; readonly outer: readonly NativeItem[] } {
  const anchored = anchoredFrames(items, anchors);
  const isEvaluator = (index: number) => {
    const item = items[index];
    return anchored.has(index) || (item?.kind === "native" && item.evaluator);
  };
  // A tail-calling evaluator (3.14+) is two frames, an instruction's and that of the function which began: the outer one counts.
  const isInstruction = (index: number) => {
    const item = items[index];
    return item?.kind === "native" && item.function?.startsWith("_TAIL_CALL_") === true && isEvaluator(index + 1);
  };
  const blocks: Block[] = [];
  let begin = 0;
  items.forEach((_, index) => {
    if (!isEvaluator(index) || isInstruction(index)) return;
    const { end, evaluator } = endOfBlock(items, index, anchored.has(index), isInstruction(index - 1));
    const native = items.slice(begin, end + 1);
    blocks.push({ native, evaluator, range: stackRange(items, index), afterGap: native.some((each) => each.kind === "folded") });
    begin = end + 1;
  });
  return { blocks, outer: items.slice(begin) };
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

/** The segments; the outermost one may lack its entry frame. `aligned`: the gap goes on in the segment that it is in, as the C side's does in its block. */
export function toSegments(items: readonly PythonItem[], aligned = false): readonly Segment[] {
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
      if (python.length > 0 && !aligned) close(null);
      afterGap = true;
    }
    python.push(item);
    if (item.kind === "python" && item.entry) close(toAddress(item.anchor));
  });
  if (python.length > 0) close(null);
  return segments;
}
