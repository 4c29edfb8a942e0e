/** How often a block of the search index was changed: what was read of it before is right as long as the number is the same. */
import type { Kysely } from "kysely";

export async function countBlockChanges(query: Kysely<unknown>): Promise<void> {
  await query.schema
    .alterTable("search_blocks")
    .addColumn("changes", "integer", (column) => column.notNull().defaultTo(0))
    .execute();
}
