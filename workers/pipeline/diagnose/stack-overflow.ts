/** The stack ran into its end: the fault is at the stack pointer, below the stack's mapping or in its guard page. */
import type { FoldedFrames, Frame, NativeFrame, PythonFrame, Thread } from "../../../services/contract/thread.ts";
import type { CoreFacts, CoreSegment } from "../../../services/intake/core/core-facts.ts";
import type { Evidence, Finding } from "./evidence.ts";
import type { CrashSite } from "../crash-site.ts";
import { accessOf, hex, mappingAbove, segmentAt, stackPointer } from "./machine-access.ts";
import { limitsInForce } from "./stack-limits.ts";

/** A function's frame may be large; the kernel's guard gap below a growing stack is 1 MiB (256 pages). */
const guardGap = 1n << 20n;
/** The kernel leaves at least 128 MiB below the main thread's stack free (mmap_base). */
const furthest = 128n << 20n;
const nearTheEnd = 65_536n;
/** The largest signal frame: with AMX the kernel saves more than 11 KiB. */
const lastPages = 16_384n;

/**
 * The stack whose low end the stack pointer has reached; null when it has not.
 *
 * From Linux 6.13 and glibc 2.42 on a thread's guard lies inside the mapping of its stack (MADV_GUARD_INSTALL), so the mapping may be
 * written to and the kernel says all the same that nothing is mapped at the address.
 */
function endedStack(core: CoreFacts, address: bigint, sp: bigint, code: string | null): CoreSegment | null {
  if (address > sp + nearTheEnd || address + guardGap < sp) return null;
  const at = segmentAt(core, address);
  if (at?.writable === true && code === "SEGV_MAPERR") return at;
  if (at !== null && (at.readable || at.writable)) return null;
  const above = stackAbove(core, at === null ? address : BigInt(at.end) - 1n);
  if (above === null || !above.writable) return null;
  const start = BigInt(above.start);
  // One frame may be larger than the guard: only of the main thread's stack is it known that nothing else lies below.
  const reach = isMainStack(core, above) ? furthest : guardGap;
  return address + reach > start && sp + reach > start && sp < start + nearTheEnd ? above : null;
}

/** The next mapping up, a guard below it passed over. */
function stackAbove(core: CoreFacts, address: bigint): CoreSegment | null {
  const above = mappingAbove(core, address)?.segment ?? null;
  if (above === null || above.readable || above.writable) return above;
  const next = segmentAt(core, BigInt(above.end));
  return next !== null && BigInt(above.end) - BigInt(above.start) <= guardGap ? next : null;
}

/** The kernel put the program's name and random bytes at the top of the main thread's stack. */
const isMainStack = ({ auxv }: CoreFacts, { start, end }: CoreSegment) =>
  ["AT_RANDOM", "AT_EXECFN"].some((name) => auxv[name] !== undefined && BigInt(auxv[name]) >= BigInt(start) && BigInt(auxv[name]) < BigInt(end));

/**
 * Where the kernel found no room on the stack even for a handler's frame, it ends the process with SI_KERNEL and no address: the stack
 * pointer is then in the last pages, above memory that may not be touched, or in that memory itself.
 */
function usedUpStack(core: CoreFacts, site: CrashSite, sp: bigint): CoreSegment | null {
  const stack = segmentAt(core, sp);
  if (stack === null || (!stack.readable && !stack.writable)) {
    const above = mappingAbove(core, stack === null ? sp : BigInt(stack.end) - 1n);
    return above !== null && above.segment.writable && above.before < guardGap && sp + guardGap > BigInt(above.segment.start) ? above.segment : null;
  }
  if (!stack.writable || sp - BigInt(stack.start) >= lastPages) return null;
  const below = segmentAt(core, BigInt(stack.start) - 1n);
  return (below !== null && !below.readable && !below.writable) || touchesStack(site, sp) ? stack : null;
}

/** Whether the instruction touches memory at the stack pointer and nowhere else: what the mapping allows, and the guard inside it does not. */
function touchesStack({ operands, instruction }: CrashSite, sp: bigint): boolean {
  const addresses = operands.flatMap(({ address }) => (address === null ? [] : [BigInt(address)]));
  const near = (address: bigint) => address + nearTheEnd > sp && address < sp + nearTheEnd;
  if (addresses.length < operands.length || !addresses.every(near)) return false;
  return addresses.length > 0 || /^(push|call)/.test(instruction ?? "");
}

export interface Cycle {
  /** Functions of one round, innermost first. */
  readonly functions: readonly string[];
  readonly rounds: number;
}

const nameOf = (frame: NativeFrame | PythonFrame) =>
  (frame.kind === "native" ? frame.function : (frame.qualname ?? frame.defined_as ?? frame.function)) ?? "??";

const longestRound = 12;
const fewestRounds = 8;

/** Of a stack with too few frames to be folded: each of them is large. */
function unfoldedCycle(frames: readonly Frame[]): Cycle | null {
  const names = frames.flatMap((frame) => (frame.kind === "folded" ? [] : [nameOf(frame)]));
  for (let length = 1; length <= longestRound; length += 1) {
    for (let start = 0; start < longestRound; start += 1) {
      let end = start + length;
      while (end < names.length && names[end] === names[end - length]) end += 1;
      const rounds = Math.floor((end - start) / length);
      const functions = names.slice(start, start + length);
      if (rounds >= fewestRounds && !functions.includes("??")) return { functions, rounds };
    }
  }
  return null;
}

/** The largest repetition of a stack: its frames stand right before the fold. */
export function cycleOf(frames: readonly Frame[]): Cycle | null {
  let found: { at: number; fold: FoldedFrames } | null = null;
  for (const [at, frame] of frames.entries()) {
    if (frame.kind !== "folded" || frame.count < 2) continue;
    if (found === null || frame.count * frame.cycle > found.fold.count * found.fold.cycle) found = { at, fold: frame };
  }
  if (found === null) return unfoldedCycle(frames);
  const round = frames.slice(Math.max(0, found.at - found.fold.cycle), found.at);
  const functions = round.flatMap((frame) => (frame.kind === "folded" ? [] : [nameOf(frame)]));
  return { functions, rounds: found.fold.count + 1 };
}

const shown = ({ functions, rounds }: Cycle) => `${[...new Set(functions)].slice(0, 6).join(", ")} (${functions.length} frames, ${rounds} times)`;

function who(thread: Thread | undefined): { readonly python: Cycle | null; readonly native: Cycle | null } {
  return { python: thread === undefined ? null : cycleOf(thread.python_frames), native: thread === undefined ? null : cycleOf(thread.native_frames) };
}

interface UsedUp {
  readonly stack: CoreSegment;
  readonly address: bigint | null;
  readonly sp: bigint;
}

/** One array of a function may be as large; more is a stack pointer that was lost. */
const largestFrame = 1n << 30n;
/** Below the stack pointer a function that calls none may use so much (System V ABI, x86-64). */
const redZone = 128n;

/**
 * The stack that a single frame is too large for: its caller still stands in it, its own stack pointer is below, and the access is between the
 * two. What lies there (another thread's guard, reserved memory, nothing) does not matter.
 */
function overstepped({ core, site, native }: UsedUpEvidence, address: bigint, sp: bigint): CoreSegment | null {
  const frames = native?.threads.find(({ lwp }) => lwp === core.crashedLwp)?.frames.filter((frame) => frame.kind === "native") ?? [];
  const at = frames.findIndex(({ pc }) => pc === site.pc);
  const caller = at < 0 ? undefined : frames.slice(at + 1).find((frame) => !frame.inlined && frame.sp !== null && BigInt(frame.sp) !== sp);
  if (caller?.sp == null || caller.trust === "scan" || caller.signal_trampoline) return null;
  const callers = BigInt(caller.sp);
  if (callers <= sp || callers - sp > largestFrame || address + redZone < sp || address >= callers) return null;
  const stack = segmentAt(core, callers);
  return stack?.writable === true && sp < BigInt(stack.start) && address < BigInt(stack.start) ? stack : null;
}

type UsedUpEvidence = Pick<Evidence, "core" | "site" | "native">;

/** The stack whose end was met; null for any other death. */
export function usedUp(evidence: UsedUpEvidence): UsedUp | null {
  const { core, site } = evidence;
  const { signal } = site;
  if (signal === null || site.sent || (signal.name !== "SIGSEGV" && signal.name !== "SIGBUS")) return null;
  const { address } = accessOf(site);
  const sp = stackPointer(site);
  if (sp === null) return null;
  const stack =
    address !== null
      ? (endedStack(core, address, sp, signal.code) ?? overstepped(evidence, address, sp))
      : signal.code === "SI_KERNEL"
        ? usedUpStack(core, site, sp)
        : null;
  return stack === null ? null : { stack, address, sp };
}

export const stackOverflow: Finding = (evidence) => {
  const { core, threads, python } = evidence;
  const ended = usedUp(evidence);
  if (ended === null) return null;
  const { stack, address, sp } = ended;
  const where =
    address === null
      ? `The stack pointer ${hex(sp)} is at the low end of the stack ${stack.start}-${stack.end} or in its guard page: there was no room left even to run a signal handler`
      : `The access to ${hex(address)} is at the stack pointer ${hex(sp)}, beyond the low end of the stack ${stack.start}-${stack.end}`;
  const cycle = who(threads.find((thread) => thread.crashed));
  const size = Number(BigInt(stack.end) - BigInt(stack.start));
  const limit = python?.facts["recursion_limit"];
  const main = isMainStack(core, stack);
  const inForce = limitsInForce(evidence, { ...ended, main });
  const told = [
    cycle.python === null ? "" : ` Python recursed: ${shown(cycle.python)}.`,
    cycle.native === null ? "" : ` C recursed: ${shown(cycle.native)}.`,
    inForce.told,
  ];
  const kind = cycle.python !== null ? "Python and C recursed without end" : cycle.native !== null ? "C code recursed without end" : "The stack is used up";
  return {
    code: "stack_overflow",
    title: `Stack overflow: ${kind}`,
    detail: `${where} (${size} bytes).${told.join("")} Bound the recursion, or give the thread a larger stack (ulimit -s, threading.stack_size) if the depth is meant.`,
    confidence: address === null ? "likely" : "certain",
    lwp: core.crashedLwp,
    evidence: {
      address: address === null ? null : hex(address),
      stack_pointer: hex(sp),
      stack: { start: stack.start, end: stack.end, size, kind: main ? "main" : "thread" },
      native_cycle: cycle.native,
      python_cycle: cycle.python,
      recursion_limit: typeof limit === "number" ? limit : null,
      limits: inForce.limits,
    },
    links: [],
  };
};
