/** What nobody asks for by hand: finding work that the queue lost, and letting go of what has expired. */
import { type Transaction, sql } from "kysely";
import type { CoreGone, JobStatus } from "../contract/job.ts";
import { discardBlobs } from "./blob-trash.ts";
import { holdCores } from "./core-locks.ts";
import type { Database } from "./database.ts";
import { uncountJob } from "./group-counts.ts";
import { failJob } from "./job-run.ts";
import type { JobStore, UnfinishedJob } from "./job-store.ts";
import { endedStatuses } from "./job-transition.ts";
import type { Schema } from "./schema.ts";
import { unindexJobs } from "./search/index-writer.ts";
import { passOn } from "./stand-in.ts";

const rowsAtOnce = 200;
/** Nearly all jobs have ended and few have expired: without this SQLite would walk the index of the status. */
const unindexedStatus = sql<JobStatus>`jobs.status || ''`;
/** How long an expired job still answers 410 before it is forgotten. */
const tombstoneMilliseconds = 30 * 86_400_000;

/**
 * Core and attachments of those go that have ended still: whom somebody asked to analyse again since they were found keeps them.
 * Gives their ids. The transaction is the caller's, and this the first that it does.
 */
async function dropUploads(transaction: Transaction<Schema>, found: readonly string[]): Promise<readonly string[]> {
  const held = await transaction.selectFrom("jobs").select(["project_id as projectId", "core_sha256 as digest"]).where("id", "in", found).execute();
  await holdCores(transaction, held);
  const cores = await transaction.selectFrom("jobs").select("core_blob").where("id", "in", found).execute();
  const rows = await transaction
    .updateTable("jobs")
    .set((column) => ({
      core_gone: column.case().when("core_blob", "is", null).then(column.ref("core_gone")).else(sql.lit<CoreGone>("expired")).end(),
      core_blob: null,
      core_expires_at: null,
    }))
    .where("id", "in", found)
    .where(unindexedStatus, "in", endedStatuses)
    .returning("id")
    .execute();
  const ids = rows.map(({ id }) => id);
  if (ids.length === 0) return ids;
  const attachments = await transaction.deleteFrom("attachments").where("job_id", "in", ids).returning("blob").execute();
  await discardBlobs(transaction, [...cores.map((row) => row.core_blob), ...attachments.map(({ blob }) => blob)]);
  return ids;
}

/** Runs `step` on batches of ids until it finds none; each batch is one short transaction. */
async function inBatches(
  database: Database,
  find: (transaction: Transaction<Schema>) => Promise<{ id: string }[]>,
  step: (transaction: Transaction<Schema>, ids: string[]) => Promise<unknown>,
): Promise<number> {
  for (let done = 0; ; ) {
    const count = await database.query.transaction().execute(async (transaction) => {
      const ids = (await find(transaction)).map((row) => row.id);
      if (ids.length > 0) await step(transaction, ids);
      return ids.length;
    });
    done += count;
    if (count < rowsAtOnce) return done;
  }
}

async function* withStatus(database: Database, status: UnfinishedJob["status"]): AsyncIterable<UnfinishedJob> {
  for (let after = ""; ; ) {
    const rows = await database.query
      .selectFrom("jobs")
      .select(["id", "created_at", "attempts", "core_size", "priority"])
      .where("status", "=", status)
      .where("id", ">", after)
      .orderBy("id")
      .limit(rowsAtOnce)
      .execute();
    for (const row of rows) yield { id: row.id, status, createdAt: row.created_at, attempts: row.attempts, coreSize: row.core_size, priority: row.priority };
    after = rows.at(-1)?.id ?? after;
    if (rows.length < rowsAtOnce) return;
  }
}

export function housekeeping(database: Database): Pick<JobStore, "unfinished" | "abandon" | "stopped" | "expire"> {
  return {
    unfinished: async function* () {
      for (const status of ["running", "queued"] as const) yield* withStatus(database, status);
    },

    abandon: (id, error) => failJob(database, { id, status: ["queued", "running"] }, error),

    stopped: async (ids) => {
      if (ids.length === 0) return [];
      const rows = await database.query.selectFrom("jobs").select("id").where("id", "in", ids).where("status", "!=", "cancelled").execute();
      const wanted = new Set(rows.map((row) => row.id));
      return ids.filter((id) => !wanted.has(id));
    },

    expire: async (now) => {
      const time = now.toISOString();
      const cores = await inBatches(
        database,
        (transaction) =>
          transaction
            .selectFrom("jobs")
            .select("id")
            .where("core_expires_at", "<=", time)
            .where(unindexedStatus, "in", endedStatuses)
            .orderBy("core_expires_at")
            .limit(rowsAtOnce)
            .execute(),
        dropUploads,
      );
      const reports = await inBatches(
        database,
        (transaction) =>
          transaction
            .selectFrom("jobs")
            .innerJoin("reports", "reports.job_id", "jobs.id")
            .select("jobs.id")
            .where("jobs.expires_at", "<=", time)
            .where(unindexedStatus, "in", endedStatuses)
            .orderBy("jobs.expires_at")
            .limit(rowsAtOnce)
            .execute(),
        async (transaction, found) => {
          const ids = await dropUploads(transaction, found);
          if (ids.length > 0) await transaction.deleteFrom("reports").where("job_id", "in", ids).execute();
        },
      );
      await database.query.deleteFrom("bulks").where("expires_at", "<=", time).execute();
      await database.query.deleteFrom("bulk_changes").where("expires_at", "<=", time).execute();
      const forgotten = new Date(now.getTime() - tombstoneMilliseconds).toISOString();
      const jobs = await inBatches(
        database,
        (transaction) =>
          transaction
            .selectFrom("jobs")
            .select("id")
            .where("expires_at", "<=", forgotten)
            .where(unindexedStatus, "in", endedStatuses)
            .orderBy("expires_at")
            .limit(rowsAtOnce)
            .execute(),
        async (transaction, found) => {
          const ids = await dropUploads(transaction, found);
          if (ids.length === 0) return;
          // They go first: none of them may stand in for another.
          const rows = await transaction.deleteFrom("jobs").where("id", "in", ids).returning(["id", "project_id"]).execute();
          for (const id of ids) {
            await passOn(transaction, id);
            await uncountJob(transaction, id);
          }
          for (const [project, own] of Map.groupBy(rows, (row) => row.project_id))
            await unindexJobs(
              transaction,
              project,
              own.map(({ id }) => id),
            );
        },
      );
      return { cores, reports, jobs };
    },
  };
}
