/** Which of two release names is the later one, where their form tells: `1.10.0` after `1.9`, `2024-05-01` after `2024-04-30`. */
const form = /^v?(\d+(?:[.\-_]\d+)*)(?:[-+.]?([a-z][\w.]*))?$/i;

/** Negative: `one` is earlier. Null: nobody can say, as with commit hashes. A release with a level (`2.0rc1`) comes before the one without. */
export function compareReleases(one: string, other: string): number | null {
  if (one === other) return 0;
  const [first, second] = [form.exec(one), form.exec(other)];
  if (first === null || second === null) return null;
  const [numbers, others] = [first, second].map((match) => (match[1] ?? "").split(/[.\-_]/).map(Number));
  for (let index = 0; index < Math.max(numbers?.length ?? 0, others?.length ?? 0); index += 1) {
    const difference = (numbers?.[index] ?? 0) - (others?.[index] ?? 0);
    if (difference !== 0) return difference;
  }
  const [level, otherLevel] = [first[2] ?? "", second[2] ?? ""];
  if (level === otherLevel) return 0;
  if (level === "" || otherLevel === "") return level === "" ? 1 : -1;
  return level < otherLevel ? -1 : 1;
}
