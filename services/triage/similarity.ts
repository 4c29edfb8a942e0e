/**
 * How alike two stacks are, from 0 to 1, by the keys of their signatures.
 *
 * As CASR measures it: each pair of equal frames counts the more the nearer both are to the crash and the less they are shifted
 * against each other; the best order-keeping choice of pairs, by dynamic programming, relative to the best there could be.
 */
const towardsOutside = 0.04;
const shifted = 0.13;

export function similarity(one: readonly string[], other: readonly string[]): number {
  if (one.length === 0 || other.length === 0) return one.length === other.length ? 1 : 0;
  let above = new Float64Array(other.length + 1);
  for (const [row, key] of one.entries()) {
    const current = new Float64Array(other.length + 1);
    for (const [column, otherKey] of other.entries()) {
      const pair = key === otherKey ? (above[column] ?? 0) + Math.exp(-towardsOutside * Math.min(row, column) - shifted * Math.abs(row - column)) : 0;
      current[column + 1] = Math.max(pair, above[column + 1] ?? 0, current[column] ?? 0);
    }
    above = current;
  }
  let best = 0;
  for (let row = 0; row < Math.max(one.length, other.length); row += 1) best += Math.exp(-towardsOutside * row);
  return Math.min(1, (above[other.length] ?? 0) / best);
}
