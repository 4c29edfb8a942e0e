/**
 * The newest jobs that a plan leaves, in the order of their ids.
 *
 * Numbers are given in the order in which jobs came to the database, ids tell when they were sent, and the two may differ by
 * a little. So blocks are read, the latest first, until none that is left can hold a job newer than those found.
 */
import type { Database } from "../database.ts";
import { timeOfId } from "../id-time.ts";
import type { JobTable } from "../schema.ts";
import { blockJobs, countBits, membersOf } from "./bit-block.ts";
import { gone } from "./column-block.ts";
import { type Block, blocksWithin, matching, timesIn } from "./matching.ts";
import type { SearchPlan } from "./search-plan.ts";

/** Times (milliseconds since 1970) and numbers of jobs, by place. */
interface Candidates {
  readonly times: Float64Array;
  readonly numbers: Float64Array;
}

const mostBlocksAtOnce = 128;
const rowsAtOnce = 500;

const noCandidates: Candidates = { times: new Float64Array(), numbers: new Float64Array() };

/** Those of the blocks, after those that were found before. */
async function candidatesIn(
  database: Database,
  projectId: string,
  plan: SearchPlan,
  { blocks, before }: { readonly blocks: readonly Block[]; readonly before: Candidates },
): Promise<Candidates> {
  const found = await matching(database, projectId, plan, blocks);
  const known = await timesIn(
    database,
    projectId,
    blocks.filter(({ block }) => found.has(block)),
  );
  let size = before.times.length;
  for (const bits of found.values()) size += countBits(bits);
  const [times, numbers, ordinals] = [new Float64Array(size), new Float64Array(size), new Uint16Array(blockJobs)];
  times.set(before.times);
  numbers.set(before.numbers);
  let place = before.times.length;
  for (const { block, base_ms: base } of blocks) {
    const [bits, offsets] = [found.get(block), known.get(block)];
    if (bits === undefined || offsets === undefined) continue;
    const jobs = membersOf(bits, ordinals);
    for (let at = 0; at < jobs; at += 1) {
      const ordinal = ordinals[at] ?? 0;
      const offset = offsets[ordinal] ?? gone;
      if (offset === gone) continue;
      times[place] = base + offset;
      numbers[place] = block * blockJobs + ordinal;
      place += 1;
    }
  }
  return { times: times.subarray(0, place), numbers: numbers.subarray(0, place) };
}

/** The best `limit`, and those that were sent in the same millisecond as the last of them; in no order. */
function newest({ times, numbers }: Candidates, limit: number): Candidates {
  if (times.length <= limit) return { times, numbers };
  const last = times.toSorted()[times.length - limit] ?? 0;
  const kept = (_: number, place: number) => (times[place] ?? 0) >= last;
  return { times: times.filter(kept), numbers: numbers.filter(kept) };
}

/** The time of the `limit`-th newest; null when there are fewer. */
const timeOfLast = ({ times }: Candidates, limit: number): number | null => times.toSorted()[times.length - limit] ?? null;

async function rowsOf(database: Database, projectId: string, numbers: readonly number[]): Promise<JobTable[]> {
  const rows: JobTable[] = [];
  for (let start = 0; start < numbers.length; start += rowsAtOnce) {
    const found = await database.query
      .selectFrom("search_jobs")
      .crossJoin("jobs")
      .selectAll("jobs")
      .whereRef("jobs.id", "=", "search_jobs.job_id")
      .where("search_jobs.project_id", "=", projectId)
      .where("search_jobs.number", "in", numbers.slice(start, start + rowsAtOnce))
      .execute();
    rows.push(...found);
  }
  return rows;
}

/** At most `limit` jobs of the blocks whose ids are below `before`, the newest first. */
async function newestOf(
  database: Database,
  projectId: string,
  plan: SearchPlan,
  { blocks: all, before, limit }: { readonly blocks: readonly Block[]; readonly before: string | null; readonly limit: number },
): Promise<JobTable[]> {
  const cursor = before === null ? null : timeOfId(before) + 1;
  const below = plan.below === null ? cursor : Math.min(plan.below, cursor ?? plan.below);
  const bounded = { ...plan, below };
  const blocks = below === null ? all : all.filter(({ first_ms }) => first_ms < below);
  let best = noCandidates;
  // Jobs of the cursor's own millisecond may have been shown before: as many more are looked for.
  let wanted = limit;
  for (let start = 0, size = 1; start < blocks.length; start += size, size = Math.min(size * 4, mostBlocksAtOnce)) {
    const some = blocks.slice(start, start + size);
    best = newest(await candidatesIn(database, projectId, bounded, { blocks: some, before: best }), wanted + blockJobs);
    wanted = limit + best.times.filter((time) => time === (cursor ?? 0) - 1).length;
    const last = timeOfLast(best, wanted);
    const next = blocks[start + size];
    if (last !== null && next !== undefined && next.last_ms < last) break;
  }
  const rows = await rowsOf(database, projectId, [...newest(best, wanted).numbers]);
  return rows
    .filter(({ id }) => before === null || id < before)
    .toSorted((one, other) => (one.id < other.id ? 1 : -1))
    .slice(0, limit);
}

/** At most `limit` jobs whose ids are below `before`, the newest first. */
export async function newestMatching(database: Database, projectId: string, plan: SearchPlan, before: string | null, limit: number): Promise<JobTable[]> {
  return newestOf(database, projectId, plan, { blocks: await blocksWithin(database, projectId, plan), before, limit });
}

/** Numbers in the order of time, the latest first. */
function inOrder({ times, numbers }: Candidates): Candidates {
  const places = Uint32Array.from(times, (_, place) => place).sort((one, other) => (times[other] ?? 0) - (times[one] ?? 0));
  return { times: Float64Array.from(places, (place) => times[place] ?? 0), numbers: Float64Array.from(places, (place) => numbers[place] ?? 0) };
}

/** `atOnce` of them from `start` on, and those that were sent in the same millisecond as the last one. */
function endOfRun({ times }: Candidates, start: number, atOnce: number): number {
  let end = Math.min(start + atOnce, times.length);
  while (end < times.length && times[end] === times[end - 1]) end += 1;
  return end;
}

/**
 * All jobs that the plan leaves, the newest first, some at a time. Which ones of a block is found once; what comes while they are read may
 * be missing. Rows are read when they are told: what waits for a slow reader grows old, and V8 lets old objects be until there are many.
 */
export async function* allMatching(database: Database, projectId: string, plan: SearchPlan, atOnce: number): AsyncGenerator<JobTable[]> {
  const blocks = await blocksWithin(database, projectId, plan);
  let waiting = noCandidates;
  for (const [at, block] of blocks.entries()) {
    const found = inOrder(await candidatesIn(database, projectId, plan, { blocks: [block], before: waiting }));
    // Older ones wait for those of the next block.
    const next = blocks[at + 1]?.last_ms ?? -Infinity;
    const ready = found.times.findLastIndex((time) => time > next) + 1;
    for (let start = 0, end = 0; start < ready; start = end) {
      end = endOfRun({ times: found.times.subarray(0, ready), numbers: found.numbers }, start, atOnce);
      const rows = await rowsOf(database, projectId, [...found.numbers.subarray(start, end)]);
      yield rows.toSorted((one, other) => (one.id < other.id ? 1 : -1));
    }
    waiting = { times: found.times.slice(ready), numbers: found.numbers.slice(ready) };
  }
}
