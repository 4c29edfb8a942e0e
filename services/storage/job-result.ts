/** A report becomes its job's: report, status, what the job is found by, counted under and told of, in one transaction. */
import type { Database } from "./database.ts";
import { holdCoreOf } from "./core-locks.ts";
import { countJob } from "./group-counts.ts";
import type { JobResult } from "./job-store.ts";
import { changeUnindexed, type Guard } from "./job-transition.ts";
import { tellAnalysed } from "./outbox.ts";
import { encodeReport } from "./report-store.ts";
import { indexJob } from "./search/index-writer.ts";
import { columnsOfReport, termsOfReport, termsOfRow } from "./search-terms.ts";
import { replaceFailed } from "./stand-in.ts";
import { dropSurplus } from "./surplus-cores.ts";

export interface ResultRules {
  /** Cores that are kept of one group, the newest; 0 for all. */
  readonly coresPerGroup: number;
}

/** False when the guard does not hold. */
export async function storeReport(database: Database, guard: Guard, { report, missingBinaries }: JobResult, { coresPerGroup }: ResultRules): Promise<boolean> {
  const encoded = await encodeReport(report);
  return database.query.transaction().execute(async (transaction) => {
    await holdCoreOf(transaction, guard.id);
    const changed = await changeUnindexed(transaction, guard, {
      ...columnsOfReport(report),
      status: "succeeded",
      stage: "done",
      percent: 100,
      finished_at: new Date().toISOString(),
      error: null,
      missing_binaries: JSON.stringify(missingBinaries),
      takes_over: 0,
    });
    if (changed === null) return false;
    const row = await replaceFailed(transaction, changed);
    const stored = { run: row.run, created_at: report.created_at, ...encoded };
    await transaction
      .insertInto("reports")
      .values({ job_id: row.id, ...stored })
      .onConflict((conflict) => conflict.column("job_id").doUpdateSet(stored))
      .execute();
    const counted = await countJob(transaction, row, report);
    await tellAnalysed(transaction, row, report.diagnoses, counted);
    await indexJob(transaction, row, [...termsOfRow(row), ...termsOfReport(report)]);
    if (counted !== null && coresPerGroup > 0) await dropSurplus(transaction, row.project_id, counted.group, coresPerGroup);
    return true;
  });
}
