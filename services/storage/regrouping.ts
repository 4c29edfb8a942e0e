/**
 * Stored reports under signatures of newer rules, batch by batch, from the oldest job to the newest.
 *
 * How far it came is kept per version of the rules, so a restart goes on where it was. A group goes on with the first
 * signature that its crashes get, with its state, note and link; where the new rules tell its crashes apart, the others
 * get groups of their own. A signature whose last job has moved on leads to the one that replaced it.
 */
import type { Transaction } from "kysely";
import type { Report, Signature } from "../contract/report.ts";
import type { Database } from "./database.ts";
import { countJob } from "./group-counts.ts";
import { encodeReport, decodeReport } from "./report-store.ts";
import type { JobTable, Schema } from "./schema.ts";
import { retag } from "./search/index-writer.ts";
import { columnsOfReport, termsOfSignature } from "./search-terms.ts";
import { indexable } from "./search-text.ts";

export interface RegroupBatch {
  readonly seen: number;
  readonly changed: number;
  /** True when every job has been seen. */
  readonly done: boolean;
}

const jobsAtOnce = 20;

async function progress(database: Database, version: number): Promise<{ readonly after: string; readonly done: boolean }> {
  const row = await database.query.selectFrom("regrouping").selectAll().where("version", "=", version).executeTakeFirst();
  return { after: row?.after_id ?? "", done: row?.done === 1 };
}

/** The group that the new signature goes on with; null for one of its own. */
async function continued(transaction: Transaction<Schema>, projectId: string, old: string | null, version: number): Promise<string | null> {
  if (old === null) return null;
  const from = await transaction.selectFrom("signatures").select("group_hash").where("project_id", "=", projectId).where("hash", "=", old).executeTakeFirst();
  if (from === undefined) return null;
  const successor = await transaction
    .selectFrom("signatures")
    .select("hash")
    .where("project_id", "=", projectId)
    .where("group_hash", "=", from.group_hash)
    .where("version", ">=", version)
    .where("count", ">", 0)
    .limit(1)
    .executeTakeFirst();
  return successor === undefined ? from.group_hash : null;
}

async function supersede(transaction: Transaction<Schema>, projectId: string, old: string | null, signature: Signature | null): Promise<void> {
  if (old === null || signature === null || old === indexable(signature.hash)) return;
  await transaction
    .updateTable("signatures")
    .set({ superseded_by: indexable(signature.hash) })
    .where("project_id", "=", projectId)
    .where("hash", "=", old)
    .where("count", "<=", 0)
    .execute();
}

/** A group is called as its crashes are; one whose title is of another signature, as after a merge, keeps it. */
async function retitle(transaction: Transaction<Schema>, row: JobTable, group: string, title: string | null): Promise<void> {
  if (row.signature_title === null || title === null || row.signature_title === title) return;
  await transaction
    .updateTable("groups")
    .set({ title })
    .where("project_id", "=", row.project_id)
    .where("hash", "=", group)
    .where("title", "=", row.signature_title)
    .execute();
}

/** One transaction; false when the job was changed meanwhile, which then has a newer report anyway. */
function restore(database: Database, row: JobTable, report: Report, version: number): Promise<boolean> {
  return database.query.transaction().execute(async (transaction) => {
    const { signature_hash, signature_title } = columnsOfReport(report);
    const current = await transaction
      .updateTable("jobs")
      .set({ signature_hash, signature_title })
      .where("id", "=", row.id)
      .where("run", "=", row.run)
      .where("status", "=", "succeeded")
      .returningAll()
      .executeTakeFirst();
    if (current === undefined) return false;
    const body = await encodeReport(report);
    await transaction.updateTable("reports").set(body).where("job_id", "=", row.id).where("run", "=", row.run).execute();
    const counted = await countJob(transaction, current, report, await continued(transaction, row.project_id, row.signature_hash, version));
    if (counted !== null) await retitle(transaction, row, counted.group, signature_title ?? null);
    await supersede(transaction, row.project_id, row.signature_hash, report.signature);
    await retag(transaction, current, termsOfSignature(row.signature_hash), termsOfSignature(current.signature_hash));
    return true;
  });
}

async function keepProgress(database: Database, version: number, after: string, done: boolean): Promise<void> {
  const row = { after_id: after, done: Number(done) };
  await database.query
    .insertInto("regrouping")
    .values({ version, ...row })
    .onConflict((conflict) => conflict.column("version").doUpdateSet(row))
    .execute();
}

/** The next jobs after those that were seen. `signatureOf` and `version` are those of the rules in force. */
export async function regroupNext(database: Database, version: number, signatureOf: (report: Report) => Signature | null): Promise<RegroupBatch> {
  const { after, done } = await progress(database, version);
  if (done) return { seen: 0, changed: 0, done };
  const rows = await database.query
    .selectFrom("jobs")
    .innerJoin("reports", "reports.job_id", "jobs.id")
    .selectAll("jobs")
    .select(["reports.body as report_body", "reports.size as report_size"])
    .where("jobs.id", ">", after)
    .orderBy("jobs.id")
    .limit(jobsAtOnce)
    .execute();
  let changed = 0;
  for (const { report_body: body, report_size: size, ...row } of rows) {
    const report = await decodeReport({ body, size });
    const counted = await database.query.selectFrom("counted_jobs").select("signature").where("job_id", "=", row.id).executeTakeFirst();
    const upToDate = report.signature?.version === version && counted?.signature === indexable(report.signature.hash);
    if (row.status !== "succeeded" || upToDate) continue;
    const signature = signatureOf(report);
    if (signature === null && report.signature === null) continue;
    if (await restore(database, row, { ...report, signature }, version)) changed += 1;
  }
  const end = rows.length < jobsAtOnce;
  await keepProgress(database, version, rows.at(-1)?.id ?? after, end);
  return { seen: rows.length, changed, done: end };
}
