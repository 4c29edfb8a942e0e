/** The worker's changes of a job. Each is bound to the run that it belongs to: a worker that lost its job writes nothing any more. */
import { type Transaction, expressionBuilder } from "kysely";
import type { Report } from "../contract/report.ts";
import type { Database } from "./database.ts";
import { countJob } from "./group-counts.ts";
import { appendEvent } from "./job-events.ts";
import { toStoredJob } from "./job-row.ts";
import type { JobStore } from "./job-store.ts";
import { change, changeAlone } from "./job-transition.ts";
import { encodeReport } from "./report-store.ts";
import type { JobTable, Schema } from "./schema.ts";
import { columnsOfReport, termsOfReport } from "./search-terms.ts";

const now = (): string => new Date().toISOString();
const rowsAtOnce = 500;
const column = expressionBuilder<Schema, "jobs">();

/** The labels' terms stay, those of an earlier report go. */
async function replaceTerms(transaction: Transaction<Schema>, row: JobTable, report: Report): Promise<void> {
  await transaction.deleteFrom("job_terms").where("job_id", "=", row.id).where("kind", "not like", "label.%").execute();
  const terms = termsOfReport(report).map((term) => ({ project_id: row.project_id, job_id: row.id, ...term }));
  for (let start = 0; start < terms.length; start += rowsAtOnce) {
    await transaction
      .insertInto("job_terms")
      .values(terms.slice(start, start + rowsAtOnce))
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

export function running(database: Database): Pick<JobStore, "start" | "setProgress" | "finish" | "fail" | "giveBack"> {
  return {
    start: async (id) => {
      const row = await changeAlone(
        database,
        { id, status: ["queued", "running"] },
        {
          status: "running",
          stage: "inspect",
          percent: 0,
          started_at: now(),
          attempts: column("attempts", "+", 1),
          run: column("run", "+", 1),
        },
      );
      return row === null ? null : { ...toStoredJob(row), run: row.run };
    },

    setProgress: (id, run, stage, percent) =>
      database.query.transaction().execute(async (transaction) => {
        const mine = transaction.selectFrom("jobs").select(["stage", "percent"]).where("id", "=", id).where("run", "=", run).where("status", "=", "running");
        const before = await mine.executeTakeFirst();
        if (before === undefined) return false;
        if (before.stage === stage && before.percent === percent) return true;
        const row = await transaction
          .updateTable("jobs")
          .set({ stage, percent })
          .where("id", "=", id)
          .where("run", "=", run)
          .where("status", "=", "running")
          .returningAll()
          .executeTakeFirst();
        if (row === undefined) return false;
        await appendEvent(transaction, row, "progress");
        return true;
      }),

    finish: async (id, run, { report, missingBinaries }) => {
      const encoded = await encodeReport(report);
      return database.query.transaction().execute(async (transaction) => {
        const row = await change(
          transaction,
          { id, run, status: ["running"] },
          {
            ...columnsOfReport(report),
            status: "succeeded",
            stage: "done",
            percent: 100,
            finished_at: now(),
            error: null,
            missing_binaries: JSON.stringify(missingBinaries),
          },
        );
        if (row === null) return false;
        const stored = { run, created_at: report.created_at, ...encoded };
        await transaction
          .insertInto("reports")
          .values({ job_id: id, ...stored })
          .onConflict((conflict) => conflict.column("job_id").doUpdateSet(stored))
          .execute();
        await replaceTerms(transaction, row, report);
        await countJob(transaction, row, report);
        return true;
      });
    },

    fail: async (id, run, error) => {
      const row = await changeAlone(database, { id, run, status: ["running"] }, { status: "failed", finished_at: now(), error: JSON.stringify(error) });
      return row !== null;
    },

    giveBack: async (id, run, { countAttempt }) => {
      const row = await changeAlone(
        database,
        { id, run, status: ["running"] },
        {
          status: "queued",
          stage: "queued",
          percent: 0,
          started_at: null,
          // A new run number, so that this worker's later writes are refused from now on.
          run: column("run", "+", 1),
          attempts: column("attempts", "-", countAttempt ? 0 : 1),
        },
      );
      return row !== null;
    },
  };
}
