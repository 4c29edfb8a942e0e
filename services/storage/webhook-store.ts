/** The webhooks of a project. The secret leaves this store when it is made and when a delivery is signed, and at no other time. */
import { randomBytes } from "node:crypto";
import { v7 } from "uuid";
import { Failure } from "../contract/failure.ts";
import { type NewWebhook, usualGrowing, type Webhook, type WebhookChange } from "../contract/webhook.ts";
import type { Database } from "./database.ts";
import type { WebhookTable } from "./schema.ts";
import { storable } from "./search-text.ts";

export const mostWebhooks = 100;

/** 32 bytes: as many as SHA-256 makes. */
const newSecret = (): string => randomBytes(32).toString("base64");

export interface WebhookStore {
  list(projectId: string): Promise<Webhook[]>;
  get(projectId: string, id: string): Promise<Webhook | null>;
  /** Rejects with `too_many_webhooks`. The key in base64 is given this once. */
  create(projectId: string, webhook: NewWebhook): Promise<{ readonly webhook: Webhook; readonly secret: string }>;
  change(projectId: string, id: string, change: WebhookChange): Promise<Webhook | null>;
  /** A new key, in force at once. Null: no such webhook. */
  renewSecret(projectId: string, id: string): Promise<string | null>;
  /** Its deliveries go with it. */
  delete(projectId: string, id: string): Promise<boolean>;
}

function toWebhook(row: WebhookTable): Webhook {
  const self = `/v1/webhooks/${row.id}`;
  const events: Webhook["events"] = JSON.parse(row.events);
  return {
    id: row.id,
    url: row.url,
    events,
    description: row.description,
    active: row.active === 1,
    growing: { factor: row.growing_factor, at_least: row.growing_at_least },
    created_at: row.created_at,
    updated_at: row.updated_at,
    links: { self, deliveries: `${self}/deliveries` },
  };
}

function columnsOf(change: WebhookChange): Partial<WebhookTable> {
  const { url, events, description, active, growing } = change;
  return {
    ...(url === undefined ? {} : { url }),
    ...(events === undefined ? {} : { events: JSON.stringify(events) }),
    ...(description === undefined ? {} : { description: description === null ? null : storable(description) }),
    ...(active === undefined ? {} : { active: Number(active) }),
    ...(growing === undefined ? {} : { growing_factor: growing.factor, growing_at_least: growing.at_least }),
  };
}

export function createWebhookStore({ query }: Database): WebhookStore {
  const mine = (projectId: string, id: string) => query.selectFrom("webhooks").selectAll().where("project_id", "=", projectId).where("id", "=", id);
  return {
    list: async (projectId) => {
      const rows = await query.selectFrom("webhooks").selectAll().where("project_id", "=", projectId).orderBy("id").execute();
      return rows.map(toWebhook);
    },

    get: async (projectId, id) => {
      const row = await mine(projectId, id).executeTakeFirst();
      return row === undefined ? null : toWebhook(row);
    },

    create: (projectId, webhook) =>
      query.transaction().execute(async (transaction) => {
        const secret = newSecret();
        const now = new Date().toISOString();
        const { count } = await transaction
          .selectFrom("webhooks")
          .select((each) => each.fn.countAll<number | string>().as("count"))
          .where("project_id", "=", projectId)
          .executeTakeFirstOrThrow();
        if (Number(count) >= mostWebhooks) throw new Failure("too_many_webhooks", `The project has ${count} webhooks; ${mostWebhooks} are the most.`);
        const { url, events, description = null, active = true, growing = usualGrowing } = webhook;
        const row = await transaction
          .insertInto("webhooks")
          .values({
            id: v7(),
            project_id: projectId,
            secret,
            url,
            events: JSON.stringify(events),
            description: description === null ? null : storable(description),
            active: Number(active),
            growing_factor: growing.factor,
            growing_at_least: growing.at_least,
            created_at: now,
            updated_at: now,
          })
          .returningAll()
          .executeTakeFirstOrThrow();
        return { webhook: toWebhook(row), secret };
      }),

    change: (projectId, id, change) =>
      query.transaction().execute(async (transaction) => {
        const row = await transaction
          .updateTable("webhooks")
          .set({ ...columnsOf(change), updated_at: new Date().toISOString() })
          .where("project_id", "=", projectId)
          .where("id", "=", id)
          .returningAll()
          .executeTakeFirst();
        if (row === undefined) return null;
        if (change.active === false) {
          await transaction
            .updateTable("webhook_deliveries")
            .set({ status: "dead", due_at: null, finished_at: row.updated_at })
            .where("webhook_id", "=", id)
            .where("status", "=", "pending")
            .execute();
        }
        return toWebhook(row);
      }),

    renewSecret: async (projectId, id) => {
      const secret = newSecret();
      const row = await query
        .updateTable("webhooks")
        .set({ secret, updated_at: new Date().toISOString() })
        .where("project_id", "=", projectId)
        .where("id", "=", id)
        .returning("id")
        .executeTakeFirst();
      return row === undefined ? null : secret;
    },

    delete: async (projectId, id) => {
      const row = await query.deleteFrom("webhooks").where("project_id", "=", projectId).where("id", "=", id).returning("id").executeTakeFirst();
      return row !== undefined;
    },
  };
}
