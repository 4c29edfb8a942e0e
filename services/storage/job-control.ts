/** The user's changes of a job: cancel, delete, run again. */
import { type RawBuilder, sql, type Transaction } from "kysely";
import { Failure } from "../contract/failure.ts";
import type { CoreGone, JobPriority } from "../contract/job.ts";
import type { JobOptions } from "../contract/job-options.ts";
import { discardBlobs } from "./blob-trash.ts";
import { holdCoreOf } from "./core-locks.ts";
import type { Database } from "./database.ts";
import { uncountJob } from "./group-counts.ts";
import { toJob } from "./job-row.ts";
import type { JobStore } from "./job-store.ts";
import { change, changeUnindexed, unfinishedStatuses } from "./job-transition.ts";
import type { JobTable, Schema } from "./schema.ts";
import { indexJob, unindexJobs } from "./search/index-writer.ts";
import { termsOfRow } from "./search-terms.ts";
import { passOn } from "./stand-in.ts";

const howCoresGo: Readonly<Record<CoreGone, string>> = {
  expired: "has expired",
  surplus: "is no longer kept: its group has newer ones enough",
  cancelled: "is gone",
};

/** `gone` is null where the job still names a core whose bytes are not there. */
export const coreLost = (jobId: string, gone: CoreGone | null) =>
  new Failure("core_lost", `The core of job ${jobId} ${gone === null ? "is no longer stored" : howCoresGo[gone]}.`);

/** Why a job cannot be analysed again; null when nothing is known that keeps it from that. */
export function whyNotRequeued({ status, core_blob: blob, core_sha256: sha256 }: Pick<JobTable, "status" | "core_blob" | "core_sha256">) {
  if (status === "cancelled") return "job_cancelled";
  if (status === "queued" || status === "running") return "job_running";
  return blob === null && sha256 !== "" ? "core_lost" : null;
}

function refuseRequeue(row: JobTable): never {
  const code = whyNotRequeued(row);
  if (code === "job_cancelled") throw new Failure(code, `The job ${row.id} was cancelled and its core is gone.`);
  if (code === "job_running") throw new Failure(code, `The job ${row.id} is ${row.status}.`);
  throw coreLost(row.id, row.core_gone ?? "expired");
}

/**
 * The core, or for a job of logs alone one of them, is still there, and stays: the row is held from here on, and those who let
 * uploads go ask in their own change of it whether the job has ended.
 */
async function holdUpload(transaction: Transaction<Schema>, id: string): Promise<boolean> {
  const kept = await transaction
    .updateTable("jobs")
    .set((column) => ({ revision: column.ref("revision") }))
    .where("id", "=", id)
    .returning(["core_blob", "core_sha256"])
    .executeTakeFirst();
  if (kept === undefined || kept.core_blob !== null || kept.core_sha256 !== "") return kept?.core_blob != null;
  return (await transaction.selectFrom("attachments").select("blob").where("job_id", "=", id).limit(1).executeTakeFirst()) !== undefined;
}

/** False when there is no such job. The caller holds its core. */
export async function deleteJob(transaction: Transaction<Schema>, projectId: string, id: string): Promise<boolean> {
  const attachments = await transaction.selectFrom("attachments").select("blob").where("job_id", "=", id).execute();
  const row = await transaction.deleteFrom("jobs").where("project_id", "=", projectId).where("id", "=", id).returning("core_blob").executeTakeFirst();
  if (row === undefined) return false;
  await passOn(transaction, id);
  await uncountJob(transaction, id);
  await discardBlobs(transaction, [row.core_blob, ...attachments.map((each) => each.blob)]);
  await unindexJobs(transaction, projectId, [id]);
  return true;
}

/** Null when it cannot be analysed again as it is; see `whyNotRequeued`. */
export async function requeueJob(
  transaction: Transaction<Schema>,
  projectId: string,
  id: string,
  options: JobOptions | null,
  priority: JobPriority | RawBuilder<JobPriority>,
): Promise<JobTable | null> {
  if (!(await holdUpload(transaction, id))) return null;
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
      takes_over: 0,
      priority,
      ...(options === null ? {} : { options: JSON.stringify(options) }),
    },
  );
}

export function control(database: Database): Pick<JobStore, "cancel" | "delete" | "requeue"> {
  const find = (projectId: string, id: string) =>
    database.query.selectFrom("jobs").selectAll().where("project_id", "=", projectId).where("id", "=", id).executeTakeFirst();

  return {
    cancel: async (projectId, id) => {
      const cancelled = await database.query.transaction().execute(async (transaction) => {
        await holdCoreOf(transaction, id);
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
          { status: "cancelled", finished_at: new Date().toISOString(), core_blob: null, core_gone: "cancelled", signature_hash: null, signature_title: null },
        );
        if (row === null) return null;
        await transaction.deleteFrom("attachments").where("job_id", "=", id).execute();
        // A job that is analysed again may have the report of its first run.
        await transaction.deleteFrom("reports").where("job_id", "=", id).execute();
        await passOn(transaction, id);
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
        await holdCoreOf(transaction, id);
        return deleteJob(transaction, projectId, id);
      }),

    requeue: async (projectId, id, options = null) => {
      // Somebody asks for this one: it no longer waits behind the many that it came with.
      const queued = await database.query
        .transaction()
        .execute((transaction) => requeueJob(transaction, projectId, id, options, sql<JobPriority>`case priority when 'low' then 'normal' else priority end`));
      if (queued !== null) return toJob(queued);
      const row = await find(projectId, id);
      return row === undefined ? null : refuseRequeue(row);
    },
  };
}
