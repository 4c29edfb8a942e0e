/**
 * One true order out of two stacks.
 *
 * gdb sees C frames, the Python helper sees Python frames; neither knows the other's. Each frame of the bytecode evaluator
 * stands for one entry Python frame and for those it called without leaving C. Where the helper found an address on the C
 * stack inside an evaluator's frame (the cframe of 3.11, the entry shim of 3.12 and later), that ties the two exactly, even where the file
 * has no names.
 * Otherwise they are paired in order, from the end that both stacks are known to share. What cannot be tied keeps its
 * place in its own stack, no frame is lost, and `untied` says how many Python calls were left on their own.
 */
import type { FoldedFrames, Frame, NativeFrame, PythonFrame } from "../../services/contract/thread.ts";
import type { HelperNativeFrame, HelperPythonFrame } from "./helper-answer.ts";
import { alignFolds } from "./align-folds.ts";
import { type Block, covers, type NativeItem, type PythonItem, type Segment, toBlocks, toSegments } from "./merge-units.ts";
import { plumbingRule } from "./plumbing.ts";

export interface MergeInput {
  readonly native: readonly NativeItem[];
  /** Whether the native stack is known to reach its outermost frame. */
  readonly nativeComplete: boolean;
  readonly python: readonly PythonItem[];
  readonly pythonComplete: boolean;
}

export interface Merged {
  readonly frames: readonly Frame[];
  /** Evaluator frames seen, Python calls from C seen, and how many of these were tied. */
  readonly evaluators: number;
  readonly entries: number;
  readonly tied: number;
}

interface Tie {
  readonly block: number;
  readonly segment: number;
  /** How many segments follow that belong to the same block: their evaluators are among the frames that the unwinder passed over. */
  readonly more: number;
}

interface Region {
  readonly blocks: readonly [from: number, to: number];
  readonly segments: readonly [from: number, to: number];
  /** Whether the outer ends of the two sides belong together. */
  readonly outerEndShared: boolean;
}

/** Field by field: a report has up to millions of frames, and a rest pattern costs ten times as much. */
export function toNativeFrame(frame: HelperNativeFrame): NativeFrame {
  const { kind, pc, function: name, file, line, module, build_id, offset, inlined, trust } = frame;
  // Named later, from the file (exported-names.ts).
  return { kind, pc, function: name, exported: null, file, line, module, build_id, offset, inlined, arguments: frame.arguments, trust };
}

export function toPythonFrame(frame: HelperPythonFrame): PythonFrame {
  const { kind, function: name, qualname, defined_as, file, line, end_line, column, end_column, source_line, locals, entry, status } = frame;
  return { kind, function: name, qualname, defined_as, file, line, end_line, column, end_column, source_line, locals, entry, status };
}

/** Ties by address. Both stacks grow the same way, so a tie that would cross an earlier one is damage and is passed over. */
function tiesByAnchor(blocks: readonly Block[], segments: readonly Segment[]): readonly Tie[] {
  const ties: Tie[] = [];
  const end = blocks.reduce((most, { range }) => (range !== null && range.to > most ? range.to : most), 0n);
  let next = 0;
  segments.forEach(({ anchor }, segment) => {
    if (anchor === null || anchor >= end) return;
    const last = ties.at(-1);
    if (last !== undefined && covers(blocks[last.block]?.range ?? null, anchor)) {
      ties[ties.length - 1] = { ...last, more: segment - last.segment };
      return;
    }
    for (let block = next; block < blocks.length; block += 1) {
      const range = blocks[block]?.range ?? null;
      if (range === null || anchor >= range.to) continue;
      // Further out the stack only goes up.
      if (anchor < range.from) return;
      ties.push({ block, segment, more: 0 });
      next = block + 1;
      return;
    }
  });
  return ties;
}

/** Ties by order inside one region, from its inner end, from its outer end, or from both round a gap. */
function tiesByOrder(blocks: readonly Block[], segments: readonly Segment[], region: Region): readonly Tie[] {
  const [blockFrom, blockTo] = region.blocks;
  const [segmentFrom, segmentTo] = region.segments;
  const most = Math.min(blockTo - blockFrom, segmentTo - segmentFrom);
  if (most <= 0) return [];
  const gapAt = (block: number, segment: number) => blocks[block]?.afterGap === true || segments[segment]?.afterGap === true;
  const inner: Tie[] = [];
  const outer: Tie[] = [];
  const fromInner = () => {
    for (let step = 0; inner.length + outer.length < most; step += 1) {
      if (gapAt(blockFrom + step, segmentFrom + step)) return;
      inner.push({ block: blockFrom + step, segment: segmentFrom + step, more: 0 });
    }
  };
  const fromOuter = () => {
    for (let step = 1; inner.length + outer.length < most; step += 1) {
      outer.unshift({ block: blockTo - step, segment: segmentTo - step, more: 0 });
      if (gapAt(blockTo - step, segmentTo - step)) return;
    }
  };
  const sameCount = blockTo - blockFrom === segmentTo - segmentFrom;
  const gap = [...blocks.slice(blockFrom, blockTo), ...segments.slice(segmentFrom, segmentTo)].some((each) => each.afterGap);
  if (!region.outerEndShared) fromInner();
  else if (gap) {
    fromInner();
    fromOuter();
  } else if (sameCount) fromInner();
  else fromOuter();
  return [...inner, ...outer];
}

function tie(blocks: readonly Block[], segments: readonly Segment[], endsShared: boolean): readonly Tie[] {
  const anchored = tiesByAnchor(blocks, segments);
  const ties: Tie[] = [];
  let inner: Tie = { block: -1, segment: -1, more: 0 };
  for (const outer of [...anchored, null]) {
    const region: Region = {
      blocks: [inner.block + 1, outer?.block ?? blocks.length],
      segments: [inner.segment + inner.more + 1, outer?.segment ?? segments.length],
      outerEndShared: outer !== null || endsShared,
    };
    ties.push(...tiesByOrder(blocks, segments, region));
    if (outer === null) break;
    ties.push(outer);
    inner = outer;
  }
  return ties;
}

/** Shows native frames one after the other, without plumbing. `callee` is the frame that the next one called. */
class FrameList {
  readonly frames: Frame[] = [];
  /** Null behind a gap; undefined before the innermost frame. */
  #callee: HelperNativeFrame | null | undefined;
  readonly #fold: boolean;

  constructor(fold: boolean) {
    this.#fold = fold;
  }

  /** `evaluator`: how many of the last items are one whose Python frames follow. */
  native(items: readonly NativeItem[], evaluator: number): void {
    for (const [index, item] of items.entries()) {
      if (item.kind === "folded") {
        this.folded(item);
        this.#callee = null;
        continue;
      }
      const interrupted = this.#callee === undefined || this.#callee?.signal_trampoline === true;
      const told = index >= items.length - evaluator;
      const plumbing = told || (!item.evaluator && plumbingRule(item, this.#callee ?? null) !== null);
      if (interrupted || !this.#fold || !plumbing) this.frames.push(toNativeFrame(item));
      this.#callee = item;
    }
  }

  python(items: readonly PythonItem[]): void {
    for (const item of items) {
      if (item.kind === "folded") this.folded(item);
      else this.frames.push(toPythonFrame(item));
    }
  }

  /** A gap that is the same on both sides: one turn of it is what was shown since the Python frame before the last turn of Python frames. */
  turns({ cycle, count }: FoldedFrames): void {
    let python = 0;
    let length = 0;
    for (const frame of this.frames.toReversed()) {
      if (frame.kind === "folded" || (frame.kind === "python" && python === cycle)) break;
      if (frame.kind === "python") python += 1;
      length += 1;
    }
    this.frames.push({ kind: "folded", cycle: python === cycle ? length : cycle, count });
    this.#callee = null;
  }

  /** Two gaps side by side are one gap, seen from both sides: the Python one is told. */
  folded(item: FoldedFrames): void {
    if (this.frames.at(-1)?.kind === "folded") this.frames.pop();
    this.frames.push(item);
  }
}

/** A block and the segments that are tied to it; a gap that both have is shown once. */
function show(list: FrameList, block: Block | undefined, segments: readonly Segment[], aligned: boolean): void {
  const native = block?.native ?? [];
  const python = segments.flatMap((segment) => segment.python);
  const [inNative, inPython] = [native, python].map((items) => items.findIndex(({ kind }) => kind === "folded"));
  const fold = python[inPython ?? -1];
  if (aligned && inNative !== undefined && inNative >= 0 && inPython !== undefined && fold?.kind === "folded") {
    list.native(native.slice(0, inNative), 0);
    list.python(python.slice(0, inPython));
    list.turns(fold);
    list.native(native.slice(inNative + 1), block?.evaluator ?? 0);
    list.python(python.slice(inPython + 1));
    return;
  }
  list.native(native, block?.evaluator ?? 0);
  list.python(python);
}

export function merge(input: MergeInput): Merged {
  const anchors = toSegments(input.python).flatMap(({ anchor }) => anchor ?? []);
  const aligned = alignFolds(input.native, input.python, anchors);
  const segments = toSegments(input.python, aligned !== null);
  const { blocks, outer } = toBlocks(aligned ?? input.native, anchors);
  const ties = tie(blocks, segments, input.nativeComplete && input.pythonComplete);
  const list = new FrameList(segments.length > 0);
  const tied = ties.reduce((sum, { more }) => sum + 1 + more, 0);
  const counted = { evaluators: blocks.length, entries: segments.length, tied };
  let block = 0;
  let segment = 0;
  for (const { block: tiedBlock, segment: tiedSegment, more } of ties) {
    for (; block < tiedBlock; block += 1) list.native(blocks[block]?.native ?? [], 0);
    for (; segment < tiedSegment; segment += 1) list.python(segments[segment]?.python ?? []);
    show(list, blocks[block], segments.slice(segment, tiedSegment + more + 1), aligned !== null);
    segment = tiedSegment + more + 1;
    block += 1;
  }
  // A native stack that was cut ends before the Python calls further out begin; one that was not goes on around them.
  const restOfNative = [...blocks.slice(block).flatMap((each) => each.native), ...outer];
  list.native(restOfNative, 0);
  for (const rest of segments.slice(segment)) list.python(rest.python);
  return { frames: list.frames, ...counted };
}
