/**
 * Deliveries of webhooks: the outbox that the queue works off, and the log that users read.
 *
 * The row decides: only a `pending` one is sent, its `due_at` says when, and what became of each attempt is written here
 * before the queue forgets it. So a queue that lost everything delays deliveries and loses none.
 */
import { sql } from "kysely";
import { type Delivery, type DeliveryAttempt, type DeliveryDetail, type DeliveryStatus, type Told } from "../contract/webhook.ts";
import type { Database } from "./database.ts";
import { decodeCursor, encodeCursor } from "./job-cursor.ts";
import { addDelivery } from "./outbox.ts";
import type { WebhookDeliveryTable } from "./schema.ts";

const mostLogged = 20;
const rowsAtOnce = 200;

export interface DueDelivery {
  readonly id: string;
  readonly webhookId: string;
  /** Milliseconds since 1970. */
  readonly dueAt: number;
}

/** All that an attempt needs. */
export interface OpenDelivery extends DueDelivery {
  readonly url: string;
  /** In base64. */
  readonly secret: string;
  readonly payload: Told;
  /** Before this one, since it was last asked for. */
  readonly tries: number;
}

export type Outcome =
  | { readonly kind: "delivered" | "dead" }
  /** RFC 3339. */
  | { readonly kind: "again"; readonly dueAt: string };

export interface DeliveryStore {
  /** Newest first. Rejects with `invalid_parameter` for a cursor that is not ours. */
  list(
    webhookId: string,
    page: { readonly status: DeliveryStatus | null; readonly limit: number; readonly cursor: string | null },
  ): Promise<{ readonly items: Delivery[]; readonly nextCursor: string | null }>;
  get(webhookId: string, id: string): Promise<DeliveryDetail | null>;
  /** A test of the receiver, sent though the webhook may not be active. */
  ping(webhookId: string): Promise<Delivery>;
  /** Whatever its state, it is due again, with all its tries. The id stays. */
  redeliver(webhookId: string, id: string): Promise<Delivery | null>;

  /** Those whose time has come: of each webhook the longest due, so that one with many does not hide the others. */
  due(now: Date, ofEach: number): Promise<DueDelivery[]>;
  /** Null when it is not to be sent (any more). */
  open(id: string): Promise<OpenDelivery | null>;
  /** Keeps what became of an attempt. */
  record(id: string, attempt: DeliveryAttempt, outcome: Outcome): Promise<void>;
  /** Removes ended deliveries that are older than this; how many. */
  expire(before: Date): Promise<number>;
}

const logOf = (row: WebhookDeliveryTable): DeliveryAttempt[] => JSON.parse(row.log);

function toDelivery(row: WebhookDeliveryTable): Delivery {
  const last = logOf(row).at(-1);
  return {
    id: row.id,
    webhook_id: row.webhook_id,
    event: row.event,
    status: row.status,
    created_at: row.created_at,
    finished_at: row.finished_at,
    next_attempt_at: row.due_at,
    attempts: row.attempts,
    response_status: last?.response_status ?? null,
    duration_ms: last?.duration_ms ?? null,
    error: last?.error ?? null,
    links: { self: `/v1/webhooks/${row.webhook_id}/deliveries/${row.id}` },
  };
}

export function createDeliveryStore({ query }: Database): DeliveryStore {
  const again = () => ({ status: "pending" as const, due_at: new Date().toISOString(), finished_at: null, tries: 0 });
  return {
    list: async (webhookId, { status, limit, cursor }) => {
      let select = query.selectFrom("webhook_deliveries").selectAll().where("webhook_id", "=", webhookId);
      if (status !== null) select = select.where("status", "=", status);
      if (cursor !== null) select = select.where("id", "<", decodeCursor(cursor));
      const rows = await select
        .orderBy("id", "desc")
        .limit(limit + 1)
        .execute();
      const shown = rows.slice(0, limit);
      const last = shown.at(-1);
      return { items: shown.map(toDelivery), nextCursor: rows.length > limit && last !== undefined ? encodeCursor(last.id) : null };
    },

    get: async (webhookId, id) => {
      const row = await query.selectFrom("webhook_deliveries").selectAll().where("webhook_id", "=", webhookId).where("id", "=", id).executeTakeFirst();
      if (row === undefined) return null;
      const payload: Told = JSON.parse(row.payload);
      return { ...toDelivery(row), log: logOf(row), payload };
    },

    ping: (webhookId) =>
      query.transaction().execute(async (transaction) => {
        const id = await addDelivery(transaction, webhookId, { type: "ping", job: null, group: null, growth: null, once: null });
        return toDelivery(await transaction.selectFrom("webhook_deliveries").selectAll().where("id", "=", id).executeTakeFirstOrThrow());
      }),

    redeliver: async (webhookId, id) => {
      const row = await query
        .updateTable("webhook_deliveries")
        .set(again())
        .where("webhook_id", "=", webhookId)
        .where("id", "=", id)
        .returningAll()
        .executeTakeFirst();
      return row === undefined ? null : toDelivery(row);
    },

    due: async (now, ofEach) => {
      const time = now.toISOString();
      // Asked of each webhook: the distinct ones of the log would be found by reading all of it.
      const webhooks = await query
        .selectFrom("webhooks")
        .select("id")
        .where((webhook) =>
          webhook.exists(
            webhook
              .selectFrom("webhook_deliveries")
              .select("webhook_deliveries.id")
              .whereRef("webhook_deliveries.webhook_id", "=", "webhooks.id")
              .where("webhook_deliveries.due_at", "<=", time),
          ),
        )
        .execute();
      const found: DueDelivery[] = [];
      for (const { id: webhookId } of webhooks) {
        const rows = await query
          .selectFrom("webhook_deliveries")
          .select(["id", "due_at"])
          .where("webhook_id", "=", webhookId)
          .where("due_at", "<=", time)
          .orderBy("due_at")
          .limit(ofEach)
          .execute();
        found.push(...rows.map(({ id, due_at }) => ({ id, webhookId, dueAt: Date.parse(due_at ?? "") })));
      }
      return found;
    },

    open: async (id) => {
      const row = await query
        .selectFrom("webhook_deliveries as delivery")
        .innerJoin("webhooks", "webhooks.id", "delivery.webhook_id")
        .select(["delivery.webhook_id", "delivery.payload", "delivery.tries", "delivery.due_at", "webhooks.url", "webhooks.secret"])
        .where("delivery.id", "=", id)
        .where("delivery.status", "=", "pending")
        .executeTakeFirst();
      if (row === undefined) return null;
      const payload: Told = JSON.parse(row.payload);
      return { id, webhookId: row.webhook_id, url: row.url, secret: row.secret, payload, tries: row.tries, dueAt: Date.parse(row.due_at ?? "") };
    },

    record: (id, attempt, outcome) =>
      query.transaction().execute(async (transaction) => {
        // The update first: it takes the row's lock, so that two attempts at once both stay in the log.
        const row = await transaction
          .updateTable("webhook_deliveries")
          .set((column) => ({ attempts: column("attempts", "+", 1), tries: column("tries", "+", 1) }))
          .where("id", "=", id)
          .returningAll()
          .executeTakeFirst();
        if (row === undefined) return;
        const ended = outcome.kind !== "again";
        await transaction
          .updateTable("webhook_deliveries")
          .set({
            log: JSON.stringify([...logOf(row), attempt].slice(-mostLogged)),
            status: outcome.kind === "again" ? "pending" : outcome.kind,
            due_at: ended ? null : outcome.dueAt,
            finished_at: ended ? new Date().toISOString() : null,
          })
          .where("id", "=", id)
          .execute();
      }),

    expire: async (before) => {
      for (let removed = 0; ; ) {
        const rows = await query
          .deleteFrom("webhook_deliveries")
          .where("id", "in", (each) =>
            each.selectFrom("webhook_deliveries").select("id").where("finished_at", "<", before.toISOString()).orderBy("finished_at").limit(rowsAtOnce),
          )
          .returning(sql<number>`1`.as("one"))
          .execute();
        removed += rows.length;
        if (rows.length < rowsAtOnce) return removed;
      }
    },
  };
}
