/** The longest common subsequence of two lists of keys, as pairs of places; a gap has null on one side. */
export interface Aligned {
  readonly one: number | null;
  readonly other: number | null;
}

export function align(one: readonly string[], other: readonly string[]): Aligned[] {
  const width = other.length + 1;
  // lengths[i * width + j]: of the best alignment of what is left from i and j on.
  const lengths = new Uint16Array((one.length + 1) * width);
  for (let i = one.length - 1; i >= 0; i -= 1) {
    for (let j = other.length - 1; j >= 0; j -= 1) {
      const place = i * width + j;
      const diagonal = lengths[place + width + 1] ?? 0;
      lengths[place] = one[i] === other[j] ? diagonal + 1 : Math.max(lengths[place + width] ?? 0, lengths[place + 1] ?? 0);
    }
  }
  const out: Aligned[] = [];
  let [i, j] = [0, 0];
  while (i < one.length || j < other.length) {
    const [below, beside] = [lengths[(i + 1) * width + j] ?? 0, lengths[i * width + j + 1] ?? 0];
    if (i < one.length && j < other.length && one[i] === other[j]) out.push({ one: i++, other: j++ });
    else if (i < one.length && (j >= other.length || below >= beside)) out.push({ one: i++, other: null });
    else out.push({ one: null, other: j++ });
  }
  return out;
}
