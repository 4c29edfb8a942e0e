/**
 * Threads that wait for each other: a cycle of waits without a time limit, each for what the next one holds.
 *
 * A lock that records its owner (RLock, a module's import lock, a C mutex, a thread that is joined, the GIL) proves its part of the
 * cycle; a plain Lock records none, so a thread inside a `with` of it stands for the owner, and the finding is only likely.
 */
import type { Diagnosis } from "../../../services/contract/report.ts";
import type { NativeFrame, Thread, WaitsFor } from "../../../services/contract/thread.ts";
import { waitText } from "../../../services/text/wait-text.ts";
import { systemName } from "../thread-state.ts";
import type { Evidence, Finding } from "./evidence.ts";

interface Waiting {
  readonly thread: Thread;
  readonly wait: WaitsFor;
}

const nameOf = ({ lwp, name }: Pick<Thread, "lwp" | "name">) => (name === null ? `thread ${lwp}` : `${name} (${lwp})`);

/** Threads named in a title. */
const most = 4;

/** Waits that last until another thread acts. */
function lasting(threads: readonly Thread[]): ReadonlyMap<number, Waiting> {
  const waiting = threads.flatMap((thread): [number, Waiting][] => {
    const { lwp, waits_for: wait } = thread;
    return lwp === null || wait === null || wait.owner_lwp === null || wait.timed === true ? [] : [[lwp, { thread, wait }]];
  });
  return new Map(waiting);
}

/** The largest cycle, beginning with its least LWP. */
export function cycleOfWaits(threads: readonly Thread[]): readonly Waiting[] {
  const waiting = lasting(threads);
  let largest: Waiting[] = [];
  for (const start of [...waiting.keys()].toSorted((a, b) => a - b)) {
    const passed: Waiting[] = [];
    const seen = new Set<number>();
    for (let at = waiting.get(start); at !== undefined && !seen.has(at.thread.lwp ?? 0); at = waiting.get(at.wait.owner_lwp ?? 0)) {
      seen.add(at.thread.lwp ?? 0);
      passed.push(at);
    }
    if (passed.at(-1)?.wait.owner_lwp === start && passed.length > largest.length) largest = passed;
  }
  return largest;
}

/** Threads outside a cycle that wait, directly or not, for one inside. */
function behind(cycle: readonly Waiting[], threads: readonly Thread[]): number {
  const waiting = lasting(threads);
  const inside = new Set(cycle.map(({ thread }) => thread.lwp));
  const reaches = (lwp: number) => {
    const seen = new Set<number>();
    for (let at: number | null = lwp; at !== null && !seen.has(at); at = waiting.get(at)?.wait.owner_lwp ?? null) {
      if (inside.has(at)) return true;
      seen.add(at);
    }
    return false;
  };
  return [...waiting.keys()].filter((lwp) => !inside.has(lwp) && reaches(lwp)).length;
}

/** Nobody's fault ended it: it was alive, another process ended it, or it gave itself up. */
const hung = ({ core, site }: Evidence) => core.processAlive || site.sent || site.signal === null || site.signal.name === "SIGABRT";

function told(evidence: Evidence): Diagnosis | null {
  const cycle = cycleOfWaits(evidence.threads);
  const [first] = cycle;
  if (first === undefined) return null;
  const others = behind(cycle, evidence.threads);
  const drawn = cycle
    .slice(0, 12)
    .map(({ thread, wait }) => `${nameOf(thread)} waits for ${waitText(wait)}`)
    .join("; ");
  const proven = cycle.every(({ wait }) => wait.owner_known_by === "record");
  const alone = cycle.length === 1;
  const gil = alone && first.wait.kind === "gil";
  const advice = gil
    ? "PyGILState_Ensure may be called with the GIL held; PyEval_RestoreThread, PyEval_AcquireThread and Py_END_ALLOW_THREADS may not."
    : alone
      ? "An RLock may be taken again by the thread that has it."
      : "Take locks in one order everywhere, and none while waiting for another thread.";
  return {
    code: "deadlock",
    title: alone
      ? `Deadlock: ${nameOf(first.thread)} waits for ${gil ? "the GIL" : "a lock"} that it holds itself`
      : `Deadlock: ${cycle.length > most ? `${cycle.length} threads` : cycle.map(({ thread }) => nameOf(thread)).join(" and ")} wait for each other`,
    detail: `${drawn}. None of these waits has a time limit, so none of them ever ends${others === 0 ? "" : `; ${others} other thread${others === 1 ? " waits" : "s wait"} behind them`}. ${
      proven ? "The locks themselves record these owners." : "A plain lock records no owner: the thread inside a with block of it was taken for it."
    } ${advice}`,
    confidence: proven ? "certain" : "likely",
    lwp: first.thread.lwp,
    evidence: {
      cycle: cycle.map(({ thread, wait }) => ({ lwp: thread.lwp, name: thread.name, waits_for: wait })),
      waiting_behind: others,
    },
    links: [],
  };
}

export const deadlock: Finding = (evidence) => (hung(evidence) ? told(evidence) : null);

/** Of a process that died of a fault: true, but not why it died. */
export const deadlockBeside: Finding = (evidence) => (hung(evidence) ? null : told(evidence));

/** A lock whose owner cannot give it back: it ended, or it is a thread of the process that this one was forked from. */
export const abandonedLock: Finding = (evidence) => {
  if (!hung(evidence)) return null;
  const waiting = evidence.threads.filter(
    ({ waits_for: wait }) => wait?.owner_gone === true && wait.timed !== true && (wait.kind === "rlock" || wait.kind === "c_mutex"),
  );
  const [first] = waiting;
  if (first === undefined || first.waits_for === null) return null;
  return {
    code: "abandoned_lock",
    title: `${nameOf(first)} waits for ${waitText(first.waits_for)}`,
    detail: `The lock records an owner that is no thread of this process. ${first.waits_for.owner_lwp === null ? "That thread" : `Thread ${first.waits_for.owner_lwp}`} ended without giving it back, or it belongs to the process that this one was forked from: fork copies a locked lock, and not the thread that would unlock it.`,
    confidence: "likely",
    lwp: first.lwp,
    evidence: { waits_for: first.waits_for, threads: waiting.slice(0, 50).map((thread) => thread.lwp) },
    links: ["https://docs.python.org/3/library/os.html#os.fork"],
  };
};

const runtimes = /(^|\/)(lib(python|c|pthread|m|ffi)[-.\d]|ld-|python\d?)/;

/** The C function that blocks without giving the GIL up: the innermost that is neither the C library's nor the interpreter's. */
function culprit(thread: Thread): string | null {
  const above: NativeFrame[] = [];
  for (const frame of thread.frames) {
    if (frame.kind !== "native") break;
    above.push(frame);
  }
  const own = above.find((frame) => frame.module !== null && !runtimes.test(frame.module)) ?? null;
  return own?.function ?? own?.module ?? null;
}

const blocked = /^(sleeping|waiting_(lock|io|process))$/;

/** A thread that sleeps in the kernel and keeps the GIL, while others wait for it. */
export const gilWait: Finding = (evidence) => {
  const { threads } = evidence;
  if (!hung(evidence) || cycleOfWaits(threads).some(({ wait }) => wait.kind === "gil")) return null;
  const waiting = threads.filter((thread) => thread.waits_for?.kind === "gil");
  const holder = threads.find((thread) => thread.gil === "holder" && waiting.some((each) => each.waits_for?.owner_lwp === thread.lwp));
  if (holder === undefined || holder.state === null || !blocked.test(holder.state)) return null;
  const at = culprit(holder);
  const call = holder.frames[0]?.kind === "native" && holder.frames[0].function !== null ? systemName(holder.frames[0].function) : null;
  return {
    code: "gil_wait",
    title: `${nameOf(holder)} blocks${at === null ? "" : ` in ${at}`} and keeps the GIL; ${waiting.length} thread${waiting.length === 1 ? " waits" : "s wait"} for it`,
    detail: `C code that may block has to give the GIL up first (Py_BEGIN_ALLOW_THREADS). This thread sleeps in the kernel${call === null ? "" : ` (${call})`} and still has it, so no other thread can run Python.${
      holder.waits_for === null ? "" : ` It waits for ${waitText(holder.waits_for)}.`
    }`,
    confidence: "likely",
    lwp: holder.lwp,
    evidence: { holder_lwp: holder.lwp, state: holder.state, function: at, waiting_lwps: waiting.slice(0, 50).map((thread) => thread.lwp) },
    links: ["https://docs.python.org/3/c-api/init.html#releasing-the-gil-from-extension-code"],
  };
};
