/**
 * Equal cores of a project.
 *
 * A core that came before, byte for byte, is the same crash: its job names the first one (`duplicate_of`), lies on the same bytes
 * and is not counted again. It takes the first one's report over, without another analysis, when nothing differs that the report
 * depends on: the same options, the same binaries found and missing, no logs with it. Where the first job goes, one of its
 * duplicates stands in for it.
 */
import { type Transaction, sql } from "kysely";
import type { JobStatus } from "../contract/job.ts";
import { storedOptions } from "../contract/job-options.ts";
import { discardBlobs } from "./blob-trash.ts";
import type { Database } from "./database.ts";
import { storeReport } from "./job-result.ts";
import type { JobStore } from "./job-store.ts";
import { decodeReport } from "./report-store.ts";
import type { JobTable, Schema } from "./schema.ts";

/** Whoever calls holds the core. `alike`: nothing came with it that its report would depend on. */
export async function linkToOriginal(transaction: Transaction<Schema>, row: JobTable, alike: boolean): Promise<JobTable> {
  if (row.core_sha256 === "") return row;
  const original = await transaction
    .selectFrom("jobs")
    .select(["id", "core_blob"])
    .where("project_id", "=", row.project_id)
    .where("core_sha256", "=", row.core_sha256)
    .where("id", "!=", row.id)
    .where("duplicate_of", "is", null)
    .where(sql<JobStatus>`status || ''`, "!=", "cancelled")
    .orderBy("id")
    .limit(1)
    .executeTakeFirst();
  if (original === undefined) return row;
  const shared = original.core_blob !== null;
  const linked = await transaction
    .updateTable("jobs")
    .set({ duplicate_of: original.id, takes_over: Number(alike), ...(shared ? { core_blob: original.core_blob } : {}) })
    .where("id", "=", row.id)
    .returningAll()
    .executeTakeFirstOrThrow();
  if (shared) await discardBlobs(transaction, [row.core_blob]);
  return linked;
}

export function duplicates(database: Database): Pick<JobStore, "takeOver"> {
  const mine = (id: string) => database.query.selectFrom("jobs").selectAll().where("id", "=", id).where("takes_over", "=", 1);
  return {
    takeOver: async (id, run) => {
      const row = await mine(id).executeTakeFirst();
      if (row?.duplicate_of == null) return false;
      const original = await database.query
        .selectFrom("jobs")
        .innerJoin("reports", "reports.job_id", "jobs.id")
        .select(["jobs.options", "jobs.missing_binaries", "jobs.run", "reports.body", "reports.size"])
        .where("jobs.id", "=", row.duplicate_of)
        .where("jobs.status", "=", "succeeded")
        .where((query) => query.not(query.exists(query.selectFrom("attachments").select("blob").whereRef("job_id", "=", "jobs.id"))))
        .executeTakeFirst();
      if (
        original === undefined ||
        JSON.stringify({ ...storedOptions(original.options), fresh: false }) !== JSON.stringify(storedOptions(row.options)) ||
        original.missing_binaries !== row.missing_binaries
      )
        return false;
      const known = await decodeReport(original);
      // The logs that it was read with may have expired before it.
      if (known.attachments.length > 0) return false;
      const report = { ...known, job_id: id };
      const guard = { id, status: ["queued", "running"] as const, ...(run === null ? {} : { run }) };
      return storeReport(database, guard, { report, missingBinaries: JSON.parse(row.missing_binaries) }, { coresPerGroup: 0 });
    },
  };
}
