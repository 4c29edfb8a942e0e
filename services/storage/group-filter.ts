/** How many jobs of each group the filters leave: the columns of the search index are counted, then signatures are led to their groups. */
import type { Database } from "./database.ts";
import type { JobFilters } from "./job-store.ts";
import { countJobs, wholePlan } from "./search/counting.ts";
import { termsOfIds } from "./search/dictionary.ts";

/** Signatures that are in the group of another one, and its hash. All others are in the group that they gave the name. */
export async function movedSignatures(database: Database, projectId: string): Promise<Map<string, string>> {
  const rows = await database.query
    .selectFrom("signatures")
    .select(["hash", "group_hash"])
    .where("project_id", "=", projectId)
    .whereRef("hash", "!=", "group_hash")
    .execute();
  return new Map(rows.map(({ hash, group_hash }) => [hash, group_hash]));
}

export async function countByGroup(database: Database, projectId: string, filters: JobFilters): Promise<Map<string, number>> {
  const plan = await wholePlan(database, projectId, filters);
  const { rows } = await countJobs(database, projectId, plan, { fields: ["signature"], many: null, spanOf: null });
  const counted = rows.flatMap(({ key: [term = 0], count }) => (term === 0 ? [] : [{ term, count }]));
  if (counted.length === 0) return new Map();
  const terms = await termsOfIds(
    database.query,
    counted.map(({ term }) => term),
  );
  const moved = await movedSignatures(database, projectId);
  const byGroup = new Map<string, number>();
  for (const { term, count } of counted) {
    const signature = terms.get(term)?.value ?? "";
    const group = moved.get(signature) ?? signature;
    byGroup.set(group, (byGroup.get(group) ?? 0) + count);
  }
  return byGroup;
}
