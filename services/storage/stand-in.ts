/**
 * Who counts the crash of equal cores: the first job, or where that goes or never gets a report, one of its duplicates, which
 * then stands in for it. Callers hold the core.
 */
import { type Transaction, sql } from "kysely";
import { countJob, uncountJob } from "./group-counts.ts";
import { tellCounted } from "./outbox.ts";
import { decodeReport } from "./report-store.ts";
import type { JobTable, Schema } from "./schema.ts";

/** One that never had a report, so counts no crash. */
const failedUncounted = (transaction: Transaction<Schema>, first: string) =>
  transaction
    .updateTable("jobs")
    .where("id", "=", first)
    .where("status", "=", "failed")
    .where((query) => query.not(query.exists(query.selectFrom("counted_jobs").select("job_id").whereRef("counted_jobs.job_id", "=", "jobs.id"))));

/** `row` has its report and is not counted yet; as it is then. A first job that failed when it was analysed again is still counted, and stays. */
export async function replaceFailed(transaction: Transaction<Schema>, row: JobTable): Promise<JobTable> {
  const first = row.duplicate_of;
  if (first === null) return row;
  const failed = await failedUncounted(transaction, first).set({ duplicate_of: row.id }).returning("id").executeTakeFirst();
  if (failed === undefined) return row;
  await transaction.updateTable("jobs").set({ duplicate_of: row.id }).where("duplicate_of", "=", first).where("id", "!=", row.id).execute();
  return transaction.updateTable("jobs").set({ duplicate_of: null }).where("id", "=", row.id).returningAll().executeTakeFirstOrThrow();
}

/** Under the report that it has; nothing happens when that is gone. */
async function countAsFirst(transaction: Transaction<Schema>, row: JobTable): Promise<void> {
  const stored = await transaction.selectFrom("reports").select(["body", "size"]).where("job_id", "=", row.id).executeTakeFirst();
  if (stored === undefined) return;
  const report = await decodeReport(stored);
  const counted = await countJob(transaction, row, report);
  if (counted !== null) await tellCounted(transaction, row, report.diagnoses, counted);
}

/** After a job failed: a duplicate that has had its report for long takes its place. */
export async function giveWay(transaction: Transaction<Schema>, failed: string): Promise<void> {
  const heir = await transaction
    .selectFrom("jobs")
    .innerJoin("reports", "reports.job_id", "jobs.id")
    .selectAll("jobs")
    .where("jobs.duplicate_of", "=", failed)
    .where("jobs.status", "=", "succeeded")
    .orderBy("jobs.id")
    .limit(1)
    .executeTakeFirst();
  if (heir === undefined) return;
  const row = await replaceFailed(transaction, heir);
  if (row.duplicate_of === null) await countAsFirst(transaction, row);
}

/** Before a job goes, or is counted no more: the first of its duplicates, best one with a report, stands in for it from now on. */
export async function passOn(transaction: Transaction<Schema>, id: string): Promise<void> {
  const heir = await transaction
    .selectFrom("jobs")
    .select("id")
    .where("duplicate_of", "=", id)
    .orderBy(sql`case status when 'succeeded' then 0 when 'cancelled' then 2 else 1 end`)
    .orderBy("id")
    .limit(1)
    .executeTakeFirst();
  if (heir === undefined) return;
  // Its result may have come since it was looked for.
  const row = await transaction.updateTable("jobs").set({ duplicate_of: null }).where("id", "=", heir.id).returningAll().executeTakeFirstOrThrow();
  await transaction.updateTable("jobs").set({ duplicate_of: heir.id }).where("duplicate_of", "=", id).execute();
  if (row.status !== "succeeded") return;
  await uncountJob(transaction, heir.id);
  const moved = await transaction.updateTable("counted_jobs").set({ job_id: heir.id }).where("job_id", "=", id).returning("job_id").executeTakeFirst();
  if (moved === undefined) await countAsFirst(transaction, row);
}
