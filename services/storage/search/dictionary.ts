/** Terms and their ids. An id is never given to another term, so what was looked up once may be kept. */
import type { Transaction } from "kysely";
import type { Schema } from "../schema.ts";
import type { Term } from "../search-terms.ts";
import type { Database } from "../database.ts";

const valuesAtOnce = 500;

type Reader = Database["query"] | Transaction<Schema>;

const byKind = (terms: readonly Term[]) => Map.groupBy(terms, (term) => term.kind);

function* slices<T>(values: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < values.length; start += valuesAtOnce) yield values.slice(start, start + valuesAtOnce);
}

export const termKey = ({ kind, value }: Term): string => `${kind}\n${value}`;

/** The ids of those terms that any job of the project was ever found by, by `termKey`. */
export async function knownTerms(query: Reader, projectId: string, terms: readonly Term[]): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const [kind, group] of byKind(terms)) {
    for (const some of slices(group)) {
      const rows = await query
        .selectFrom("search_terms")
        .select(["id", "value"])
        .where("project_id", "=", projectId)
        .where("kind", "=", kind)
        .where(
          "value",
          "in",
          some.map(({ value }) => value),
        )
        .execute();
      for (const { id, value } of rows) found.set(termKey({ kind, value }), id);
    }
  }
  return found;
}

/** The ids of all of them. The caller holds the project's head, so nobody adds the same at the same time. */
export async function termIds(transaction: Transaction<Schema>, projectId: string, terms: readonly Term[]): Promise<Map<string, number>> {
  const ids = await knownTerms(transaction, projectId, terms);
  const missing = terms.filter((term) => !ids.has(termKey(term)));
  for (const some of slices(missing)) {
    const rows = await transaction
      .insertInto("search_terms")
      .values(some.map(({ kind, value }) => ({ project_id: projectId, kind, value })))
      .returning(["id", "kind", "value"])
      .execute();
    for (const row of rows) ids.set(termKey(row), row.id);
  }
  return ids;
}

/** Terms of a kind that begin with `prefix`, at most `limit`. */
export async function termsBeginning(query: Reader, projectId: string, kind: string, prefix: string, limit: number): Promise<number[]> {
  const rows = await query
    .selectFrom("search_terms")
    .select("id")
    .where("project_id", "=", projectId)
    .where("kind", "=", kind)
    .where("value", ">=", prefix)
    .where("value", "<", `${prefix}\u{10ffff}`)
    .orderBy("value")
    .limit(limit)
    .execute();
  return rows.map((row) => row.id);
}

const mostRemembered = 200_000;
/** By connection: an id means the same for ever. */
const remembered = new WeakMap<Database["query"], Map<number, Term>>();

function memoryOf(query: Reader): Map<number, Term> {
  const memory = remembered.get(query) ?? new Map<number, Term>();
  // A transaction may be rolled back, and its new terms with it.
  if (!query.isTransaction) remembered.set(query, memory);
  return memory;
}

export async function termsOfIds(query: Reader, ids: readonly number[]): Promise<Map<number, Term>> {
  const memory = memoryOf(query);
  const found = new Map<number, Term>();
  const unknown: number[] = [];
  for (const id of ids) {
    const term = memory.get(id);
    if (term === undefined) unknown.push(id);
    else found.set(id, term);
  }
  if (memory.size + unknown.length > mostRemembered) memory.clear();
  for (const some of slices(unknown)) {
    const rows = await query.selectFrom("search_terms").select(["id", "kind", "value"]).where("id", "in", some).execute();
    for (const { id, kind, value } of rows) {
      found.set(id, { kind, value });
      memory.set(id, { kind, value });
    }
  }
  return found;
}

/** Rows of one range that are read at once; four times as fast as the same by their ids. */
const mostOfRange = 20_000;

/** The terms of many ids of one kind: where many are not remembered, the kind is read as a range first. */
export async function termsOfOneKind(query: Reader, projectId: string, kind: string, ids: readonly number[]): Promise<Map<number, Term>> {
  const memory = memoryOf(query);
  let unknown = 0;
  for (const id of ids) if (!memory.has(id)) unknown += 1;
  if (unknown > valuesAtOnce) {
    const values = await termsOfKind(query, projectId, kind, mostOfRange);
    if (memory.size + values.size > mostRemembered) memory.clear();
    for (const [id, value] of values) memory.set(id, { kind, value });
  }
  return termsOfIds(query, ids);
}

/** The ids of a kind, at most `limit`. */
export async function termsOfKind(query: Reader, projectId: string, kind: string, limit: number): Promise<Map<number, string>> {
  const rows = await query
    .selectFrom("search_terms")
    .select(["id", "value"])
    .where("project_id", "=", projectId)
    .where("kind", "=", kind)
    .limit(limit)
    .execute();
  return new Map(rows.map(({ id, value }) => [id, value]));
}
