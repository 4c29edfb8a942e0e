/**
 * faulthandler's dump beside the core's threads: the same threads, on the same lines?
 *
 * A thread is known by the address of its `struct pthread`, which another process has only where addresses are not randomised; the
 * frames decide then.
 */
import type { LogSummary } from "../../../services/contract/report.ts";
import type { PythonFrame, Thread } from "../../../services/contract/thread.ts";
import { type DumpedFrame, type DumpedThread, dumpedText, type FaulthandlerDump } from "../../../services/logs/faulthandler.ts";
import { signalOfFault } from "./faults.ts";

export interface Comparison {
  readonly agreement: LogSummary["agreement"];
  readonly differences: readonly string[];
}

export interface Compared {
  readonly pid: number | null;
  readonly signal: string | null;
  readonly threads: readonly Thread[];
  readonly interpreters: number;
}

const mostDifferences = 20;

const told = (text: string | null) => (text === null ? null : dumpedText(text));
const isSame = (dumped: DumpedFrame, frame: PythonFrame | undefined) =>
  frame !== undefined && told(frame.function) === dumped.function && told(frame.file) === dumped.file && frame.line === dumped.line;
const placeOf = (frame: { readonly file: string | null; readonly line: number | null; readonly function: string | null } | undefined) =>
  frame === undefined ? "no frame" : `${frame.file ?? "???"}:${frame.line ?? "???"} in ${frame.function ?? "???"}`;
const named = (thread: DumpedThread) => `thread ${thread.id ?? "of the dump"}`;

/** Where the frames part; null when they do not, as far as both tell them. */
function framesPart(dumped: DumpedThread, thread: Thread, interpreters: number): string | null {
  const folded = thread.python_frames.findIndex((frame) => frame.kind === "folded");
  const frames = thread.python_frames.filter((frame): frame is PythonFrame => frame.kind === "python");
  // The dump tells the frames of one interpreter, the report those of all that share the thread.
  if (interpreters > 1) {
    let next = 0;
    for (const frame of frames) {
      const wanted = dumped.frames[next];
      if (wanted !== undefined && isSame(wanted, frame)) next += 1;
    }
    return next === dumped.frames.length ? null : `the core has no ${placeOf(dumped.frames[next])}`;
  }
  const compared = Math.min(dumped.frames.length, folded < 0 ? Number.POSITIVE_INFINITY : folded);
  for (const [index, frame] of dumped.frames.slice(0, compared).entries()) {
    if (!isSame(frame, frames[index])) return `frame ${index} is ${placeOf(frame)} in the log, ${placeOf(frames[index])} in the core`;
  }
  const more = frames.length - dumped.frames.length;
  return dumped.cut || folded >= 0 || thread.truncated || more <= 0 ? null : `the log ends ${more} frames before the core's outermost one`;
}

export function compareDump(dump: FaulthandlerDump, core: Compared): Comparison {
  const known = new Map(core.threads.flatMap((thread) => (thread.python_thread_id === null ? [] : [[thread.python_thread_id, thread] as const])));
  if (known.size === 0 || dump.threads.length === 0) return { agreement: null, differences: [] };
  const crashed = core.threads.find((thread) => thread.crashed);
  const differences: string[] = [];
  let met = 0;
  for (const dumped of dump.threads) {
    const thread = dumped.id === null ? crashed : known.get(dumped.id);
    if (thread === undefined) {
      differences.push(`${named(dumped)} is not in the core`);
      continue;
    }
    met += 1;
    if (dumped.current && dump.reason === "fatal" && crashed !== undefined && thread !== crashed)
      differences.push(`${named(dumped)} died in the log, ${crashed.python_thread_id ?? `LWP ${crashed.lwp ?? "unknown"}`} in the core`);
    const part = framesPart(dumped, thread, core.interpreters);
    if (part !== null) differences.push(`${named(dumped)}: ${part}`);
  }
  if (met === 0) return { agreement: "other_process", differences: ["no thread of the log is in the core"] };
  const whole = dump.threads.every((dumped) => dumped.id !== null) && !dump.threadsCut && core.interpreters === 1;
  const dumpedIds = new Set(dump.threads.map((dumped) => dumped.id));
  if (whole) for (const id of known.keys()) if (!dumpedIds.has(id)) differences.push(`thread ${id} of the core is not in the log`);
  const signal = dump.reason === "fatal" ? (signalOfFault(dump.message) ?? "SIGABRT") : null;
  if (signal !== null && core.signal !== null && core.signal !== signal)
    differences.push(`the log's error is raised with ${signal}, the core's signal is ${core.signal}`);
  return { agreement: differences.length === 0 ? "same" : "differs", differences: differences.slice(0, mostDifferences) };
}
