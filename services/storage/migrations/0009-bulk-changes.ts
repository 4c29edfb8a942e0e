/**
 * Priorities and revisions of jobs, equal cores, why a core is gone, and changes of many jobs at once.
 *
 * The indexes find a core that came before by its digest, what was taken for its duplicate, and the cores of a group that are
 * still there (the newest jobs first, without walking over those whose core is gone).
 */
import { type Kysely, sql } from "kysely";
import type { DatabaseKind } from "../database-kind.ts";

export async function createBulkChanges(query: Kysely<unknown>, kind: DatabaseKind): Promise<void> {
  const text = kind === "postgres" ? sql`text collate "C"` : sql`text`;
  await query.schema
    .alterTable("jobs")
    .addColumn("priority", text, (column) => column.notNull().defaultTo("normal"))
    .execute();
  for (const [column, value] of [
    ["revision", 1],
    ["takes_over", 0],
  ] as const)
    await query.schema
      .alterTable("jobs")
      .addColumn(column, "integer", (each) => each.notNull().defaultTo(value))
      .execute();
  for (const column of ["duplicate_of", "core_gone"]) await query.schema.alterTable("jobs").addColumn(column, text).execute();
  await query.schema.createIndex("jobs_by_core_sha256").on("jobs").columns(["project_id", "core_sha256", "id"]).execute();
  await query.schema.createIndex("jobs_by_original").on("jobs").columns(["duplicate_of", "id"]).execute();
  await query.schema
    .createIndex("jobs_with_core")
    .on("jobs")
    .columns(["project_id", "signature_hash", "id"])
    .where(sql.ref("core_blob"), "is not", null)
    .execute();

  await query.schema
    .createTable("bulk_changes")
    .addColumn("id", text, (column) => column.primaryKey().notNull())
    .addColumn("project_id", text, (column) => column.notNull())
    .addColumn("action", text, (column) => column.notNull())
    .addColumn("dry_run", "integer", (column) => column.notNull())
    .addColumn("state", text, (column) => column.notNull())
    .addColumn("query", text, (column) => column.notNull())
    .addColumn("filters", text, (column) => column.notNull())
    .addColumn("labels", text)
    .addColumn("options", text)
    .addColumn("total", "integer", (column) => column.notNull())
    .addColumn("seen", "integer", (column) => column.notNull())
    .addColumn("changed", "integer", (column) => column.notNull())
    .addColumn("skipped", text, (column) => column.notNull())
    .addColumn("sample", text, (column) => column.notNull())
    .addColumn("error", text)
    .addColumn("before_id", text, (column) => column.notNull())
    .addColumn("leased_until", text, (column) => column.notNull())
    .addColumn("created_at", text, (column) => column.notNull())
    .addColumn("finished_at", text)
    .addColumn("expires_at", text, (column) => column.notNull())
    .execute();
  await query.schema.createIndex("bulk_changes_by_state").on("bulk_changes").columns(["state", "leased_until"]).execute();
  await query.schema.createIndex("bulk_changes_by_expiry").on("bulk_changes").columns(["expires_at"]).execute();
}
