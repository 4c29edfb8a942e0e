/** How many jobs of each group the filters leave: the columns of the search index are counted, signatures as their groups. */
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
  return { groups, standIns };
}

export async function countByGroup(database: Database, projectId: string, filters: JobFilters): Promise<Map<string, number>> {
  const plan = await wholePlan(database, projectId, filters);
  const { groups, standIns } = await movedSignatures(database, projectId);
  const { tally } = await countJobs(database, projectId, plan, { fields: ["signature"], many: null, signatures: standIns, spanOf: null });
  const counts = tally.byValue();
  counts.delete(0);
  const terms = await termsOfOneKind(database.query, projectId, "signature", [...counts.keys()]);
  const byGroup = new Map<string, number>();
  for (const [term, { value }] of terms) byGroup.set(groups.get(value) ?? value, counts.get(term) ?? 0);
  return byGroup;
}
