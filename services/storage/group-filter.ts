/** How many jobs of each group the filters leave: the columns of the search index are counted, then signatures are led to their groups. */
import type { Database } from "./database.ts";
import type { JobFilters } from "./job-store.ts";
import { countJobs, wholePlan } from "./search/counting.ts";
import { termsOfIds } from "./search/dictionary.ts";

const fewSignatures = 500;

/** To which group a signature belongs; of these, or of all when they are many. */
export async function groupsOfSignatures(database: Database, projectId: string, signatures: readonly string[]): Promise<Map<string, string>> {
  let query = database.query.selectFrom("signatures").select(["hash", "group_hash"]).where("project_id", "=", projectId);
  if (signatures.length <= fewSignatures) query = query.where("hash", "in", signatures);
  return new Map((await query.execute()).map(({ hash, group_hash }) => [hash, group_hash]));
}

export async function countByGroup(database: Database, projectId: string, filters: JobFilters): Promise<Map<string, number>> {
  const plan = await wholePlan(database, projectId, filters);
  const { combinations } = await countJobs(database, projectId, plan, { fields: ["signature"], many: null, spanOf: null });
  const counted = combinations.flatMap(({ key: [term = 0], count }) => (term === 0 ? [] : [{ term, count }]));
  if (counted.length === 0) return new Map();
  const terms = await termsOfIds(
    database.query,
    counted.map(({ term }) => term),
  );
  const groups = await groupsOfSignatures(
    database,
    projectId,
    [...terms.values()].map(({ value }) => value),
  );
  const byGroup = new Map<string, number>();
  for (const { term, count } of counted) {
    const group = groups.get(terms.get(term)?.value ?? "");
    if (group !== undefined) byGroup.set(group, (byGroup.get(group) ?? 0) + count);
  }
  return byGroup;
}
