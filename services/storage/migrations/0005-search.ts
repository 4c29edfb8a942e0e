/**
 * The search index: a number for each job, sets of jobs by term and columns of values, in blocks of consecutive numbers.
 *
 * It takes the place of one row for each term of each job, which a million jobs made too many of. Jobs that were there
 * before have no number yet and are taken in by a background job.
 */
import { type Kysely, sql } from "kysely";
import type { DatabaseKind } from "../database-kind.ts";

export async function createSearchIndex(query: Kysely<unknown>, kind: DatabaseKind): Promise<void> {
  const postgres = kind === "postgres";
  const text = postgres ? sql`text collate "C"` : sql`text`;
  const bytes = postgres ? sql`bytea` : sql`blob`;
  const keyed = postgres ? sql`` : sql`without rowid`;

  await query.schema.dropTable("job_terms").execute();
  await query.schema.alterTable("jobs").addColumn("number", "bigint").execute();
  await query.schema.createIndex("jobs_by_number").on("jobs").columns(["number", "id"]).execute();
  for (const column of ["status", "signal", "executable"]) await query.schema.dropIndex(`jobs_by_${column}`).execute();

  await query.schema
    .createTable("search_heads")
    .addColumn("project_id", text, (column) => column.primaryKey().notNull())
    .addColumn("last_block", "integer", (column) => column.notNull())
    .addColumn("changes", "bigint", (column) => column.notNull())
    .execute();

  await query.schema
    .createTable("search_blocks")
    .addColumn("project_id", text, (column) => column.notNull())
    .addColumn("block", "integer", (column) => column.notNull())
    .addColumn("jobs", "integer", (column) => column.notNull())
    .addColumn("base_ms", "bigint", (column) => column.notNull())
    .addColumn("first_ms", "bigint", (column) => column.notNull())
    .addColumn("last_ms", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("search_blocks_key", ["project_id", "block"])
    .modifyEnd(keyed)
    .execute();

  await query.schema
    .createTable("search_terms")
    .addColumn("id", postgres ? "serial" : "integer", (column) => (postgres ? column.primaryKey() : column.primaryKey().autoIncrement()))
    .addColumn("project_id", text, (column) => column.notNull())
    .addColumn("kind", text, (column) => column.notNull())
    .addColumn("value", text, (column) => column.notNull())
    .execute();
  await query.schema.createIndex("search_terms_by_value").on("search_terms").columns(["project_id", "kind", "value"]).unique().execute();

  await query.schema
    .createTable("search_postings")
    .addColumn("term", "integer", (column) => column.notNull())
    .addColumn("block", "integer", (column) => column.notNull())
    .addColumn("bits", bytes, (column) => column.notNull())
    .addPrimaryKeyConstraint("search_postings_key", ["term", "block"])
    .modifyEnd(keyed)
    .execute();

  await query.schema
    .createTable("search_columns")
    .addColumn("project_id", text, (column) => column.notNull())
    .addColumn("field", text, (column) => column.notNull())
    .addColumn("block", "integer", (column) => column.notNull())
    .addColumn("body", bytes, (column) => column.notNull())
    .addPrimaryKeyConstraint("search_columns_key", ["project_id", "field", "block"])
    .execute();
  await query.schema.createIndex("search_columns_by_field").on("search_columns").columns(["field", "project_id", "block"]).execute();

  // Without a reference to the job: what it is found by must be known until it is taken out.
  await query.schema
    .createTable("search_jobs")
    .addColumn("project_id", text, (column) => column.notNull())
    .addColumn("number", "bigint", (column) => column.notNull())
    .addColumn("job_id", text, (column) => column.notNull())
    .addColumn("terms", bytes, (column) => column.notNull())
    .addPrimaryKeyConstraint("search_jobs_key", ["project_id", "number"])
    .execute();
  await query.schema.createIndex("search_jobs_by_job").on("search_jobs").columns(["job_id"]).unique().execute();
}
