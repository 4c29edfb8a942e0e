/** One change of a job's row with its event, in one transaction. The guard is part of the UPDATE: compare and set. */
import type { Transaction, UpdateObject } from "kysely";
import type { JobStatus } from "../contract/job.ts";
import type { Database } from "./database.ts";
import { appendEvent } from "./job-events.ts";
import type { JobTable, Schema } from "./schema.ts";

export const unfinishedStatuses = ["awaiting_binaries", "queued", "running"] as const satisfies JobStatus[];
export const endedStatuses = ["succeeded", "failed", "cancelled"] as const satisfies JobStatus[];

export interface Guard {
  readonly id: string;
  readonly projectId?: string;
  readonly status: readonly JobStatus[];
  readonly run?: number;
}

export async function change(transaction: Transaction<Schema>, guard: Guard, to: UpdateObject<Schema, "jobs">): Promise<JobTable | null> {
  let update = transaction.updateTable("jobs").where("id", "=", guard.id).where("status", "in", guard.status);
  if (guard.projectId !== undefined) update = update.where("project_id", "=", guard.projectId);
  if (guard.run !== undefined) update = update.where("run", "=", guard.run);
  const row = await update.set(to).returningAll().executeTakeFirst();
  if (row === undefined) return null;
  await appendEvent(transaction, row, "status");
  return row;
}

export const changeAlone = (database: Database, guard: Guard, to: UpdateObject<Schema, "jobs">): Promise<JobTable | null> =>
  database.query.transaction().execute((transaction) => change(transaction, guard, to));
