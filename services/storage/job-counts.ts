/** How many jobs there are, over all projects: for the operator's figures. */
import type { JobStatus } from "../contract/job.ts";
import type { Database } from "./database.ts";

export async function countJobsByStatus(database: Database): Promise<Record<JobStatus, number>> {
  const counts: Record<JobStatus, number> = { awaiting_binaries: 0, queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0 };
  const rows = await database.query
    .selectFrom("jobs")
    .select((query) => ["status", query.fn.countAll<number | string>().as("count")])
    .groupBy("status")
    .execute();
  for (const { status, count } of rows) counts[status] = Number(count);
  return counts;
}
