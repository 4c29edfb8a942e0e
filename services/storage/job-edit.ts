/** What people change about a job: its labels, wherever it is found and counted by them, and how urgent it is. */
import type { Transaction } from "kysely";
import type { Labels } from "../contract/common.ts";
import type { LabelChange } from "../contract/job.ts";
import { changedLabels, type LabelLimits } from "../contract/labels.ts";
import type { Database } from "./database.ts";
import { recountLabels } from "./group-labels.ts";
import { toStoredJob } from "./job-row.ts";
import type { JobStore } from "./job-store.ts";
import { requireRevision } from "./revision.ts";
import type { JobTable, Schema } from "./schema.ts";
import { retag } from "./search/index-writer.ts";
import { termsOfLabels } from "./search-terms.ts";

/** The row as it is then; null when nothing changes. Throws `labels_invalid`. */
export async function relabel(transaction: Transaction<Schema>, row: JobTable, change: LabelChange, limits: LabelLimits): Promise<JobTable | null> {
  const before: Labels = JSON.parse(row.labels);
  const after = changedLabels(before, change, limits);
  const same = Object.keys(before).length === Object.keys(after).length && Object.entries(after).every(([name, value]) => before[name] === value);
  if (same) return null;
  const labels = JSON.stringify(after);
  await transaction.updateTable("jobs").set({ labels }).where("id", "=", row.id).execute();
  // Row, counts, index: the order in which everybody locks them.
  await recountLabels(transaction, row.id, after);
  await retag(transaction, row, termsOfLabels(before), termsOfLabels(after));
  return { ...row, labels };
}

export function editing(database: Database): Pick<JobStore, "edit"> {
  return {
    edit: (projectId, id, { labels, priority }, revision, limits) =>
      database.query.transaction().execute(async (transaction) => {
        // The update first: it holds the row, so of two edits one sees the other.
        const row = await transaction
          .updateTable("jobs")
          .set((column) => ({ revision: column("revision", "+", 1), ...(priority === undefined ? {} : { priority }) }))
          .where("project_id", "=", projectId)
          .where("id", "=", id)
          .returningAll()
          .executeTakeFirst();
        if (row === undefined) return null;
        requireRevision(`The job ${id}`, row.revision, revision);
        const relabelled = labels === undefined ? null : await relabel(transaction, row, labels, limits);
        return toStoredJob(relabelled ?? row);
      }),
  };
}
