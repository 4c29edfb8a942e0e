/**
 * Jobs by filters, newest first, page by page.
 *
 * Pages are cut by the id of the last job (UUIDv7: ids sort by time), so they stay put while jobs come and go. A filter
 * that is a term drives the query from the term's index, which is in the order of the page; everything else is looked up
 * for the jobs that come by.
 */
import type { SelectQueryBuilder } from "kysely";
import { Failure } from "../contract/failure.ts";
import type { Database } from "./database.ts";
import { decodeCursor, encodeCursor } from "./job-cursor.ts";
import { toJob } from "./job-row.ts";
import type { JobFilters, JobStore } from "./job-store.ts";
import type { JobTable, Schema } from "./schema.ts";
import { baseName, indexable } from "./search-text.ts";
import { type Term, termsOfLabels } from "./search-terms.ts";

type JobQuery = SelectQueryBuilder<Schema, "jobs", JobTable>;

function instant(name: string, value: string): string {
  const time = new Date(value);
  if (Number.isNaN(time.getTime())) throw new Failure("invalid_parameter", `${name}=${JSON.stringify(value)} is not a time such as 2026-11-23T04:05:06Z.`);
  return time.toISOString();
}

function termsOfFilters(filters: JobFilters): Term[] {
  const terms = termsOfLabels(filters.labels ?? {});
  for (const kind of ["diagnosis", "extension", "file", "function"] as const) {
    const value = filters[kind];
    if (value !== undefined) terms.push({ kind, value: indexable(value) });
  }
  return terms;
}

function whereColumns(query: JobQuery, filters: JobFilters): JobQuery {
  let narrowed = query;
  if (filters.status !== undefined) narrowed = narrowed.where("jobs.status", "=", filters.status);
  if (filters.signal !== undefined) narrowed = narrowed.where("jobs.signal", "=", filters.signal);
  if (filters.signature !== undefined) narrowed = narrowed.where("jobs.signature_hash", "=", indexable(filters.signature));
  if (filters.executable !== undefined) narrowed = narrowed.where("jobs.executable", "=", indexable(baseName(filters.executable)));
  if (filters.since !== undefined) narrowed = narrowed.where("jobs.created_at", ">=", instant("since", filters.since));
  if (filters.until !== undefined) narrowed = narrowed.where("jobs.created_at", "<", instant("until", filters.until));
  const version = filters.pythonVersion;
  if (version !== undefined) {
    // "3.1" is 3.1 and 3.1.5, not 3.11: all that begins with "3.1.", and "/" is the character after ".".
    narrowed = narrowed.where((where) =>
      where.or([
        where("jobs.python_version", "=", indexable(version)),
        where.and([where("jobs.python_version", ">=", `${indexable(version)}.`), where("jobs.python_version", "<", `${indexable(version)}/`)]),
      ]),
    );
  }
  return narrowed;
}

function search(database: Database, projectId: string, filters: JobFilters, before: string | null, limit: number): JobQuery {
  const [first, ...others] = termsOfFilters(filters);
  let query: JobQuery;
  if (first === undefined) {
    query = database.query.selectFrom("jobs").selectAll("jobs").where("jobs.project_id", "=", projectId).orderBy("jobs.id", "desc");
    if (before !== null) query = query.where("jobs.id", "<", before);
  } else {
    let driven = database.query
      .selectFrom("job_terms")
      .innerJoin("jobs", "jobs.id", "job_terms.job_id")
      .selectAll("jobs")
      .where("job_terms.project_id", "=", projectId)
      .where("job_terms.kind", "=", first.kind)
      .where("job_terms.value", "=", first.value)
      .orderBy("job_terms.job_id", "desc");
    if (before !== null) driven = driven.where("job_terms.job_id", "<", before);
    query = driven as unknown as JobQuery;
  }
  for (const term of others) {
    query = query.where((where) =>
      where.exists(
        where
          .selectFrom("job_terms as other")
          .select("other.job_id")
          .where("other.project_id", "=", projectId)
          .where("other.kind", "=", term.kind)
          .where("other.value", "=", term.value)
          .whereRef("other.job_id", "=", "jobs.id"),
      ),
    );
  }
  return whereColumns(query, filters).limit(limit);
}

const rowsAtOnce = 200;

export function searching(database: Database): Pick<JobStore, "list" | "iterate"> {
  const page = (projectId: string, filters: JobFilters, before: string | null, limit: number) => search(database, projectId, filters, before, limit).execute();

  return {
    list: async (projectId, filters, { limit, cursor }) => {
      const rows = await page(projectId, filters, cursor === null ? null : decodeCursor(cursor), limit + 1);
      const items = rows.slice(0, limit).map(toJob);
      const last = items.at(-1);
      return { items, nextCursor: rows.length > limit && last !== undefined ? encodeCursor(last.id) : null };
    },

    iterate: async function* (projectId, filters) {
      for (let before: string | null = null; ; ) {
        const rows: JobTable[] = await page(projectId, filters, before, rowsAtOnce);
        for (const row of rows) yield toJob(row);
        before = rows.at(-1)?.id ?? null;
        if (rows.length < rowsAtOnce) return;
      }
    },
  };
}
