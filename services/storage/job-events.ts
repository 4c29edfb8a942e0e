/** The log of a job's changes, written in the transaction that makes the change, so that server-sent events resume across processes and restarts. */
import { type Transaction, sql } from "kysely";
import type { Database } from "./database.ts";
import type { JobEvent } from "./job-store.ts";
import type { JobTable, Schema } from "./schema.ts";

/** The row was updated in this transaction, so its lock keeps the numbers of concurrent changes apart. */
export async function appendEvent(transaction: Transaction<Schema>, row: JobTable, kind: JobEvent["kind"]): Promise<void> {
  const data: JobEvent["data"] = { status: row.status, stage: row.stage, percent: row.percent };
  await transaction
    .insertInto("job_events")
    .values((query) => ({
      job_id: row.id,
      seq: query.selectFrom("job_events").where("job_id", "=", row.id).select(sql<number>`coalesce(max(seq), 0) + 1`.as("seq")),
      kind,
      data: JSON.stringify(data),
      created_at: new Date().toISOString(),
    }))
    .execute();
}

export async function readEvents(database: Database, id: string, after: number): Promise<JobEvent[]> {
  const rows = await database.query.selectFrom("job_events").selectAll().where("job_id", "=", id).where("seq", ">", after).orderBy("seq").execute();
  return rows.map((row) => {
    const data: JobEvent["data"] = JSON.parse(row.data);
    return { seq: row.seq, kind: row.kind, data, at: row.created_at };
  });
}
