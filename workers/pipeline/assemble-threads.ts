/** The threads of the report: each LWP of the core with what either helper told of it, merged. The crashed one comes first. */
import type { Warning } from "../../services/contract/report.ts";
import type { FoldedFrames, NativeFrame, Thread } from "../../services/contract/thread.ts";
import type { CoreFacts } from "../../services/intake/core/core-facts.ts";
import type { HelperNativeFrame, HelperNativeThread, HelperPythonThread, HelperSystemCall, NativeAnswer, PythonAnswer } from "./helper-answer.ts";
import { isExecutable } from "./executable-memory.ts";
import { merge, toNativeFrame, toPythonFrame } from "./merge.ts";
import type { NativeItem } from "./merge-units.ts";
import { gilState, threadState } from "./thread-state.ts";
import { withWaits } from "./waits.ts";

export interface ThreadInput {
  readonly core: CoreFacts;
  readonly python: PythonAnswer | null;
  readonly native: NativeAnswer | null;
  readonly mostThreads: number;
  /** By path, of the files that were taken for modules. */
  readonly fileBuildIds?: ReadonlyMap<string, string>;
}

interface Parts {
  readonly lwp: number | null;
  readonly native: HelperNativeThread | null;
  /** Several when subinterpreters share the thread. */
  readonly python: readonly ListedThread[];
}

/** With its place in the list of threads. */
interface ListedThread extends HelperPythonThread {
  readonly index: number;
}

const anchorOf = (thread: HelperPythonThread): bigint | null => {
  for (const frame of thread.frames) if (frame.kind === "python" && frame.anchor !== null) return BigInt(frame.anchor);
  return null;
};

/** Thread states of one OS thread, the innermost on the C stack first: by address where it is known, else the newer interpreter. */
function innermostFirst(a: HelperPythonThread, b: HelperPythonThread): number {
  const [anchorA, anchorB] = [anchorOf(a), anchorOf(b)];
  if (anchorA !== null && anchorB !== null && anchorA !== anchorB) return anchorA < anchorB ? -1 : 1;
  return (b.interpreter_id ?? 0) - (a.interpreter_id ?? 0);
}

/** A Python thread that no LWP could be found for is given the only one that is left, where there is no choice. */
function adopt(lwps: readonly (number | null)[], python: readonly HelperPythonThread[], warnings: Warning[]): readonly HelperPythonThread[] {
  const lost = python.filter((thread) => thread.lwp === null && thread.frames.length > 0);
  const taken = new Set(python.map((thread) => thread.lwp));
  const free = lwps.filter((lwp) => lwp !== null && !taken.has(lwp));
  const [only] = free;
  if (lost.length !== 1 || free.length !== 1 || only === undefined) return python;
  warnings.push({ code: "thread_matched_by_elimination", detail: `the Python thread without an LWP was taken to be ${only}, the only one left` });
  return python.map((thread) => (thread === lost[0] ? { ...thread, lwp: only } : thread));
}

function collect({ core, python, native, mostThreads }: ThreadInput, warnings: Warning[]): Parts[] {
  const lwps = [...new Set([...core.threads.map((thread) => thread.lwp), ...(native?.threads ?? []).flatMap((thread) => thread.lwp ?? [])])];
  const pythonThreads = adopt(lwps, python?.threads ?? [], warnings).map((thread, index): ListedThread => ({ ...thread, index }));
  const nativeByLwp = new Map((native?.threads ?? []).map((thread) => [thread.lwp, thread]));
  const pythonByLwp = Map.groupBy(pythonThreads, (thread) => thread.lwp);
  const known: Parts[] = lwps.map((lwp) => ({ lwp, native: nativeByLwp.get(lwp) ?? null, python: (pythonByLwp.get(lwp) ?? []).toSorted(innermostFirst) }));
  const others: Parts[] = pythonThreads
    .filter((thread) => thread.lwp === null || !lwps.includes(thread.lwp))
    .map((thread) => ({ lwp: thread.lwp, native: null, python: [thread] }));
  const parts = [...known, ...others].toSorted((a, b) => Number(b.lwp === core.crashedLwp) - Number(a.lwp === core.crashedLwp));
  if (parts.length > mostThreads) warnings.push({ code: "threads_left_out", detail: `${parts.length} threads were found, ${mostThreads} are told` });
  return parts.slice(0, mostThreads);
}

/**
 * Without call frame information the unwinder guesses from the stack's contents. A guess that points to where no code can be
 * is no frame, and with any guess the stack is not known to be whole.
 */
function withoutIdleGuesses(frames: readonly NativeItem[], core: CoreFacts): readonly NativeItem[] {
  return frames.filter(
    (frame, index) => index === 0 || frame.kind === "folded" || frame.trust !== "scan" || (frame.pc !== null && isExecutable(core, frame.pc)),
  );
}

function toThread(
  { lwp, native, python }: Parts,
  core: CoreFacts,
  completeFrame: (frame: HelperNativeFrame) => HelperNativeFrame,
  call: HelperSystemCall | null,
  warnings: Warning[],
): Thread {
  const nativeFrames = withoutIdleGuesses(native?.frames ?? [], core).map((frame) => (frame.kind === "folded" ? frame : completeFrame(frame)));
  const pythonFrames = python.flatMap((thread) => thread.frames);
  const nativeComplete =
    native !== null && !native.truncated && native.stop_reason === null && !nativeFrames.some((frame) => frame.kind === "native" && frame.trust === "scan");
  const pythonComplete = python.every((thread) => !thread.truncated);
  const { frames, entries, evaluators, tied } = merge({ native: nativeFrames, nativeComplete, python: pythonFrames, pythonComplete });
  if (nativeFrames.length > 0 && tied < entries) {
    const why = native?.stop_reason === null || native === null ? "" : ` (gdb: ${native.stop_reason})`;
    const detail = `thread ${lwp ?? "of unknown LWP"}: C called Python in ${entries} places, the native stack shows ${evaluators} of them${why}, and ${tied} could be tied; the other Python frames stand on their own`;
    warnings.push({ code: "merge_partial", detail });
  }
  const crashed = lwp !== null && lwp === core.crashedLwp && !core.processAlive;
  const holdsGil =
    python.length === 0 ? null : python.some((thread) => thread.holds_gil === true) ? true : python.some((thread) => thread.holds_gil === false) ? false : null;
  const state = threadState({ native: nativeFrames, crashed, holdsGil, call });
  const [first] = python;
  return {
    lwp,
    name: python.find((thread) => thread.name !== null)?.name ?? null,
    crashed,
    python_thread_id: first?.python_thread_id ?? null,
    python_index: first?.index ?? null,
    interpreter_id: first?.interpreter_id ?? null,
    gil: gilState(holdsGil, state),
    state,
    waits_for: null,
    exception: python.find((thread) => thread.exception !== null)?.exception ?? null,
    frames: [...frames],
    native_frames: nativeFrames.map((frame): NativeFrame | FoldedFrames => (frame.kind === "folded" ? frame : toNativeFrame(frame))),
    python_frames: pythonFrames.map((frame) => (frame.kind === "folded" ? frame : toPythonFrame(frame))),
    truncated: native?.truncated === true || !pythonComplete,
  };
}

export function assembleThreads(input: ThreadInput, warnings: Warning[]): Thread[] {
  const buildIds = new Map(input.core.modules.map(({ path, buildId }) => [path, buildId ?? input.fileBuildIds?.get(path) ?? null]));
  const completeFrame = (frame: HelperNativeFrame): HelperNativeFrame =>
    frame.build_id !== null || frame.module === null ? frame : { ...frame, build_id: buildIds.get(frame.module) ?? null };
  const calls = new Map((input.python?.system_calls ?? []).map((call) => [call.lwp, call]));
  const threads = collect(input, warnings).map((parts) => toThread(parts, input.core, completeFrame, calls.get(parts.lwp ?? -1) ?? null, warnings));
  return withWaits(threads, input.python);
}
