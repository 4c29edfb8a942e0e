/** Equal cores whose first job failed: without a report it counts no crash, so the first duplicate that has one stands in for it. */
import type { Transaction } from "kysely";
import { holdCores } from "./core-locks.ts";
import type { JobTable, Schema } from "./schema.ts";

/** The first that a transaction does which may call `replaceFailed`. */
export async function holdIfDuplicate(transaction: Transaction<Schema>, id: string): Promise<void> {
  const row = await transaction
    .selectFrom("jobs")
    .select(["project_id as projectId", "core_sha256 as digest"])
    .where("id", "=", id)
    .where("duplicate_of", "is not", null)
    .executeTakeFirst();
  if (row !== undefined) await holdCores(transaction, [row]);
}

/** `row` has its report and is not counted yet; as it is then. One that failed when it was analysed again is still counted, and stays. */
export async function replaceFailed(transaction: Transaction<Schema>, row: JobTable): Promise<JobTable> {
  const first = row.duplicate_of;
  if (first === null) return row;
  const failed = await transaction
    .updateTable("jobs")
    .set({ duplicate_of: row.id })
    .where("id", "=", first)
    .where("status", "=", "failed")
    .where((query) => query.not(query.exists(query.selectFrom("counted_jobs").select("job_id").whereRef("counted_jobs.job_id", "=", "jobs.id"))))
    .returning("id")
    .executeTakeFirst();
  if (failed === undefined) return row;
  await transaction.updateTable("jobs").set({ duplicate_of: row.id }).where("duplicate_of", "=", first).where("id", "!=", row.id).execute();
  return transaction.updateTable("jobs").set({ duplicate_of: null }).where("id", "=", row.id).returningAll().executeTakeFirstOrThrow();
}
