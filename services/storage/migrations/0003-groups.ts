/**
 * Signatures, the groups that they belong to, and what is counted of them.
 *
 * A group is named by the signature that founded it. Every signature belongs to one group, so merging and splitting move
 * signatures and never touch the jobs. Counts are kept per signature and summed for a group when it is asked for; what
 * lists are sorted by is kept in the group's own row.
 */
import { type Kysely, sql } from "kysely";
import type { DatabaseKind } from "../database-kind.ts";

export async function createGroups(query: Kysely<unknown>, kind: DatabaseKind): Promise<void> {
  const text = kind === "postgres" ? sql`text collate "C"` : sql`text`;
  const keyed = kind === "postgres" ? sql`` : sql`without rowid`;

  await query.schema
    .createTable("groups")
    .addColumn("project_id", text, (column) => column.notNull())
    .addColumn("hash", text, (column) => column.notNull())
    .addColumn("title", text, (column) => column.notNull())
    .addColumn("count", "integer", (column) => column.notNull())
    .addColumn("first_seen", text, (column) => column.notNull())
    .addColumn("last_seen", text, (column) => column.notNull())
    .addColumn("status", text, (column) => column.notNull())
    .addColumn("resolved_in", text)
    .addColumn("resolved_at", text)
    .addColumn("regressed_at", text)
    .addColumn("note", text)
    .addColumn("issue_url", text)
    .addColumn("revision", "integer", (column) => column.notNull())
    .addPrimaryKeyConstraint("groups_key", ["project_id", "hash"])
    .execute();
  for (const order of ["last_seen", "count", "first_seen"]) {
    await query.schema.createIndex(`groups_by_${order}`).on("groups").columns(["project_id", order, "hash"]).execute();
    await query.schema.createIndex(`groups_by_status_and_${order}`).on("groups").columns(["project_id", "status", order, "hash"]).execute();
  }

  await query.schema
    .createTable("signatures")
    .addColumn("project_id", text, (column) => column.notNull())
    .addColumn("hash", text, (column) => column.notNull())
    .addColumn("group_hash", text, (column) => column.notNull())
    .addColumn("broad_hash", text, (column) => column.notNull())
    .addColumn("partial", "integer", (column) => column.notNull())
    .addColumn("version", "integer", (column) => column.notNull())
    .addColumn("title", text, (column) => column.notNull())
    .addColumn("keys", text, (column) => column.notNull())
    .addColumn("count", "integer", (column) => column.notNull())
    .addColumn("first_seen", text, (column) => column.notNull())
    .addColumn("last_seen", text, (column) => column.notNull())
    .addColumn("placed_by_hand", "integer", (column) => column.notNull())
    .addColumn("superseded_by", text)
    .addPrimaryKeyConstraint("signatures_key", ["project_id", "hash"])
    .execute();
  await query.schema.createIndex("signatures_by_group").on("signatures").columns(["project_id", "group_hash", "hash"]).execute();
  await query.schema.createIndex("signatures_by_broad_hash").on("signatures").columns(["project_id", "broad_hash"]).execute();

  await query.schema
    .createTable("signature_keys")
    .addColumn("project_id", text, (column) => column.notNull())
    .addColumn("key", text, (column) => column.notNull())
    .addColumn("signature", text, (column) => column.notNull())
    .addPrimaryKeyConstraint("signature_keys_key", ["project_id", "key", "signature"])
    .modifyEnd(keyed)
    .execute();

  // Without a reference to the job: what a job counted must be known after it is gone.
  await query.schema
    .createTable("counted_jobs")
    .addColumn("job_id", text, (column) => column.primaryKey().notNull())
    .addColumn("project_id", text, (column) => column.notNull())
    .addColumn("signature", text, (column) => column.notNull())
    .addColumn("facets", text, (column) => column.notNull())
    .execute();

  await query.schema
    .createTable("signature_facets")
    .addColumn("project_id", text, (column) => column.notNull())
    .addColumn("signature", text, (column) => column.notNull())
    .addColumn("kind", text, (column) => column.notNull())
    .addColumn("value", text, (column) => column.notNull())
    .addColumn("count", "integer", (column) => column.notNull())
    .addPrimaryKeyConstraint("signature_facets_key", ["project_id", "signature", "kind", "value"])
    .modifyEnd(keyed)
    .execute();
  await query.schema.createIndex("signature_facets_by_value").on("signature_facets").columns(["project_id", "kind", "value", "signature"]).execute();

  await query.schema
    .createTable("regrouping")
    .addColumn("version", "integer", (column) => column.primaryKey().notNull())
    .addColumn("after_id", text, (column) => column.notNull())
    .addColumn("done", "integer", (column) => column.notNull())
    .execute();
}
