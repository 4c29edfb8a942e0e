/**
 * The newest jobs that a plan leaves, in the order of their ids.
 *
 * Numbers are given in the order in which jobs came to the database, ids tell when they were sent, and the two may differ by
 * a little. So blocks are read, the latest first, until none that is left can hold a job newer than those found.
 */
import type { Database } from "../database.ts";
import { timeOfId } from "../id-time.ts";
import type { JobTable } from "../schema.ts";
import { blockJobs, ordinalsOf } from "./bit-block.ts";
import { gone } from "./column-block.ts";
import { type Block, blocksWithin, matching, timesIn } from "./matching.ts";
import type { SearchPlan } from "./search-plan.ts";

interface Candidate {
  readonly time: number;
  readonly number: number;
}

const mostBlocksAtOnce = 128;
const rowsAtOnce = 500;

async function candidatesIn(database: Database, projectId: string, plan: SearchPlan, blocks: readonly Block[]): Promise<Candidate[]> {
  const found = await matching(database, projectId, plan, blocks);
  const times = await timesIn(database, projectId, [...found.keys()]);
  const candidates: Candidate[] = [];
  for (const { block, base_ms } of blocks) {
    const bits = found.get(block);
    const known = times.get(block);
    if (bits === undefined || known === undefined) continue;
    for (const ordinal of ordinalsOf(bits)) {
      const offset = known[ordinal] ?? gone;
      if (offset !== gone) candidates.push({ time: base_ms + offset, number: block * blockJobs + ordinal });
    }
  }
  return candidates;
}

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

/** The best `limit`, and those that were sent in the same millisecond as the last of them. */
function newest(candidates: readonly Candidate[], limit: number): Candidate[] {
  const sorted = candidates.toSorted((one, other) => other.time - one.time);
  const last = sorted[limit - 1];
  return last === undefined ? sorted : sorted.filter((each) => each.time >= last.time);
}

/** At most `limit` jobs whose ids are below `before`, the newest first. */
export async function newestMatching(database: Database, projectId: string, plan: SearchPlan, before: string | null, limit: number): Promise<JobTable[]> {
  const cursor = before === null ? null : timeOfId(before) + 1;
  const below = plan.below === null ? cursor : Math.min(plan.below, cursor ?? plan.below);
  const bounded = { ...plan, below };
  const blocks = await blocksWithin(database, projectId, bounded);
  let best: Candidate[] = [];
  // Jobs of the cursor's own millisecond may have been shown before: as many more are looked for.
  let wanted = limit;
  for (let start = 0, size = 2; start < blocks.length; start += size, size = Math.min(size * 4, mostBlocksAtOnce)) {
    const some = blocks.slice(start, start + size);
    best = newest([...best, ...(await candidatesIn(database, projectId, bounded, some))], wanted + blockJobs);
    wanted = limit + best.filter(({ time }) => time === (cursor ?? 0) - 1).length;
    const last = best[wanted - 1];
    const next = blocks[start + size];
    if (last !== undefined && next !== undefined && next.last_ms < last.time) break;
  }
  const rows = await rowsOf(
    database,
    projectId,
    newest(best, wanted).map(({ number }) => number),
  );
  return rows
    .filter(({ id }) => before === null || id < before)
    .toSorted((one, other) => (one.id < other.id ? 1 : -1))
    .slice(0, limit);
}
