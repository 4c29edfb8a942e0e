/** Webhooks and their deliveries: the outbox that is written with what happened, and the log of what was sent. */
import { type Kysely, sql } from "kysely";
import type { DatabaseKind } from "../database-kind.ts";

export async function createWebhooks(query: Kysely<unknown>, kind: DatabaseKind): Promise<void> {
  const text = kind === "postgres" ? sql`text collate "C"` : sql`text`;

  await query.schema
    .createTable("webhooks")
    .addColumn("id", text, (column) => column.primaryKey().notNull())
    .addColumn("project_id", text, (column) => column.notNull())
    .addColumn("url", text, (column) => column.notNull())
    .addColumn("secret", text, (column) => column.notNull())
    .addColumn("events", text, (column) => column.notNull())
    .addColumn("description", text)
    .addColumn("active", "integer", (column) => column.notNull())
    .addColumn("growing_factor", "double precision", (column) => column.notNull())
    .addColumn("growing_at_least", "integer", (column) => column.notNull())
    .addColumn("created_at", text, (column) => column.notNull())
    .addColumn("updated_at", text, (column) => column.notNull())
    .execute();
  await query.schema.createIndex("webhooks_by_project").on("webhooks").columns(["project_id", "id"]).execute();

  await query.schema
    .createTable("webhook_deliveries")
    .addColumn("id", text, (column) => column.primaryKey().notNull())
    .addColumn("webhook_id", text, (column) => column.notNull().references("webhooks.id").onDelete("cascade"))
    .addColumn("event", text, (column) => column.notNull())
    .addColumn("once", text)
    .addColumn("payload", text, (column) => column.notNull())
    .addColumn("status", text, (column) => column.notNull())
    .addColumn("created_at", text, (column) => column.notNull())
    .addColumn("due_at", text)
    .addColumn("finished_at", text)
    .addColumn("tries", "integer", (column) => column.notNull())
    .addColumn("attempts", "integer", (column) => column.notNull())
    .addColumn("log", text, (column) => column.notNull())
    .execute();
  await query.schema.createIndex("webhook_deliveries_by_webhook").on("webhook_deliveries").columns(["webhook_id", "id"]).execute();
  await query.schema.createIndex("webhook_deliveries_by_status").on("webhook_deliveries").columns(["webhook_id", "status", "id"]).execute();
  await query.schema.createIndex("webhook_deliveries_once").on("webhook_deliveries").columns(["webhook_id", "once"]).unique().execute();
  await query.schema.createIndex("webhook_deliveries_by_due").on("webhook_deliveries").columns(["due_at", "webhook_id"]).execute();
  await query.schema.createIndex("webhook_deliveries_by_webhook_and_due").on("webhook_deliveries").columns(["webhook_id", "due_at"]).execute();
  await query.schema.createIndex("webhook_deliveries_by_end").on("webhook_deliveries").columns(["finished_at"]).execute();
}
