/** Binaries by their first page. */
import type { Kysely } from "kysely";

export async function addBinaryHeads(query: Kysely<unknown>): Promise<void> {
  await query.schema.alterTable("binaries").addColumn("head", "text").execute();
  await query.schema.createIndex("binaries_by_head").on("binaries").columns(["project_id", "head", "created_at"]).execute();
}
