/**
 * How many jobs of each signature the filters leave.
 *
 * One filter that is counted anyway (executable, a full Python version, a label) is answered from those counts, whatever the
 * number of jobs; everything else counts jobs, driven by the index of one filter.
 */
import type { Database } from "./database.ts";
import { countQuery, withGroup } from "./job-search.ts";
import type { JobFilters } from "./job-store.ts";
import { labelKind } from "./search-terms.ts";
import { baseName, indexable } from "./search-text.ts";

interface OneFacet {
  readonly kind: string;
  readonly value: string;
}

/** The filter as one facet; null when there are others, or when it is none. */
function asFacet({ executable, pythonVersion, labels, ...others }: JobFilters): OneFacet | null {
  if (Object.values(others).some((value) => value !== undefined)) return null;
  const facets: OneFacet[] = Object.entries(labels ?? {}).map(([name, value]) => ({ kind: labelKind(name), value: indexable(value) }));
  if (executable !== undefined) facets.push({ kind: "executable", value: indexable(baseName(executable)) });
  if (pythonVersion !== undefined) facets.push({ kind: "python", value: indexable(pythonVersion) });
  const [first] = facets;
  if (first === undefined || facets.length > 1) return null;
  // `3.11` stands for all of its releases, which are counted one by one.
  return first.kind === "python" && !/^\d+\.\d+\.\d/.test(first.value) ? null : first;
}

export async function countBySignature(database: Database, projectId: string, filters: JobFilters): Promise<Map<string, number>> {
  const facet = asFacet(filters);
  if (facet !== null) {
    const rows = await database.query
      .selectFrom("signature_facets")
      .select(["signature", "count"])
      .where("project_id", "=", projectId)
      .where("kind", "=", facet.kind)
      .where("value", "=", facet.value)
      .execute();
    return new Map(rows.map(({ signature, count }) => [signature, count]));
  }
  return new Map(
    (await countQuery(database, projectId, await withGroup(database, projectId, filters)).execute()).map(({ signature, count }) => [signature, Number(count)]),
  );
}
