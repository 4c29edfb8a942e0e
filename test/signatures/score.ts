/** How well hashes follow labels, counted over all pairs of crashes. Pure. */
export interface Labelled {
  readonly label: string;
  readonly hash: string | null;
}

export interface Score {
  /** Of the pairs with one signature, those that are the same bug. */
  readonly precision: number;
  /** Of the pairs that are the same bug, those with one signature. */
  readonly recall: number;
  readonly pairs: number;
}

const pairsOf = (count: number) => (count * (count - 1)) / 2;

function pairsWithin(keys: Iterable<string | null>): number {
  const counts = new Map<string, number>();
  for (const key of keys) if (key !== null) counts.set(key, (counts.get(key) ?? 0) + 1);
  return [...counts.values()].reduce((sum, count) => sum + pairsOf(count), 0);
}

/** A crash without a signature is like none other. */
export function score(samples: readonly Labelled[]): Score {
  const sameLabel = pairsWithin(samples.map(({ label }) => label));
  const sameHash = pairsWithin(samples.map(({ hash }) => hash));
  const both = pairsWithin(samples.map(({ label, hash }) => (hash === null ? null : `${hash}\n${label}`)));
  return { precision: sameHash === 0 ? 1 : both / sameHash, recall: sameLabel === 0 ? 1 : both / sameLabel, pairs: pairsOf(samples.length) };
}

export interface Confusion {
  readonly what: "one bug, several signatures" | "several bugs, one signature";
  readonly key: string;
  readonly among: readonly string[];
}

export function confusions(samples: readonly (Labelled & { readonly told: string })[]): Confusion[] {
  const byLabel = Map.groupBy(samples, ({ label }) => label);
  const byHash = Map.groupBy(samples, ({ hash }) => hash);
  const split = [...byLabel].filter(([, group]) => new Set(group.map(({ hash }) => hash)).size > 1);
  const mixed = [...byHash].filter(([, group]) => new Set(group.map(({ label }) => label)).size > 1);
  return [
    ...split.map(([key, group]): Confusion => ({ what: "one bug, several signatures", key, among: [...new Set(group.map(({ told }) => told))] })),
    ...mixed.map(
      ([, group]): Confusion => ({ what: "several bugs, one signature", key: group[0]?.told ?? "", among: [...new Set(group.map(({ label }) => label))] }),
    ),
  ];
}
