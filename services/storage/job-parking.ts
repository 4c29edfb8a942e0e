/**
 * Parked jobs: `awaiting_binaries`, until what they miss has come or their time is up.
 *
 * Nothing here decides that; the caller computes what is still missing from the core and the store, after the binary's row
 * is committed. A job's row is committed before anybody looks for what came meanwhile. So of an arrival and a job that meet,
 * the later one sees the other, and none is left behind.
 */
import type { Database } from "./database.ts";
import { toJob, toStoredJob } from "./job-row.ts";
import type { JobStore } from "./job-store.ts";
import { changeAlone } from "./job-transition.ts";

const rowsAtOnce = 200;

export function parking(database: Database): Pick<JobStore, "parked" | "unpark" | "stillMissing"> {
  return {
    parked: async function* (projectId) {
      for (let after = ""; ; ) {
        let query = database.query.selectFrom("jobs").selectAll().where("status", "=", "awaiting_binaries").where("id", ">", after);
        if (projectId !== null) query = query.where("project_id", "=", projectId);
        const rows = await query.orderBy("id").limit(rowsAtOnce).execute();
        for (const row of rows) yield { ...toStoredJob(row), waitsUntil: row.waits_until };
        after = rows.at(-1)?.id ?? after;
        if (rows.length < rowsAtOnce) return;
      }
    },

    unpark: async (id, missing) => {
      const row = await changeAlone(
        database,
        { id, status: ["awaiting_binaries"] },
        { status: "queued", waits_until: null, missing_binaries: JSON.stringify(missing) },
      );
      return row === null ? null : toJob(row);
    },

    stillMissing: async (id, missing) => {
      await database.query
        .updateTable("jobs")
        .set({ missing_binaries: JSON.stringify(missing) })
        .where("id", "=", id)
        .where("status", "=", "awaiting_binaries")
        .execute();
    },
  };
}
