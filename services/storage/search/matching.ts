/** Which jobs of some blocks a plan leaves: sets are read from the index and intersected, a run of blocks at a time. */
import type { Database } from "../database.ts";
import type { SearchBlockTable } from "../schema.ts";
import { type Bits, blockJobs, countBits, decodeBits, intersect, membersOf, setBit, unite } from "./bit-block.ts";
import { type Column, decodeColumn, decodeTimes, gone, type Times } from "./column-block.ts";
import { type BlockVersion, columnBodies } from "./column-memory.ts";
import { timeField } from "./index-writer.ts";
import type { SearchPlan } from "./search-plan.ts";

export type Block = Pick<SearchBlockTable, "block" | "base_ms" | "first_ms" | "last_ms" | "changes">;

/** Those that may have jobs within the bounds, the latest first. */
export async function blocksWithin(database: Database, projectId: string, { from, below }: Pick<SearchPlan, "from" | "below">): Promise<Block[]> {
  const rows = await database.query
    .selectFrom("search_blocks")
    .select(["block", "base_ms", "first_ms", "last_ms", "changes"])
    .where("project_id", "=", projectId)
    .execute();
  return rows
    .filter((row) => (from === null || row.last_ms >= from) && (below === null || row.first_ms < below))
    .toSorted((one, other) => other.last_ms - one.last_ms);
}

const spanOf = (blocks: readonly number[]) => ({ first: Math.min(...blocks), last: Math.max(...blocks) });

async function postings(database: Database, terms: readonly number[], wanted: ReadonlySet<number>): Promise<Map<number, Bits>> {
  const { first, last } = spanOf([...wanted]);
  const found = new Map<number, Bits>();
  for (const term of terms) {
    const rows = await database.query
      .selectFrom("search_postings")
      .select(["block", "bits"])
      .where("term", "=", term)
      .where("block", ">=", first)
      .where("block", "<=", last)
      .execute();
    for (const { block, bits } of rows) {
      if (!wanted.has(block)) continue;
      const before = found.get(block);
      if (before === undefined) found.set(block, decodeBits(bits));
      else unite(before, decodeBits(bits));
    }
  }
  return found;
}

/** Columns of the blocks; a block in which no job has a value has none. */
export async function columnsOf(database: Database, projectId: string, field: string, blocks: readonly BlockVersion[]): Promise<Map<number, Column>> {
  const bodies = await columnBodies(database, projectId, field, blocks);
  return new Map([...bodies].map(([block, body]) => [block, decodeColumn(body)]));
}

export async function timesIn(database: Database, projectId: string, blocks: readonly BlockVersion[]): Promise<Map<number, Times>> {
  const bodies = await columnBodies(database, projectId, timeField, blocks);
  return new Map([...bodies].map(([block, body]) => [block, decodeTimes(body)]));
}

/** Takes out what is not within the bounds of time. */
export function keepWithin(bits: Bits, times: Times, base: number, { from, below }: Pick<SearchPlan, "from" | "below">): void {
  const [first, last] = [from ?? -Infinity, below ?? Infinity];
  const ordinals = new Uint16Array(blockJobs);
  const jobs = membersOf(bits, ordinals);
  for (let at = 0; at < jobs; at += 1) {
    const ordinal = ordinals[at] ?? 0;
    const offset = times[ordinal] ?? gone;
    const time = base + offset;
    if (offset === gone || time < first || time >= last) setBit(bits, ordinal, false);
  }
}

const reaches = ({ first_ms, last_ms }: Block, { from, below }: SearchPlan): boolean =>
  (from !== null && first_ms < from) || (below !== null && last_ms >= below);

/** The jobs in each of the blocks; blocks without any are left out. `clauses` must not be empty. */
export async function matching(database: Database, projectId: string, plan: SearchPlan, blocks: readonly Block[]): Promise<Map<number, Bits>> {
  let left: Map<number, Bits> | null = null;
  for (const clause of plan.clauses) {
    const wanted: ReadonlySet<number> = new Set(left === null ? blocks.map(({ block }) => block) : left.keys());
    if (wanted.size === 0) return new Map();
    const found = await postings(database, clause, wanted);
    if (left === null) {
      left = found;
      continue;
    }
    for (const [block, bits] of left) {
      const other = found.get(block);
      if (other === undefined) left.delete(block);
      else intersect(bits, other);
      if (countBits(bits) === 0) left.delete(block);
    }
  }
  const result = left ?? new Map<number, Bits>();
  const bounded = blocks.filter((block) => result.has(block.block) && reaches(block, plan));
  const times = await timesIn(database, projectId, bounded);
  for (const { block, base_ms } of bounded) {
    const bits = result.get(block);
    const known = times.get(block);
    if (bits === undefined || known === undefined) continue;
    keepWithin(bits, known, base_ms, plan);
    if (countBits(bits) === 0) result.delete(block);
  }
  return result;
}
