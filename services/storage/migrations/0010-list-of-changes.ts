/** The list of a project's changes of many jobs, the newest first. */
import type { Kysely } from "kysely";

export async function indexChanges(query: Kysely<unknown>): Promise<void> {
  await query.schema.createIndex("bulk_changes_by_project").on("bulk_changes").columns(["project_id", "id"]).execute();
}
