/** The job store on the database, put together from its parts. */
import type { Database } from "./database.ts";
import { control } from "./job-control.ts";
import { creation } from "./job-creation.ts";
import { duplicates } from "./job-duplicates.ts";
import { editing } from "./job-edit.ts";
import { readEvents } from "./job-events.ts";
import { housekeeping } from "./job-housekeeping.ts";
import { parking } from "./job-parking.ts";
import type { ResultRules } from "./job-result.ts";
import { toStoredJob } from "./job-row.ts";
import { running } from "./job-run.ts";
import type { JobStore } from "./job-store.ts";
import { jobStats } from "./job-stats.ts";
import { searching } from "./job-search.ts";

export function createJobStore(database: Database, rules: ResultRules = { coresPerGroup: 0 }): JobStore {
  return {
    ...creation(database),
    ...searching(database),
    stats: (projectId, filters, query) => jobStats(database, projectId, filters, query),
    ...control(database),
    ...editing(database),
    ...running(database, rules),
    ...duplicates(database),
    ...housekeeping(database),
    ...parking(database),
    get: async (projectId, id) => {
      const row = await database.query.selectFrom("jobs").selectAll().where("project_id", "=", projectId).where("id", "=", id).executeTakeFirst();
      return row === undefined ? null : toStoredJob(row);
    },
    attachments: (id) =>
      database.query.selectFrom("attachments").select(["filename", "size", "sha256", "blob"]).where("job_id", "=", id).orderBy("position").execute(),
    events: (id, after) => readEvents(database, id, after),
  };
}
