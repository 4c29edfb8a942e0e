/** Parked jobs' limits, debug links, indexes, and what upstream servers were asked. */
import type { Kysely } from "kysely";

export async function extendBinaryStore(query: Kysely<unknown>): Promise<void> {
  await query.schema.alterTable("jobs").addColumn("waits_until", "text").execute();
  await query.schema.createIndex("jobs_by_waits_until").on("jobs").columns(["status", "waits_until"]).execute();

  for (const column of ["path", "debug_link", "alt_build_id", "alt_name", "index_state", "index_since", "index_blob", "index_detail"]) {
    await query.schema.alterTable("binaries").addColumn(column, "text").execute();
  }
  for (const column of ["debug_link_crc", "crc"]) await query.schema.alterTable("binaries").addColumn(column, "bigint").execute();
  await query.schema
    .alterTable("binaries")
    .addColumn("origin", "text", (column) => column.notNull().defaultTo("upload"))
    .execute();
  await query.schema.createIndex("binaries_by_filename").on("binaries").columns(["project_id", "filename", "created_at"]).execute();
  await query.schema.createIndex("binaries_by_path").on("binaries").columns(["project_id", "path", "created_at"]).execute();
  await query.schema.createIndex("binaries_by_index_state").on("binaries").columns(["index_state", "index_since"]).execute();
  await query.schema.createIndex("binaries_by_index_blob").on("binaries").columns(["index_blob"]).execute();

  await query.schema
    .createTable("upstream_requests")
    .addColumn("project_id", "text", (column) => column.notNull())
    .addColumn("build_id", "text", (column) => column.notNull())
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("lease", "text")
    .addColumn("lease_until", "text")
    .addColumn("missing_until", "text")
    .addPrimaryKeyConstraint("upstream_requests_key", ["project_id", "build_id", "kind"])
    .execute();
}
