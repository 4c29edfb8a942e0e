/** The limits that a used-up stack ran into: how large it was to be, and what Python counts beside it. */
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { Address, Nullable } from "../../../services/contract/common.ts";
import type { CoreSegment } from "../../../services/intake/core/core-facts.ts";
import type { Evidence } from "./evidence.ts";

/** `facts.stack_limits` (gdb-scripts/inquest/diagnose/limits.py). */
const StackLimits = Type.Object({
  depth: Nullable(Type.Integer()),
  c_recursion_remaining: Nullable(Type.Integer()),
  c_stack: Nullable(Type.Object({ top: Address, soft_limit: Address, hard_limit: Address })),
  thread_stack: Nullable(Type.Object({ start: Address, size: Type.Integer(), guard: Type.Integer() })),
});
type StackLimits = Static<typeof StackLimits>;

interface Ended {
  readonly stack: CoreSegment;
  readonly address: bigint | null;
  readonly sp: bigint;
  readonly main: boolean;
}

const page = 4096n;
/** The kernel keeps 256 pages free below a stack that grows, whatever its limit. */
const guardGap = 1n << 20n;

/** What the kernel's refusal to let the main thread's stack grow proves of `ulimit -s`, in bytes; null where a neighbour may have stopped it. */
function growthLimit({ core }: Evidence, { stack, address, main }: Ended): { readonly at_least: number; readonly below: number } | null {
  const [start, end] = [BigInt(stack.start), BigInt(stack.end)];
  if (!main || address === null || address >= start) return null;
  const touched = address - (address % page);
  const neighbour = core.segments.some((each) => BigInt(each.end) <= start && BigInt(each.end) + guardGap > touched);
  return neighbour ? null : { at_least: Number(end - start), below: Number(end - touched) };
}

const ofThread = (told: StackLimits | null, { stack, main }: Ended) => {
  const thread = told?.thread_stack ?? null;
  if (thread === null || main) return null;
  const start = BigInt(thread.start);
  return start < BigInt(stack.end) && start + BigInt(thread.size) > BigInt(stack.start) ? thread : null;
};

/** Sentences for the detail, each with a blank before it, and the same as evidence. */
export function limitsInForce(evidence: Evidence, ended: Ended): { readonly told: string; readonly limits: Readonly<Record<string, unknown>> } {
  const { facts = {} } = evidence.python ?? {};
  const fact = facts["stack_limits"];
  const known = Value.Check(StackLimits, fact) ? fact : null;
  const recursion = typeof facts["recursion_limit"] === "number" ? facts["recursion_limit"] : null;
  const thread = ofThread(known, ended);
  const growth = growthLimit(evidence, ended);
  const cStack = known?.c_stack ?? null;
  const exact = growth !== null && BigInt(growth.below - growth.at_least) <= page;
  const depth = known?.depth ?? null;
  const left = known?.c_recursion_remaining ?? null;
  const beyond = cStack === null ? null : Number(BigInt(cStack.hard_limit) - ended.sp);
  const sentences = [
    thread === null ? null : `The thread was given a stack of ${thread.size} bytes${thread.guard === 0 ? " without a guard" : ""}.`,
    exact
      ? `The main thread's stack could not grow any further: its limit was ${growth.at_least} bytes (ulimit -s ${Math.floor(growth.at_least / 1024)}).`
      : null,
    recursion === null
      ? null
      : `sys.getrecursionlimit() was ${recursion}${depth === null ? "" : `, of which ${depth} ${depth === 1 ? "call was" : "calls were"} in use`}.`,
    left === null ? null : `Python would have allowed ${Math.max(left, 0)} more levels of C recursion.`,
    cStack === null || beyond === null
      ? null
      : `Python raises RecursionError once the stack is down to ${cStack.soft_limit}; the stack pointer was ${Math.abs(beyond)} bytes ${beyond > 0 ? "below" : "above"} its last limit ${cStack.hard_limit}.`,
  ];
  return {
    told: sentences.map((each) => (each === null ? "" : ` ${each}`)).join(""),
    limits: { python_depth: depth, c_recursion_remaining: left, c_stack: cStack, thread_stack: thread, stack_growth: growth },
  };
}
