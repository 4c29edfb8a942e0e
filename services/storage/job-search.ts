/**
 * Jobs by filters, newest first, page by page.
 *
 * Pages are cut by the id of the last job (UUIDv7: ids sort by time), so they stay put while jobs come and go. A filter
 * that is a term drives the query from the term's index, which is in the order of the page; everything else is looked up
 * for the jobs that come by.
 */
import { type CompiledQuery, type Expression, type SqlBool, expressionBuilder, sql } from "kysely";
import { Failure } from "../contract/failure.ts";
import type { Database } from "./database.ts";
import { signaturesOf } from "./group-members.ts";
import { firstIdAt } from "./id-time.ts";
import { decodeCursor, encodeCursor } from "./job-cursor.ts";
import { toJob } from "./job-row.ts";
import type { JobFilters, JobStore } from "./job-store.ts";
import type { JobTable, Schema } from "./schema.ts";
import { baseName, indexable } from "./search-text.ts";
import { type Term, termsOfLabels } from "./search-terms.ts";

function instant(name: string, value: string): number {
  const time = Date.parse(value);
  if (Number.isNaN(time)) throw new Failure("invalid_parameter", `${name}=${JSON.stringify(value)} is not a time such as 2026-11-23T04:05:06Z.`);
  return time;
}

function termsOfFilters(filters: JobFilters): Term[] {
  const terms = termsOfLabels(filters.labels ?? {});
  for (const kind of ["diagnosis", "extension", "file", "function"] as const) {
    const value = filters[kind];
    if (value !== undefined) terms.push({ kind, value: indexable(value) });
  }
  if (filters.pythonVersion !== undefined) terms.push({ kind: "python", value: indexable(filters.pythonVersion) });
  return terms;
}

const where = expressionBuilder<Schema, "jobs">();

function conditions(projectId: string, filters: JobFilters, terms: readonly Term[]): Expression<SqlBool>[] {
  const all: Expression<SqlBool>[] = [];
  if (filters.status !== undefined) all.push(where("jobs.status", "=", filters.status));
  if (filters.signal !== undefined) all.push(where("jobs.signal", "=", filters.signal));
  const [signature, ...others] = filters.signatures ?? (filters.signature === undefined ? [] : [indexable(filters.signature)]);
  if (signature !== undefined)
    all.push(others.length === 0 ? where("jobs.signature_hash", "=", signature) : where("jobs.signature_hash", "in", [signature, ...others]));
  if (filters.executable !== undefined) all.push(where("jobs.executable", "=", indexable(baseName(filters.executable))));
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

/** Ids sort by time, so the times of a filter are bounds of the id, as the cursor is. */
function idBounds(filters: JobFilters, before: string | null): { readonly from: string | null; readonly below: string | null } {
  const from = filters.since === undefined ? null : firstIdAt(instant("since", filters.since));
  const until = filters.until === undefined ? null : firstIdAt(instant("until", filters.until));
  const below = [before, until].filter((bound) => bound !== null).toSorted()[0] ?? null;
  return { from, below };
}

export interface PageQuery {
  compile(): CompiledQuery;
  execute(): Promise<JobTable[]>;
}

/** The one query of this room that must stay fast among a million jobs: it walks one index, in the order of the page. */
export function pageQuery(database: Database, projectId: string, filters: JobFilters, before: string | null, limit: number): PageQuery {
  const [first, ...others] = termsOfFilters(filters);
  const all = where.and(conditions(projectId, filters, others));
  const { from, below } = idBounds(filters, before);
  if (first === undefined) {
    let query = database.query.selectFrom("jobs").selectAll("jobs").where("jobs.project_id", "=", projectId).where(all).orderBy("jobs.id", "desc").limit(limit);
    if (from !== null) query = query.where("jobs.id", ">=", from);
    if (below !== null) query = query.where("jobs.id", "<", below);
    return query;
  }
  // A cross join is an inner join whose order SQLite keeps: the terms' index drives.
  let query = database.query
    .selectFrom("job_terms")
    .crossJoin("jobs")
    .selectAll("jobs")
    .whereRef("jobs.id", "=", "job_terms.job_id")
    .where("job_terms.project_id", "=", projectId)
    .where("job_terms.kind", "=", first.kind)
    .where("job_terms.value", "=", first.value)
    .where(all)
    .orderBy("job_terms.job_id", "desc")
    .limit(limit);
  if (from !== null) query = query.where("job_terms.job_id", ">=", from);
  if (below !== null) query = query.where("job_terms.job_id", "<", below);
  return query;
}

export interface CountQuery {
  compile(): CompiledQuery;
  execute(): Promise<{ readonly signature: string; readonly count: number | string }[]>;
}

/** How many of the filtered jobs have which signature. */
export function countQuery(database: Database, projectId: string, filters: JobFilters): CountQuery {
  const [first, ...others] = termsOfFilters(filters);
  const { from, below } = idBounds(filters, null);
  const bounds = (column: "jobs.id" | "job_terms.job_id"): Expression<SqlBool>[] => {
    const ref = sql.ref<string>(column);
    return [...(from === null ? [] : [sql<boolean>`${ref} >= ${from}`]), ...(below === null ? [] : [sql<boolean>`${ref} < ${below}`])];
  };
  const counted = where.and([where("jobs.signature_hash", "is not", null), ...conditions(projectId, filters, others)]);
  const signature = sql<string>`jobs.signature_hash`.as("signature");
  const count = sql<number | string>`count(*)`.as("count");
  if (first === undefined) {
    return database.query
      .selectFrom("jobs")
      .select([signature, count])
      .where("jobs.project_id", "=", projectId)
      .where(where.and([counted, ...bounds("jobs.id")]))
      .groupBy("jobs.signature_hash");
  }
  return database.query
    .selectFrom("job_terms")
    .crossJoin("jobs")
    .select([signature, count])
    .whereRef("jobs.id", "=", "job_terms.job_id")
    .where("job_terms.project_id", "=", projectId)
    .where("job_terms.kind", "=", first.kind)
    .where("job_terms.value", "=", first.value)
    .where(where.and([counted, ...bounds("job_terms.job_id")]))
    .groupBy("jobs.signature_hash");
}

const rowsAtOnce = 200;

/** A signature's hash stands for its group: for all signatures that are in it. */
export async function withGroup(database: Database, projectId: string, filters: JobFilters): Promise<JobFilters> {
  return filters.signature === undefined ? filters : { ...filters, signatures: await signaturesOf(database, projectId, filters.signature) };
}

export function searching(database: Database): Pick<JobStore, "list" | "iterate"> {
  return {
    list: async (projectId, filters, { limit, cursor }) => {
      const whole = await withGroup(database, projectId, filters);
      const rows = await pageQuery(database, projectId, whole, cursor === null ? null : decodeCursor(cursor), limit + 1).execute();
      const items = rows.slice(0, limit).map(toJob);
      const last = items.at(-1);
      return { items, nextCursor: rows.length > limit && last !== undefined ? encodeCursor(last.id) : null };
    },

    iterate: async function* (projectId, filters) {
      const whole = await withGroup(database, projectId, filters);
      for (let before: string | null = null; ; ) {
        const rows: JobTable[] = await pageQuery(database, projectId, whole, before, rowsAtOnce).execute();
        for (const row of rows) yield toJob(row);
        before = rows.at(-1)?.id ?? null;
        if (rows.length < rowsAtOnce) return;
      }
    },
  };
}
