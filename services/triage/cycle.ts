/** Repeats in a list of keys: the same call again and again, and the cycle of a recursion. */
const longestCycle = 12;
const fewestTurns = 3;

/** The cycle turned so that the same recursion gives the same keys wherever its stack ended. */
export function turned(cycle: readonly string[]): string[] {
  const turns = cycle.map((_, start) => [...cycle.slice(start), ...cycle.slice(0, start)]);
  return turns.toSorted((one, other) => (one.join("\n") < other.join("\n") ? -1 : 1))[0] ?? [];
}

export interface Cycle {
  /** Where its first turn begins. */
  readonly start: number;
  readonly length: number;
  /** Behind its last turn. */
  readonly end: number;
}

/** The first shortest run of keys that repeats at least three times. A cycle of one key counts too. */
export function findCycle(keys: readonly string[]): Cycle | null {
  for (let start = 0; start + fewestTurns <= keys.length; start += 1) {
    for (let length = 1; length <= longestCycle && start + length * fewestTurns <= keys.length; length += 1) {
      let end = start + length;
      while (end < keys.length && keys[end] === keys[end - length]) end += 1;
      if (end - start >= length * fewestTurns) return { start, length, end };
    }
  }
  return null;
}
