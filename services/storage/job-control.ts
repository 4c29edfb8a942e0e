/** The user's changes of a job: cancel, delete, run again. */
import { Failure } from "../contract/failure.ts";
import { discardBlobs } from "./blob-trash.ts";
import type { Transaction } from "kysely";
import type { Database } from "./database.ts";
import { uncountJob } from "./group-counts.ts";
import { toJob } from "./job-row.ts";
import type { JobStore } from "./job-store.ts";
import { change, changeUnindexed, unfinishedStatuses } from "./job-transition.ts";
import type { JobTable, Schema } from "./schema.ts";
import { indexJob, unindexJobs } from "./search/index-writer.ts";
import { termsOfRow } from "./search-terms.ts";

function refuseRequeue(row: JobTable): never {
  if (row.status === "cancelled") throw new Failure("job_cancelled", `The job ${row.id} was cancelled and its core is gone.`);
  const running = row.status === "queued" || row.status === "running";
  if (!running && row.core_blob === null) throw new Failure("core_lost", `The core of job ${row.id} has expired.`);
  throw new Failure("job_running", `The job ${row.id} is ${row.status}.`);
}

/** The core, or for a job of logs alone one of them, is still there. */
async function hasUpload(transaction: Transaction<Schema>, id: string): Promise<boolean> {
  const kept = await transaction.selectFrom("jobs").select(["core_blob", "core_sha256"]).where("id", "=", id).executeTakeFirst();
  if (kept === undefined || kept.core_blob !== null || kept.core_sha256 !== "") return kept?.core_blob != null;
  return (await transaction.selectFrom("attachments").select("blob").where("job_id", "=", id).limit(1).executeTakeFirst()) !== undefined;
}

export function control(database: Database): Pick<JobStore, "cancel" | "delete" | "requeue"> {
  const find = (projectId: string, id: string) =>
    database.query.selectFrom("jobs").selectAll().where("project_id", "=", projectId).where("id", "=", id).executeTakeFirst();

  return {
    cancel: async (projectId, id) => {
      const cancelled = await database.query.transaction().execute(async (transaction) => {
        const belongings = await transaction
          .selectFrom("jobs")
          .leftJoin("attachments", "attachments.job_id", "jobs.id")
          .select(["jobs.core_blob", "attachments.blob"])
          .where("jobs.project_id", "=", projectId)
          .where("jobs.id", "=", id)
          .execute();
        const row = await changeUnindexed(
          transaction,
          { id, projectId, status: unfinishedStatuses },
          { status: "cancelled", finished_at: new Date().toISOString(), core_blob: null, signature_hash: null, signature_title: null },
        );
        if (row === null) return null;
        await transaction.deleteFrom("attachments").where("job_id", "=", id).execute();
        // A job that is analysed again may have the report of its first run.
        await transaction.deleteFrom("reports").where("job_id", "=", id).execute();
        await uncountJob(transaction, id);
        await discardBlobs(
          transaction,
          belongings.flatMap((each) => [each.core_blob, each.blob]),
        );
        await indexJob(transaction, row, termsOfRow(row));
        return row;
      });
      const row = cancelled ?? (await find(projectId, id));
      return row === undefined ? null : toJob(row);
    },

    delete: (projectId, id) =>
      database.query.transaction().execute(async (transaction) => {
        const attachments = await transaction.selectFrom("attachments").select("blob").where("job_id", "=", id).execute();
        const row = await transaction.deleteFrom("jobs").where("project_id", "=", projectId).where("id", "=", id).returning("core_blob").executeTakeFirst();
        if (row === undefined) return false;
        await uncountJob(transaction, id);
        await discardBlobs(transaction, [row.core_blob, ...attachments.map((each) => each.blob)]);
        await unindexJobs(transaction, projectId, [id]);
        return true;
      }),

    requeue: async (projectId, id, options = null) => {
      const queued = await database.query.transaction().execute(async (transaction) => {
        if (!(await hasUpload(transaction, id))) return null;
        return change(
          transaction,
          { id, projectId, status: ["succeeded", "failed", "awaiting_binaries"] },
          {
            status: "queued",
            stage: "queued",
            percent: 0,
            started_at: null,
            finished_at: null,
            attempts: 0,
            error: null,
            waits_until: null,
            ...(options === null ? {} : { options: JSON.stringify(options) }),
          },
        );
      });
      if (queued !== null) return toJob(queued);
      const row = await find(projectId, id);
      return row === undefined ? null : refuseRequeue(row);
    },
  };
}
