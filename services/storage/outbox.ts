/**
 * What webhooks are to be told, written in the transaction that makes it true: what is stored is told, and nothing else is.
 *
 * A delivery is a row; the queue only carries its id. Payloads hold ids, codes, titles, counts and links, and nothing of a
 * report's memory.
 */
import type { Transaction } from "kysely";
import { v7 } from "uuid";
import type { JobError } from "../contract/job.ts";
import type { Diagnosis } from "../contract/report.ts";
import type { TellableGroup, TellableJob, Told, WebhookEvent } from "../contract/webhook.ts";
import type { Counted } from "./group-counts.ts";
import { growthOf, grows } from "./group-growth.ts";
import type { GroupTable, JobTable, Schema, WebhookTable } from "./schema.ts";

const mostDiagnoses = 10;

/** The project's active webhooks that want one of the events. */
async function listeners(transaction: Transaction<Schema>, projectId: string, events: readonly WebhookEvent[]): Promise<WebhookTable[]> {
  const rows = await transaction.selectFrom("webhooks").selectAll().where("project_id", "=", projectId).where("active", "=", 1).orderBy("id").execute();
  return rows.filter((row) => events.some((event) => wants(row, event)));
}

function wants(webhook: WebhookTable, event: WebhookEvent): boolean {
  const wanted: WebhookEvent[] = JSON.parse(webhook.events);
  return wanted.includes(event);
}

function tellableJob(row: JobTable, diagnoses: readonly Diagnosis[]): TellableJob {
  const error: JobError | null = JSON.parse(row.error ?? "null");
  const self = `/v1/jobs/${row.id}`;
  return {
    id: row.id,
    status: row.status,
    created_at: row.created_at,
    finished_at: row.finished_at,
    signature: row.signature_hash === null ? null : { hash: row.signature_hash, title: row.signature_title ?? "" },
    diagnoses: diagnoses.slice(0, mostDiagnoses).map(({ code, title }) => ({ code, title })),
    error: error === null ? null : { code: error.code },
    links: { self, report: `${self}/report` },
  };
}

const tellableGroup = (group: GroupTable): TellableGroup => ({
  hash: group.hash,
  title: group.title,
  count: group.count,
  first_seen: group.first_seen,
  last_seen: group.last_seen,
  status: group.status,
  resolved_in: group.resolved_in,
  links: { self: `/v1/groups/${group.hash}`, jobs: `/v1/jobs?signature=${group.hash}` },
});

export interface News {
  readonly type: WebhookEvent | "ping";
  readonly job: TellableJob | null;
  readonly group: TellableGroup | null;
  readonly growth: Told["growth"];
  /** What is told once has a name. */
  readonly once: string | null;
}

/** One row of the outbox; nothing when it was told before. Gives its id. */
export async function addDelivery(transaction: Transaction<Schema>, webhookId: string, { once, ...news }: News): Promise<string> {
  const id = v7();
  const now = new Date().toISOString();
  const told: Told = { id, created_at: now, ...news };
  await transaction
    .insertInto("webhook_deliveries")
    .values({
      id,
      webhook_id: webhookId,
      event: news.type,
      once,
      payload: JSON.stringify(told),
      status: "pending",
      created_at: now,
      due_at: now,
      finished_at: null,
      tries: 0,
      attempts: 0,
      log: "[]",
    })
    .onConflict((conflict) => conflict.columns(["webhook_id", "once"]).doNothing())
    .execute();
  return id;
}

/** A job that ended without a report. */
export async function tellEnded(transaction: Transaction<Schema>, row: JobTable): Promise<void> {
  const job = tellableJob(row, []);
  for (const { id } of await listeners(transaction, row.project_id, ["job.ended"])) {
    await addDelivery(transaction, id, { type: "job.ended", job, group: null, growth: null, once: null });
  }
}

/** A job that was analysed, and what it means for its group. */
export async function tellAnalysed(transaction: Transaction<Schema>, row: JobTable, diagnoses: readonly Diagnosis[], counted: Counted | null): Promise<void> {
  await tellListeners(transaction, row, diagnoses, counted, true);
}

/** A job that ended before, and is counted only now. */
export async function tellCounted(transaction: Transaction<Schema>, row: JobTable, diagnoses: readonly Diagnosis[], counted: Counted): Promise<void> {
  await tellListeners(transaction, row, diagnoses, counted, false);
}

async function tellListeners(
  transaction: Transaction<Schema>,
  row: JobTable,
  diagnoses: readonly Diagnosis[],
  counted: Counted | null,
  ended: boolean,
): Promise<void> {
  const webhooks = await listeners(transaction, row.project_id, ["job.ended", "group.new", "group.regressed", "group.growing"]);
  if (webhooks.length === 0) return;
  const job = tellableJob(row, diagnoses);
  const stored =
    counted === null
      ? undefined
      : await transaction.selectFrom("groups").selectAll().where("project_id", "=", row.project_id).where("hash", "=", counted.group).executeTakeFirst();
  const group = stored === undefined ? null : tellableGroup(stored);
  const now = new Date();
  const growth = group === null || !webhooks.some((each) => wants(each, "group.growing")) ? null : await growthOf(transaction, row.project_id, group.hash, now);
  for (const webhook of webhooks) {
    const tell = async (type: WebhookEvent, news: Partial<News> = {}) => {
      if (wants(webhook, type)) await addDelivery(transaction, webhook.id, { type, job, group, growth: null, once: null, ...news });
    };
    if (ended) await tell("job.ended");
    if (counted === null || group === null) continue;
    if (counted.created) await tell("group.new");
    if (counted.regressed) await tell("group.regressed");
    const settings = { factor: webhook.growing_factor, at_least: webhook.growing_at_least };
    if (growth !== null && group.status !== "ignored" && grows(growth, settings)) {
      const day = now.toISOString().slice(0, 10);
      await tell("group.growing", { growth: { today: growth.today, daily_mean: growth.dailyMean }, once: `growing:${group.hash}:${day}` });
    }
  }
}
