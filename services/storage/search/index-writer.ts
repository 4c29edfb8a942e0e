/**
 * Keeps the search index, in the transaction that changes the job.
 *
 * A job gets the project's next number when it is taken in and keeps it. Its terms are then the members of sets and the values
 * of columns in the block of that number. The project's head is changed first, so of two transactions one waits for the
 * other: none ever writes over a block that another has read.
 */
import { type Transaction, sql } from "kysely";
import { timeOfId } from "../id-time.ts";
import type { JobTable, Schema } from "../schema.ts";
import { columnKinds, type Term } from "../search-terms.ts";
import { aligned, blockJobs, decodeBits, emptyBits, encodeBits, setBit } from "./bit-block.ts";
import { decodeColumn, decodeTimes, emptyColumn, encodeTimes, gone, withValue } from "./column-block.ts";
import { knownTerms, termIds, termKey, termsOfIds } from "./dictionary.ts";

export const timeField = "time";
const rowsAtOnce = 200;
const dayMilliseconds = 86_400_000;
/** A block's times are told in 32 bits; jobs that come late with an older time have a day. */
const longestBlock = 40 * dayMilliseconds;

export type IndexedJob = Pick<JobTable, "id" | "project_id" | "number">;

interface Place {
  readonly block: number;
  readonly ordinal: number;
}

const placeOf = (number: number): Place => ({ block: Math.floor(number / blockJobs), ordinal: number % blockJobs });

/** Holds the project's index until the transaction ends; the block that new jobs go to. */
async function hold(transaction: Transaction<Schema>, projectId: string): Promise<number> {
  const row = await transaction
    .insertInto("search_heads")
    .values({ project_id: projectId, last_block: 0, changes: 1 })
    .onConflict((conflict) => conflict.column("project_id").doUpdateSet({ changes: sql`search_heads.changes + 1` }))
    .returning("last_block")
    .executeTakeFirstOrThrow();
  return row.last_block;
}

async function openBlock(transaction: Transaction<Schema>, projectId: string, last: number, time: number) {
  const row = await transaction.selectFrom("search_blocks").selectAll().where("project_id", "=", projectId).where("block", "=", last).executeTakeFirst();
  if (row !== undefined && row.jobs < blockJobs && time >= row.base_ms && time < row.base_ms + longestBlock) return row;
  const block = row === undefined ? last : last + 1;
  const fresh = { project_id: projectId, block, jobs: 0, base_ms: time - dayMilliseconds, first_ms: time, last_ms: time, changes: 0 };
  await transaction.insertInto("search_blocks").values(fresh).execute();
  if (block !== last) await transaction.updateTable("search_heads").set({ last_block: block }).where("project_id", "=", projectId).execute();
  return fresh;
}

async function changeColumn(
  transaction: Transaction<Schema>,
  projectId: string,
  field: string,
  block: number,
  change: (stored: Uint8Array | null) => Uint8Array | null,
): Promise<void> {
  const stored = await transaction
    .selectFrom("search_columns")
    .select("body")
    .where("project_id", "=", projectId)
    .where("field", "=", field)
    .where("block", "=", block)
    .executeTakeFirst();
  const body = change(stored?.body ?? null);
  if (body === null) {
    if (stored !== undefined)
      await transaction.deleteFrom("search_columns").where("project_id", "=", projectId).where("field", "=", field).where("block", "=", block).execute();
    return;
  }
  await transaction
    .insertInto("search_columns")
    .values({ project_id: projectId, field, block, body })
    .onConflict((conflict) => conflict.columns(["project_id", "field", "block"]).doUpdateSet({ body }))
    .execute();
}

const setTime = (transaction: Transaction<Schema>, projectId: string, { block, ordinal }: Place, time: number) =>
  changeColumn(transaction, projectId, timeField, block, (stored) => {
    const before = stored === null ? new Uint32Array() : decodeTimes(stored);
    const times = new Uint32Array(Math.max(before.length, ordinal + 1)).fill(gone);
    times.set(before);
    times[ordinal] = time;
    return encodeTimes(times);
  });

/** The next number; the block knows its time. */
async function takeNumber(transaction: Transaction<Schema>, job: IndexedJob, last: number): Promise<number> {
  const time = timeOfId(job.id);
  const { block, jobs, base_ms, first_ms, last_ms } = await openBlock(transaction, job.project_id, last, time);
  await transaction
    .updateTable("search_blocks")
    .set({ jobs: jobs + 1, first_ms: Math.min(first_ms, time), last_ms: Math.max(last_ms, time) })
    .where("project_id", "=", job.project_id)
    .where("block", "=", block)
    .execute();
  await setTime(transaction, job.project_id, { block, ordinal: jobs }, time - base_ms);
  const number = block * blockJobs + jobs;
  await transaction.updateTable("jobs").set({ number }).where("id", "=", job.id).execute();
  return number;
}

async function changePostings(transaction: Transaction<Schema>, { block, ordinal }: Place, terms: readonly number[], member: boolean): Promise<void> {
  for (let start = 0; start < terms.length; start += rowsAtOnce) {
    const some = terms.slice(start, start + rowsAtOnce);
    const rows = await transaction.selectFrom("search_postings").select(["term", "bits"]).where("term", "in", some).where("block", "=", block).execute();
    const stored = new Map(rows.map((row) => [row.term, decodeBits(row.bits)]));
    const kept: { term: number; block: number; bits: Uint8Array }[] = [];
    const emptied: number[] = [];
    for (const term of some) {
      const bits = stored.get(term) ?? emptyBits();
      setBit(bits, ordinal, member);
      const encoded = encodeBits(bits);
      if (encoded === null) emptied.push(term);
      else kept.push({ term, block, bits: encoded });
    }
    if (kept.length > 0)
      await transaction
        .insertInto("search_postings")
        .values(kept)
        .onConflict((conflict) => conflict.columns(["term", "block"]).doUpdateSet({ bits: sql`excluded.bits` }))
        .execute();
    if (emptied.length > 0) await transaction.deleteFrom("search_postings").where("term", "in", emptied).where("block", "=", block).execute();
  }
}

const isColumn = ({ kind, value }: Term): boolean => {
  const form = columnKinds.get(kind);
  return form === undefined ? kind.startsWith("label.") : form(value);
};

async function setColumns(transaction: Transaction<Schema>, projectId: string, { block, ordinal }: Place, fields: ReadonlyMap<string, number>): Promise<void> {
  for (const [field, term] of fields) {
    await changeColumn(transaction, projectId, field, block, (stored) => withValue(stored === null ? emptyColumn() : decodeColumn(stored), ordinal, term));
  }
}

interface Change {
  readonly number: number;
  readonly before: readonly number[];
  /** In what order they were found; a column's first one counts. */
  readonly after: readonly number[];
  /** Terms among them by id, at least those that are new. */
  readonly known: ReadonlyMap<number, Term>;
}

/** Whoever has read something of the block's columns knows by this that they are no longer the same. */
async function countChange(transaction: Transaction<Schema>, projectId: string, block: number): Promise<void> {
  await transaction
    .updateTable("search_blocks")
    .set((query) => ({ changes: query("changes", "+", 1) }))
    .where("project_id", "=", projectId)
    .where("block", "=", block)
    .execute();
}

async function apply(transaction: Transaction<Schema>, job: IndexedJob, { number, before, after, known }: Change): Promise<void> {
  const place = placeOf(number);
  const [old, now] = [new Set(before), new Set(after)];
  const removed = before.filter((id) => !now.has(id));
  const added = after.filter((id) => !old.has(id));
  const fields = new Map<string, number>();
  for (const { kind, value } of (await termsOfIds(transaction, removed)).values()) if (isColumn({ kind, value })) fields.set(kind, 0);
  for (const id of added) {
    const term = known.get(id);
    if (term !== undefined && isColumn(term)) fields.set(term.kind, id);
  }
  await changePostings(transaction, place, removed, false);
  await changePostings(transaction, place, added, true);
  await setColumns(transaction, job.project_id, place, fields);
  await countChange(transaction, job.project_id, place.block);
  const terms = new Uint8Array(Uint32Array.from(now).buffer);
  await transaction
    .insertInto("search_jobs")
    .values({ project_id: job.project_id, number, job_id: job.id, terms })
    .onConflict((conflict) => conflict.columns(["project_id", "number"]).doUpdateSet({ terms }))
    .execute();
}

async function termsBefore(transaction: Transaction<Schema>, jobId: string): Promise<{ readonly number: number; readonly terms: readonly number[] } | null> {
  const row = await transaction.selectFrom("search_jobs").select(["number", "terms"]).where("job_id", "=", jobId).executeTakeFirst();
  return row === undefined ? null : { number: row.number, terms: [...new Uint32Array(aligned(row.terms))] };
}

const byId = (ids: ReadonlyMap<string, number>, terms: readonly Term[]) => new Map(terms.map((term) => [ids.get(termKey(term)) ?? 0, term]));

/** The job is found by these terms and by no others. */
export async function indexJob(transaction: Transaction<Schema>, job: IndexedJob, terms: readonly Term[]): Promise<void> {
  const last = await hold(transaction, job.project_id);
  const before = await termsBefore(transaction, job.id);
  const known = byId(await termIds(transaction, job.project_id, terms), terms);
  const number = before?.number ?? (await takeNumber(transaction, job, last));
  await apply(transaction, job, { number, before: before?.terms ?? [], after: [...known.keys()], known });
}

/** Takes terms away and adds others; the rest stay. A job that was not taken in yet is left to that. */
export async function retag(transaction: Transaction<Schema>, job: IndexedJob, away: readonly Term[], added: readonly Term[]): Promise<void> {
  await hold(transaction, job.project_id);
  const before = await termsBefore(transaction, job.id);
  if (before === null) return;
  const removed = new Set((await knownTerms(transaction, job.project_id, away)).values());
  const known = byId(await termIds(transaction, job.project_id, added), added);
  const after = new Set([...before.terms.filter((id) => !removed.has(id)), ...known.keys()]);
  await apply(transaction, job, { number: before.number, before: before.terms, after: [...after], known });
}

/** Nothing finds the job any more; its number is not given out again. */
export async function unindexJobs(transaction: Transaction<Schema>, projectId: string, jobIds: readonly string[]): Promise<void> {
  if (jobIds.length === 0) return;
  await hold(transaction, projectId);
  for (const id of jobIds) {
    const before = await termsBefore(transaction, id);
    if (before === null) continue;
    const job = { id, project_id: projectId, number: before.number };
    await apply(transaction, job, { number: before.number, before: before.terms, after: [], known: new Map() });
    await setTime(transaction, projectId, placeOf(before.number), gone);
    await transaction.deleteFrom("search_jobs").where("project_id", "=", projectId).where("number", "=", before.number).execute();
  }
}
