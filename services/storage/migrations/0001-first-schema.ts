/**
 * Jobs, reports, binaries, and what they are found by.
 *
 * Texts are compared byte by byte on both databases (`collate "C"` on PostgreSQL, SQLite's own default), because cursors
 * and ranges depend on it. Indexes end in the job's id, so that a filtered page comes out newest first without sorting.
 */
import { type Kysely, sql } from "kysely";
import type { DatabaseKind } from "../database-kind.ts";

export async function createFirstSchema(query: Kysely<unknown>, kind: DatabaseKind): Promise<void> {
  const text = kind === "postgres" ? sql`text collate "C"` : sql`text`;
  const bytes = kind === "postgres" ? sql`bytea` : sql`blob`;
  /** SQLite keeps a table in its primary key's order only when told; PostgreSQL has no such table. */
  const keyed = kind === "postgres" ? sql`` : sql`without rowid`;

  await query.schema
    .createTable("jobs")
    .addColumn("id", text, (column) => column.primaryKey().notNull())
    .addColumn("project_id", text, (column) => column.notNull())
    .addColumn("status", text, (column) => column.notNull())
    .addColumn("idempotency_key", text)
    .addColumn("created_at", text, (column) => column.notNull())
    .addColumn("started_at", text)
    .addColumn("finished_at", text)
    .addColumn("expires_at", text)
    .addColumn("core_expires_at", text)
    .addColumn("stage", text, (column) => column.notNull())
    .addColumn("percent", "integer", (column) => column.notNull())
    .addColumn("attempts", "integer", (column) => column.notNull())
    .addColumn("run", "integer", (column) => column.notNull())
    .addColumn("when_missing", text, (column) => column.notNull())
    .addColumn("core_blob", text)
    .addColumn("core_filename", text)
    .addColumn("core_size", "bigint", (column) => column.notNull())
    .addColumn("core_sha256", text, (column) => column.notNull())
    .addColumn("pid", "bigint")
    .addColumn("signal", "integer")
    .addColumn("core_executable", text)
    .addColumn("executable", text)
    .addColumn("command_line", text)
    .addColumn("labels", text, (column) => column.notNull())
    .addColumn("missing_binaries", text, (column) => column.notNull())
    .addColumn("error", text)
    .addColumn("python_version", text)
    .addColumn("signature_hash", text)
    .addColumn("signature_title", text)
    .execute();
  await query.schema.createIndex("jobs_by_idempotency_key").on("jobs").columns(["project_id", "idempotency_key"]).unique().execute();
  await query.schema.createIndex("jobs_by_project").on("jobs").columns(["project_id", "id"]).execute();
  for (const column of ["status", "signal", "executable", "signature_hash"]) {
    await query.schema.createIndex(`jobs_by_${column}`).on("jobs").columns(["project_id", column, "id"]).execute();
  }
  await query.schema.createIndex("jobs_by_state").on("jobs").columns(["status", "id"]).execute();
  await query.schema.createIndex("jobs_by_expiry").on("jobs").columns(["expires_at"]).execute();
  await query.schema.createIndex("jobs_by_core_expiry").on("jobs").columns(["core_expires_at"]).execute();

  await query.schema
    .createTable("job_terms")
    .addColumn("project_id", text, (column) => column.notNull())
    .addColumn("kind", text, (column) => column.notNull())
    .addColumn("value", text, (column) => column.notNull())
    .addColumn("job_id", text, (column) => column.notNull().references("jobs.id").onDelete("cascade"))
    .addPrimaryKeyConstraint("job_terms_key", ["project_id", "kind", "value", "job_id"])
    .modifyEnd(keyed)
    .execute();
  await query.schema.createIndex("job_terms_by_job").on("job_terms").columns(["job_id"]).execute();

  await query.schema
    .createTable("job_events")
    .addColumn("job_id", text, (column) => column.notNull().references("jobs.id").onDelete("cascade"))
    .addColumn("seq", "integer", (column) => column.notNull())
    .addColumn("kind", text, (column) => column.notNull())
    .addColumn("data", text, (column) => column.notNull())
    .addColumn("created_at", text, (column) => column.notNull())
    .addPrimaryKeyConstraint("job_events_key", ["job_id", "seq"])
    .modifyEnd(keyed)
    .execute();

  await query.schema
    .createTable("reports")
    .addColumn("job_id", text, (column) => column.primaryKey().notNull().references("jobs.id").onDelete("cascade"))
    .addColumn("run", "integer", (column) => column.notNull())
    .addColumn("created_at", text, (column) => column.notNull())
    .addColumn("size", "bigint", (column) => column.notNull())
    .addColumn("encoding", text, (column) => column.notNull())
    .addColumn("body", bytes, (column) => column.notNull())
    .execute();

  await query.schema
    .createTable("binaries")
    .addColumn("project_id", text, (column) => column.notNull())
    .addColumn("sha256", text, (column) => column.notNull())
    .addColumn("build_id", text)
    .addColumn("kind", text, (column) => column.notNull())
    .addColumn("size", "bigint", (column) => column.notNull())
    .addColumn("filename", text)
    .addColumn("has_symbols", "integer", (column) => column.notNull())
    .addColumn("has_debug_info", "integer", (column) => column.notNull())
    .addColumn("blob", text, (column) => column.notNull())
    .addColumn("created_at", text, (column) => column.notNull())
    .addPrimaryKeyConstraint("binaries_key", ["project_id", "sha256"])
    .execute();
  await query.schema.createIndex("binaries_by_build_id").on("binaries").columns(["project_id", "build_id", "created_at"]).execute();
  await query.schema.createIndex("binaries_by_blob").on("binaries").columns(["blob"]).execute();

  await query.schema
    .createTable("job_binaries")
    .addColumn("job_id", text, (column) => column.notNull().references("jobs.id").onDelete("cascade"))
    .addColumn("project_id", text, (column) => column.notNull())
    .addColumn("sha256", text, (column) => column.notNull())
    .addColumn("position", "integer", (column) => column.notNull())
    .addColumn("filename", text)
    .addPrimaryKeyConstraint("job_binaries_key", ["job_id", "position"])
    .addForeignKeyConstraint("job_binaries_binary", ["project_id", "sha256"], "binaries", ["project_id", "sha256"])
    .execute();
  await query.schema.createIndex("job_binaries_by_binary").on("job_binaries").columns(["project_id", "sha256"]).execute();

  await query.schema
    .createTable("attachments")
    .addColumn("job_id", text, (column) => column.notNull().references("jobs.id").onDelete("cascade"))
    .addColumn("position", "integer", (column) => column.notNull())
    .addColumn("filename", text)
    .addColumn("size", "bigint", (column) => column.notNull())
    .addColumn("sha256", text, (column) => column.notNull())
    .addColumn("blob", text, (column) => column.notNull())
    .addPrimaryKeyConstraint("attachments_key", ["job_id", "position"])
    .execute();
  await query.schema.createIndex("attachments_by_blob").on("attachments").columns(["blob"]).execute();
  await query.schema.createIndex("jobs_by_core_blob").on("jobs").columns(["core_blob"]).execute();

  await query.schema
    .createTable("blob_trash")
    .addColumn("blob", text, (column) => column.primaryKey().notNull())
    .addColumn("since", text, (column) => column.notNull())
    .execute();
}
