/** Takes into the search index what was stored before there was one: jobs without a number, the oldest first. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "../database.ts";
import { decodeReport } from "../report-store.ts";
import type { JobTable } from "../schema.ts";
import { termsOfReport, termsOfRow } from "../search-terms.ts";
import { indexJob } from "./index-writer.ts";

const rowsAtOnce = 50;
/** Between two jobs: others want the database too. */
const pauseMilliseconds = 5;

async function take(database: Database, id: string): Promise<void> {
  const stored = await database.query.selectFrom("reports").select(["body", "size"]).where("job_id", "=", id).executeTakeFirst();
  const report = stored === undefined ? null : await decodeReport(stored);
  await database.query.transaction().execute(async (transaction) => {
    const row = await transaction.selectFrom("jobs").selectAll().where("id", "=", id).where("number", "is", null).executeTakeFirst();
    if (row !== undefined) await indexJob(transaction, row, [...termsOfRow(row), ...(report === null ? [] : termsOfReport(report))]);
  });
}

/** How many jobs were taken in; ends early when `stop` is aborted. */
export async function indexEarlier(database: Database, stop: AbortSignal): Promise<number> {
  let taken = 0;
  for (let after = ""; !stop.aborted; ) {
    const rows: Pick<JobTable, "id">[] = await database.query
      .selectFrom("jobs")
      .select("id")
      .where("number", "is", null)
      .where("id", ">", after)
      .orderBy("id")
      .limit(rowsAtOnce)
      .execute();
    for (const { id } of rows) {
      if (stop.aborted) return taken;
      await take(database, id);
      taken += 1;
      await sleep(pauseMilliseconds, undefined, { ref: false });
    }
    const last = rows.at(-1);
    if (last === undefined) return taken;
    after = last.id;
  }
  return taken;
}
