/** The Python part of a signature: the innermost functions of the user, without lines, the same on every machine. */
import type { Report } from "../contract/report.ts";
import type { Thread } from "../contract/thread.ts";
import { findCycle, turned } from "./cycle.ts";
import { dropped, kept, type KeyedFrame } from "./keyed-frame.ts";
import { programRoot, pythonName, pythonPlace } from "./python-place.ts";
import { pythonRule } from "./python-rules.ts";

const mostKept = 3;
const mostTold = 40;

interface Call extends KeyedFrame {
  readonly standard: boolean;
}

/** A fold stands for the frames before it, so often more: enough of them are put back to be seen as a cycle. */
function calls(report: Report, thread: Thread): Call[] {
  const root = programRoot(report.threads, report.process.pid);
  const out: Call[] = [];
  for (const frame of thread.python_frames) {
    if (frame.kind === "folded") {
      const cycle = frame.count > 1 ? out.slice(-frame.cycle) : [];
      for (let turn = 0; turn < Math.min(frame.count, 3); turn += 1) out.push(...cycle);
      continue;
    }
    const place = pythonPlace(frame.file, root);
    const name = pythonName(frame);
    const key = `${place.module}.${name}`;
    const rule = pythonRule(place, frame.function);
    if (rule !== null) out.push({ ...dropped(key, rule.why), standard: place.of === "standard library" });
    else
      out.push({
        ...kept(key, place.of === "package" ? "a function of an installed package" : "the user's own function"),
        standard: place.of === "standard library",
      });
  }
  return out;
}

/** Of the standard library only the function counts that the user's code called: what it calls itself differs between versions. */
function withoutInsides(all: readonly Call[]): Call[] {
  return all.map((call, index) => {
    if (!call.kept || !call.standard) return call;
    const outer = all.slice(index + 1).find((each) => each.kept);
    return outer === undefined || !outer.standard
      ? { ...call, why: "the function of the standard library that was called" }
      : { ...call, ...dropped(call.key, "inside the standard library") };
  });
}

export interface PythonKeys {
  readonly frames: readonly KeyedFrame[];
  /** The kept key of the innermost function that is not the standard library's. */
  readonly own: string | null;
  /** True when the kept keys are the cycle of a recursion. */
  readonly recursion: boolean;
}

export function pythonKeys(report: Report, thread: Thread, overflow: boolean): PythonKeys {
  const all = withoutInsides(calls(report, thread));
  const keys = all.flatMap((call) => (call.kept ? [call.key] : []));
  const own = all.find((call) => call.kept && !call.standard)?.key ?? null;
  const cycle = findCycle(keys);
  const out: KeyedFrame[] = [];
  const counts = new Set<number>();
  const recursion = cycle !== null && (cycle.start === 0 || overflow);
  if (cycle !== null && recursion) {
    const wanted = turned(keys.slice(cycle.start, cycle.start + cycle.length));
    return {
      recursion,
      own,
      frames: [
        ...wanted.map((key) => kept(key, "of the recursion's cycle")),
        ...all.slice(0, mostTold).map(({ key }) => dropped(key, "a turn of the recursion, or outside it")),
      ],
    };
  }
  let last: string | null = null;
  for (const { key, kept: wanted, why } of all.slice(0, mostTold)) {
    if (!wanted) out.push(dropped(key, why));
    else if (key === last) out.push(dropped(key, "the same as the frame before"));
    else if (counts.size >= mostKept) out.push(dropped(key, `outside the ${mostKept} innermost that count`));
    else {
      out.push(kept(key, why));
      counts.add(out.length);
    }
    if (wanted) last = key;
  }
  return { frames: out, own, recursion };
}
