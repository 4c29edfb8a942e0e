/** Of thousands of signatures few are in a group of another name: counts by group ask for them each time. */
import { type Kysely, sql } from "kysely";

export async function indexMovedSignatures(query: Kysely<unknown>): Promise<void> {
  await sql`create index signatures_moved on signatures (project_id, hash, group_hash) where hash != group_hash`.execute(query);
}
