/** A job's labels where its group counts them: changed in the transaction that changes the labels. */
import type { Transaction } from "kysely";
import type { Labels } from "../contract/common.ts";
import { addFacets, takeFacets } from "./group-counts.ts";
import { type Facet, inOneOrder, isLabelFacet, labelFacets } from "./group-facets.ts";
import type { Schema } from "./schema.ts";

const keyOf = ([kind, value]: Facet) => `${kind}\n${value}`;
const without = (facets: readonly Facet[], others: readonly Facet[]) => {
  const known = new Set(others.map(keyOf));
  return facets.filter((facet) => !known.has(keyOf(facet)));
};

/** Nothing happens for a job that is not counted. */
export async function recountLabels(transaction: Transaction<Schema>, jobId: string, labels: Labels): Promise<void> {
  const counted = await transaction.selectFrom("counted_jobs").selectAll().where("job_id", "=", jobId).executeTakeFirst();
  if (counted === undefined) return;
  const before: Facet[] = JSON.parse(counted.facets);
  const after = inOneOrder([...before.filter((facet) => !isLabelFacet(facet)), ...labelFacets(labels)]);
  await takeFacets(transaction, counted.project_id, counted.signature, without(before, after));
  await addFacets(transaction, counted.project_id, counted.signature, without(after, before));
  await transaction
    .updateTable("counted_jobs")
    .set({ facets: JSON.stringify(after) })
    .where("job_id", "=", jobId)
    .execute();
}
