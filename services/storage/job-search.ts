/**
 * Jobs by filters, newest first, page by page.
 *
 * Pages are cut by the id of the last job (UUIDv7: ids sort by time), so they stay put while jobs come and go. A filter
 * that is a term drives the query from the term's index, which is in the order of the page; everything else is looked up
 * for the jobs that come by.
 */
import { type Expression, type SqlBool, expressionBuilder } from "kysely";
import { Failure } from "../contract/failure.ts";
import type { Database } from "./database.ts";
import { decodeCursor, encodeCursor } from "./job-cursor.ts";
import { toJob } from "./job-row.ts";
import type { JobFilters, JobStore } from "./job-store.ts";
import type { JobTable, Schema } from "./schema.ts";
import { baseName, indexable } from "./search-text.ts";
import { type Term, termsOfLabels } from "./search-terms.ts";

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

const where = expressionBuilder<Schema, "jobs">();

function conditions(projectId: string, filters: JobFilters, terms: readonly Term[]): Expression<SqlBool>[] {
  const all: Expression<SqlBool>[] = [where("jobs.project_id", "=", projectId)];
  if (filters.status !== undefined) all.push(where("jobs.status", "=", filters.status));
  if (filters.signal !== undefined) all.push(where("jobs.signal", "=", filters.signal));
  if (filters.signature !== undefined) all.push(where("jobs.signature_hash", "=", indexable(filters.signature)));
  if (filters.executable !== undefined) all.push(where("jobs.executable", "=", indexable(baseName(filters.executable))));
  if (filters.since !== undefined) all.push(where("jobs.created_at", ">=", instant("since", filters.since)));
  if (filters.until !== undefined) all.push(where("jobs.created_at", "<", instant("until", filters.until)));
  if (filters.pythonVersion !== undefined) {
    const version = indexable(filters.pythonVersion);
    // "3.1" is 3.1 and 3.1.5, not 3.11: all that begins with "3.1.", and "/" is the character after ".".
    const releases = where.and([where("jobs.python_version", ">=", `${version}.`), where("jobs.python_version", "<", `${version}/`)]);
    all.push(where.or([where("jobs.python_version", "=", version), releases]));
  }
  for (const term of terms) {
    const rows = where
      .selectFrom("job_terms as other")
      .select("other.job_id")
      .where("other.project_id", "=", projectId)
      .where("other.kind", "=", term.kind)
      .where("other.value", "=", term.value)
      .whereRef("other.job_id", "=", "jobs.id");
    all.push(where.exists(rows));
  }
  return all;
}

function search(database: Database, projectId: string, filters: JobFilters, before: string | null, limit: number): Promise<JobTable[]> {
  const [first, ...others] = termsOfFilters(filters);
  const all = where.and(conditions(projectId, filters, others));
  if (first === undefined) {
    let query = database.query.selectFrom("jobs").selectAll("jobs").where(all).orderBy("jobs.id", "desc").limit(limit);
    if (before !== null) query = query.where("jobs.id", "<", before);
    return query.execute();
  }
  let query = database.query
    .selectFrom("job_terms")
    .innerJoin("jobs", "jobs.id", "job_terms.job_id")
    .selectAll("jobs")
    .where("job_terms.project_id", "=", projectId)
    .where("job_terms.kind", "=", first.kind)
    .where("job_terms.value", "=", first.value)
    .where(all)
    .orderBy("job_terms.job_id", "desc")
    .limit(limit);
  if (before !== null) query = query.where("job_terms.job_id", "<", before);
  return query.execute();
}

const rowsAtOnce = 200;

export function searching(database: Database): Pick<JobStore, "list" | "iterate"> {
  return {
    list: async (projectId, filters, { limit, cursor }) => {
      const rows = await search(database, projectId, filters, cursor === null ? null : decodeCursor(cursor), limit + 1);
      const items = rows.slice(0, limit).map(toJob);
      const last = items.at(-1);
      return { items, nextCursor: rows.length > limit && last !== undefined ? encodeCursor(last.id) : null };
    },

    iterate: async function* (projectId, filters) {
      for (let before: string | null = null; ; ) {
        const rows: JobTable[] = await search(database, projectId, filters, before, rowsAtOnce);
        for (const row of rows) yield toJob(row);
        before = rows.at(-1)?.id ?? null;
        if (rows.length < rowsAtOnce) return;
      }
    },
  };
}
