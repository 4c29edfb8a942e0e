/**
 * What a blocked thread waits for, by its system call and the call's arguments.
 *
 * `select` and `poll` without a file are sleeps: time.sleep was one up to 3.10. A futex may be any lock; only one whose word is
 * the GIL's own says which.
 */
import type { HelperSystemCall } from "./helper-answer.ts";

export type BlockedState = "waiting_gil" | "sleeping" | "waiting_process" | "waiting_lock" | "waiting_io";

const states: readonly (readonly [BlockedState, RegExp])[] = [
  ["sleeping", /^(nanosleep|clock_nanosleep|pause)$/],
  ["waiting_process", /^(wait4|waitpid|waitid)$/],
  ["waiting_lock", /^futex/],
];

/** Which argument counts the files that are waited for. */
const fileCounts: Readonly<Record<string, number>> = { select: 0, pselect6: 0, poll: 1, ppoll: 1 };

export interface CallState {
  readonly state: BlockedState;
  /** False where the functions' names may know better. */
  readonly certain: boolean;
}

/** Null for a call without a name here. */
export function callState({ name, arguments: words, waits_for_gil: waitsForGil }: HelperSystemCall): CallState | null {
  if (name === null) return null;
  if (waitsForGil === true) return { state: "waiting_gil", certain: true };
  const counter = fileCounts[name];
  const count = counter === undefined ? null : (words[counter] ?? null);
  if (count !== null && BigInt(count) === 0n) return { state: "sleeping", certain: true };
  const state = states.find(([, names]) => names.test(name))?.[0] ?? "waiting_io";
  // Where the count of files was overwritten, a sleep looks like a wait.
  return { state, certain: state !== "waiting_lock" && (counter === undefined || count !== null) };
}
