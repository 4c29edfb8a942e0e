/** One change of a job's row with its event, in one transaction. The guard is part of the UPDATE: compare and set. */
import type { Transaction, UpdateObject } from "kysely";
import type { JobStatus } from "../contract/job.ts";
import type { Database } from "./database.ts";
import { appendEvent } from "./job-events.ts";
import { tellEnded } from "./outbox.ts";
import type { JobTable, Schema } from "./schema.ts";
import { retag } from "./search/index-writer.ts";
import { statusTerm, statusTerms } from "./search-terms.ts";

export const unfinishedStatuses = ["awaiting_binaries", "queued", "running"] as const satisfies JobStatus[];
export const endedStatuses = ["succeeded", "failed", "cancelled"] as const satisfies JobStatus[];

export interface Guard {
  readonly id: string;
  readonly projectId?: string;
  readonly status: readonly JobStatus[];
  readonly run?: number;
}

type Step = (transaction: Transaction<Schema>, row: JobTable) => Promise<void>;

/** What most changes mean for the search index. */
export const retagStatus: Step = (transaction, row) => retag(transaction, row, statusTerms, [statusTerm(row.status)]);

/** The caller tells the search index of the new status. */
export async function changeUnindexed(transaction: Transaction<Schema>, guard: Guard, to: UpdateObject<Schema, "jobs">): Promise<JobTable | null> {
  let update = transaction.updateTable("jobs").where("id", "=", guard.id).where("status", "in", guard.status);
  if (guard.projectId !== undefined) update = update.where("project_id", "=", guard.projectId);
  if (guard.run !== undefined) update = update.where("run", "=", guard.run);
  const row = await update.set(to).returningAll().executeTakeFirst();
  if (row === undefined) return null;
  await appendEvent(transaction, row, "status");
  // One that succeeded is told with what was found, by who stores its report.
  if (row.status === "failed" || row.status === "cancelled") await tellEnded(transaction, row);
  return row;
}

export async function change(transaction: Transaction<Schema>, guard: Guard, to: UpdateObject<Schema, "jobs">): Promise<JobTable | null> {
  const row = await changeUnindexed(transaction, guard, to);
  if (row !== null) await retagStatus(transaction, row);
  return row;
}

export const changeAlone = (database: Database, guard: Guard, to: UpdateObject<Schema, "jobs">): Promise<JobTable | null> =>
  database.query.transaction().execute((transaction) => change(transaction, guard, to));
