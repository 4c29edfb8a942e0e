/** What an analysis is asked to do beyond the usual; kept with the job, so that every run of it does the same. */
import { type Kysely, sql } from "kysely";

export async function addJobOptions(query: Kysely<unknown>): Promise<void> {
  await query.schema
    .alterTable("jobs")
    .addColumn("options", "text", (column) => column.notNull().defaultTo(sql`'{}'`))
    .execute();
}
