/**
 * Jobs by filters, newest first, page by page.
 *
 * Pages are cut by the id of the last job (UUIDv7: ids sort by time), so they stay put while jobs come and go. Without
 * filters, or with times alone, one index of `jobs` is walked; everything else is asked of the search index.
 */
import type { CompiledQuery } from "kysely";
import type { Database } from "./database.ts";
import { firstIdAt } from "./id-time.ts";
import { decodeCursor, encodeCursor } from "./job-cursor.ts";
import { toJob } from "./job-row.ts";
import type { JobFilters, JobStore } from "./job-store.ts";
import type { JobTable } from "./schema.ts";
import { allMatching, newestMatching } from "./search/matching-jobs.ts";
import { hasTerms, planOf, timesOf } from "./search/search-plan.ts";

export interface PageQuery {
  compile(): CompiledQuery;
  execute(): Promise<JobTable[]>;
}

/** All jobs between two times. */
function pageOfAll(database: Database, projectId: string, filters: JobFilters, before: string | null, limit: number): PageQuery {
  const { from, below } = timesOf(filters);
  const bound = [before, below === null ? null : firstIdAt(below)].filter((id) => id !== null).toSorted()[0];
  let query = database.query.selectFrom("jobs").selectAll().where("project_id", "=", projectId).orderBy("id", "desc").limit(limit);
  if (from !== null) query = query.where("id", ">=", firstIdAt(from));
  if (bound !== undefined) query = query.where("id", "<", bound);
  return query;
}

/** At most `limit` jobs whose ids are below `before`, the newest first. */
export async function jobPage(database: Database, projectId: string, filters: JobFilters, before: string | null, limit: number): Promise<JobTable[]> {
  if (!hasTerms(filters)) return pageOfAll(database, projectId, filters, before, limit).execute();
  const plan = await planOf(database, projectId, filters);
  return plan === null ? [] : newestMatching(database, projectId, plan, before, limit);
}

/** Few, for they all live until the last of them is taken. */
const rowsAtOnce = 10;

async function* pagesOf(database: Database, projectId: string, filters: JobFilters): AsyncGenerator<JobTable[]> {
  if (hasTerms(filters)) {
    const plan = await planOf(database, projectId, filters);
    if (plan !== null) yield* allMatching(database, projectId, plan, rowsAtOnce);
    return;
  }
  for (let before: string | null = null; ; ) {
    const rows: JobTable[] = await pageOfAll(database, projectId, filters, before, rowsAtOnce).execute();
    before = rows.at(-1)?.id ?? null;
    yield rows;
    if (before === null) return;
  }
}

export function searching(database: Database): Pick<JobStore, "list" | "iterate"> {
  return {
    list: async (projectId, filters, { limit, cursor }) => {
      const rows = await jobPage(database, projectId, filters, cursor === null ? null : decodeCursor(cursor), limit + 1);
      const items = rows.slice(0, limit).map(toJob);
      const last = items.at(-1);
      return { items, nextCursor: rows.length > limit && last !== undefined ? encodeCursor(last.id) : null };
    },

    iterate: async function* (projectId, filters) {
      for await (const rows of pagesOf(database, projectId, filters)) for (const row of rows) yield toJob(row);
    },
  };
}
