/** How a job comes to be: the row, what came with it and what it is found by, in one transaction. */
import type { Transaction } from "kysely";
import { addBinary } from "./binary-store.ts";
import { discardBlobs, keepBlobs } from "./blob-trash.ts";
import { holdCores } from "./core-locks.ts";
import type { Database } from "./database.ts";
import { timeOfId } from "./id-time.ts";
import { appendEvent } from "./job-events.ts";
import { linkToOriginal } from "./job-duplicates.ts";
import { toJob } from "./job-row.ts";
import type { CreatedJob, JobStore, NewJob } from "./job-store.ts";
import type { JobTable, Schema } from "./schema.ts";
import { indexJob } from "./search/index-writer.ts";
import { baseName, indexable, storable } from "./search-text.ts";
import { termsOfRow } from "./search-terms.ts";

const clean = (text: string | null): string | null => (text === null ? null : storable(text));

function newRow(job: NewJob): JobTable {
  const { core } = job;
  return {
    id: job.id,
    project_id: job.projectId,
    status: job.status,
    idempotency_key: job.idempotencyKey === null ? null : indexable(job.idempotencyKey),
    created_at: new Date(timeOfId(job.id)).toISOString(),
    started_at: null,
    finished_at: null,
    expires_at: job.expiresAt,
    core_expires_at: job.coreExpiresAt,
    stage: "queued",
    percent: 0,
    attempts: 0,
    run: 0,
    when_missing: job.whenMissing,
    options: JSON.stringify(job.options),
    priority: job.priority,
    revision: 1,
    duplicate_of: null,
    takes_over: 0,
    core_gone: null,
    waits_until: job.waitsUntil,
    core_blob: job.coreBlob,
    core_filename: clean(core?.filename ?? null),
    core_size: core?.size ?? 0,
    core_sha256: core?.sha256 ?? "",
    pid: core?.pid ?? null,
    signal: core?.signal ?? null,
    core_executable: clean(core?.executable_name ?? null),
    executable: core?.executable_name == null ? null : indexable(baseName(core.executable_name)),
    command_line: core?.command_line == null ? null : JSON.stringify(core.command_line),
    labels: JSON.stringify(job.labels),
    missing_binaries: JSON.stringify(job.missingBinaries),
    error: null,
    python_version: null,
    signature_hash: null,
    signature_title: null,
    number: null,
  };
}

/** True when binaries came that the project did not have. */
async function addBelongings(transaction: Transaction<Schema>, job: NewJob): Promise<boolean> {
  let anyNew = false;
  for (const [position, binary] of job.binaries.entries()) {
    const { binary: stored, created } = await addBinary(transaction, job.projectId, binary);
    const { sha256 } = stored;
    anyNew ||= created;
    await transaction
      .insertInto("job_binaries")
      .values({ job_id: job.id, project_id: job.projectId, sha256, position, filename: clean(binary.filename) })
      .execute();
  }
  for (const [position, { filename, size, sha256, blob }] of job.attachments.entries()) {
    await transaction
      .insertInto("attachments")
      .values({ job_id: job.id, position, filename: clean(filename), size, sha256, blob })
      .execute();
  }
  await keepBlobs(transaction, [...(job.coreBlob === null ? [] : [job.coreBlob]), ...job.attachments.map((attachment) => attachment.blob)]);
  return anyNew;
}

const coreOf = ({ projectId, core }: NewJob) => ({ projectId, digest: core?.sha256 ?? "" });

async function createOne(transaction: Transaction<Schema>, job: NewJob): Promise<CreatedJob> {
  const inserted = await transaction
    .insertInto("jobs")
    .values(newRow(job))
    .onConflict((conflict) => conflict.columns(["project_id", "idempotency_key"]).doNothing())
    .returningAll()
    .executeTakeFirst();
  if (inserted !== undefined) {
    const anyNew = await addBelongings(transaction, job);
    await appendEvent(transaction, inserted, "status");
    await indexJob(transaction, inserted, termsOfRow(inserted));
    const alike = !job.options.fresh && !anyNew && job.attachments.length === 0;
    return { job: toJob(await linkToOriginal(transaction, inserted, alike)), created: true };
  }
  const earlier = await transaction
    .selectFrom("jobs")
    .selectAll()
    .where("project_id", "=", job.projectId)
    .where("idempotency_key", "=", newRow(job).idempotency_key)
    .executeTakeFirstOrThrow();
  await discardBlobs(transaction, [job.coreBlob, ...[...job.binaries, ...job.attachments].map((each) => each.blob)]);
  return { job: toJob(earlier), created: false };
}

export function creation(database: Database): Pick<JobStore, "create" | "createAll" | "byIdempotencyKey"> {
  return {
    byIdempotencyKey: async (projectId, key) => {
      const row = await database.query
        .selectFrom("jobs")
        .selectAll()
        .where("project_id", "=", projectId)
        .where("idempotency_key", "=", indexable(key))
        .executeTakeFirst();
      return row === undefined ? null : toJob(row);
    },
    create: (job) =>
      database.query.transaction().execute(async (transaction) => {
        await holdCores(transaction, [coreOf(job)]);
        return createOne(transaction, job);
      }),
    createAll: (jobs) =>
      database.query.transaction().execute(async (transaction) => {
        await holdCores(transaction, jobs.map(coreOf));
        const made: CreatedJob[] = [];
        for (const job of jobs) made.push(await createOne(transaction, job));
        return made;
      }),
  };
}
