/**
 * How many jobs of each group the filters leave: the columns of the search index are counted, signatures as their groups.
 *
 * Counts are of terms; of thousands of groups a page shows few, so only as many are named as it takes to find these.
 */
import type { Database } from "./database.ts";
import type { JobFilters } from "./job-store.ts";
import { countJobs, wholePlan } from "./search/counting.ts";
import { knownTerms, termKey, termsOfOneKind } from "./search/dictionary.ts";
import type { Term } from "./search-terms.ts";

export interface MovedSignatures {
  /** By signature, the hash of the group of another name that it is in. All others are in the group that they gave the name. */
  readonly groups: ReadonlyMap<string, string>;
  /** By its term, the one that stands for the group: its founder's, or any that is in it. */
  readonly standIns: ReadonlyMap<number, number>;
  /** By group, the term that stands for it. All others are stood for by the founder's own. */
  readonly leading: ReadonlyMap<string, number>;
}

const signatureTerm = (value: string): Term => ({ kind: "signature", value });

export async function movedSignatures(database: Database, projectId: string): Promise<MovedSignatures> {
  const rows = await database.query
    .selectFrom("signatures")
    .select(["hash", "group_hash"])
    .where("project_id", "=", projectId)
    .whereRef("hash", "!=", "group_hash")
    .execute();
  const groups = new Map(rows.map(({ hash, group_hash }) => [hash, group_hash]));
  const ids = await knownTerms(database.query, projectId, [...new Set([...groups].flat())].map(signatureTerm));
  const idOf = (hash: string) => ids.get(termKey(signatureTerm(hash)));
  const leading = new Map<string, number>();
  const standIns = new Map<number, number>();
  for (const [hash, group] of groups) {
    const id = idOf(hash);
    if (id === undefined) continue;
    // A founder that has moved on itself stands for the group that it is in.
    const lead = leading.get(group) ?? (groups.has(group) ? undefined : idOf(group)) ?? id;
    leading.set(group, lead);
    if (lead !== id) standIns.set(id, lead);
  }
  return { groups, standIns, leading };
}

/** So many are named at once; of more, those that are asked for. */
const fewGroups = 2_000;

export class GroupCounts {
  readonly #database: Database;
  readonly #projectId: string;
  readonly #byTerm: ReadonlyMap<number, number>;
  readonly #moved: MovedSignatures;
  #all: ReadonlyMap<string, number> | null = null;

  constructor(database: Database, projectId: string, byTerm: ReadonlyMap<number, number>, moved: MovedSignatures) {
    this.#database = database;
    this.#projectId = projectId;
    this.#byTerm = byTerm;
    this.#moved = moved;
  }

  get size(): number {
    return this.#byTerm.size;
  }

  async #named(terms: readonly number[]): Promise<Map<string, number>> {
    const found = await termsOfOneKind(this.#database.query, this.#projectId, "signature", terms);
    return new Map([...found].map(([term, { value }]) => [this.#moved.groups.get(value) ?? value, this.#byTerm.get(term) ?? 0]));
  }

  async #countsOfFounders(hashes: readonly string[]): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    const founders = hashes.filter((hash) => !this.#moved.leading.has(hash) && !this.#moved.groups.has(hash));
    const ids = await knownTerms(this.#database.query, this.#projectId, founders.map(signatureTerm));
    for (const hash of hashes) {
      const count = this.#byTerm.get(this.#moved.leading.get(hash) ?? ids.get(termKey(signatureTerm(hash))) ?? 0);
      if (count !== undefined) counts.set(hash, count);
    }
    return counts;
  }

  /** Those of these groups that have such jobs. */
  async of(hashes: readonly string[]): Promise<ReadonlyMap<string, number>> {
    if (this.size > fewGroups) return this.#countsOfFounders(hashes);
    return (this.#all ??= await this.#named([...this.#byTerm.keys()]));
  }

  /** The largest first, of equal ones the largest hash; after that of `after`, which may be of any count. */
  async *largest(after: { readonly count: number; readonly hash: string } | null): AsyncGenerator<{ readonly hash: string; readonly count: number }> {
    const terms = Map.groupBy(this.#byTerm.keys(), (term) => this.#byTerm.get(term) ?? 0);
    for (const count of [...terms.keys()].toSorted((one, other) => other - one)) {
      if (after !== null && count > after.count) continue;
      const hashes = [...(await this.#named(terms.get(count) ?? [])).keys()].toSorted().toReversed();
      for (const hash of hashes) if (after === null || count < after.count || hash < after.hash) yield { hash, count };
    }
  }
}

export async function countByGroup(database: Database, projectId: string, filters: JobFilters): Promise<GroupCounts> {
  const plan = await wholePlan(database, projectId, filters);
  const moved = await movedSignatures(database, projectId);
  const { tally } = await countJobs(database, projectId, plan, { fields: ["signature"], many: null, signatures: moved.standIns, spanOf: null });
  const byTerm = tally.byValue();
  byTerm.delete(0);
  return new GroupCounts(database, projectId, byTerm, moved);
}
