/** The worker's changes of a job. Each is bound to the run that it belongs to: a worker that lost its job writes nothing any more. */
import { expressionBuilder } from "kysely";
import type { JobError } from "../contract/job.ts";
import { holdCoreOf } from "./core-locks.ts";
import type { Database } from "./database.ts";
import { appendEvent } from "./job-events.ts";
import { type ResultRules, storeReport } from "./job-result.ts";
import { toStoredJob } from "./job-row.ts";
import type { JobStore } from "./job-store.ts";
import { change, changeAlone, type Guard } from "./job-transition.ts";
import type { Schema } from "./schema.ts";
import { giveWay } from "./stand-in.ts";

const now = (): string => new Date().toISOString();
const column = expressionBuilder<Schema, "jobs">();

/** False when the guard does not hold. */
export function failJob(database: Database, guard: Guard, error: JobError): Promise<boolean> {
  return database.query.transaction().execute(async (transaction) => {
    await holdCoreOf(transaction, guard.id);
    const row = await change(transaction, guard, { status: "failed", finished_at: now(), error: JSON.stringify(error) });
    if (row === null) return false;
    await giveWay(transaction, row.id);
    return true;
  });
}

export function running(database: Database, rules: ResultRules): Pick<JobStore, "start" | "setProgress" | "finish" | "fail" | "giveBack"> {
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

    finish: (id, run, result) => storeReport(database, { id, run, status: ["running"] }, result, rules),

    fail: (id, run, error) => failJob(database, { id, run, status: ["running"] }, error),

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
