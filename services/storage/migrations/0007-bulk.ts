/** Uploads of many cores at once: which jobs they became, and what was refused. */
import { type Kysely, sql } from "kysely";
import type { DatabaseKind } from "../database-kind.ts";

export async function createBulks(query: Kysely<unknown>, kind: DatabaseKind): Promise<void> {
  const text = kind === "postgres" ? sql`text collate "C"` : sql`text`;
  const keyed = kind === "postgres" ? sql`` : sql`without rowid`;
  await query.schema
    .createTable("bulks")
    .addColumn("id", text, (column) => column.primaryKey().notNull())
    .addColumn("project_id", text, (column) => column.notNull())
    .addColumn("created_at", text, (column) => column.notNull())
    .addColumn("expires_at", text, (column) => column.notNull())
    .addColumn("state", text, (column) => column.notNull())
    .addColumn("error", text)
    .execute();
  await query.schema.createIndex("bulks_by_expiry").on("bulks").columns(["expires_at"]).execute();
  await query.schema
    .createTable("bulk_items")
    .addColumn("bulk_id", text, (column) => column.notNull().references("bulks.id").onDelete("cascade"))
    .addColumn("position", "integer", (column) => column.notNull())
    .addColumn("filename", text)
    .addColumn("job_id", text)
    .addColumn("error", text)
    .addPrimaryKeyConstraint("bulk_items_key", ["bulk_id", "position"])
    .modifyEnd(keyed)
    .execute();
}
