/** How many of the jobs that filters leave have which values: over the columns and sets of the search index. */
import { setImmediate } from "node:timers/promises";
import type { Database } from "../database.ts";
import type { JobFilters } from "../job-store.ts";
import { everyJob } from "../search-terms.ts";
import { type Bits, countBits } from "./bit-block.ts";
import type { Column } from "./column-block.ts";
import { termKey, knownTerms } from "./dictionary.ts";
import type { ManyValues } from "./many-values.ts";
import { blocksWithin, columnsOf, matching, timesIn } from "./matching.ts";
import { planOf, type SearchPlan } from "./search-plan.ts";
import { type BlockToCount, Tally } from "./tally.ts";

/** Of some thousand jobs each; the process answers others between two reads. */
const blocksAtOnce = 64;

export interface Counting {
  /** Kinds that are columns; the one of most values is best the first. */
  readonly fields: readonly string[];
  /** A field of many values, which comes first in the keys; null for none. */
  readonly many: ManyValues | null;
  /** Signatures that count as others: those of a group as one. */
  readonly signatures: ReadonlyMap<number, number>;
  /** The number of the span that a time lies in; null without spans. */
  readonly spanOf: ((milliseconds: number) => number) | null;
}

export interface JobCounts {
  /** Jobs, each once. */
  readonly total: number;
  readonly tally: Tally;
}

const none: ReadonlyMap<number, number> = new Map();

/** The plan with a clause in any case; null when no job can match. */
export async function wholePlan(database: Database, projectId: string, filters: JobFilters): Promise<SearchPlan | null> {
  const plan = await planOf(database, projectId, filters);
  if (plan === null || plan.clauses.length > 0) return plan;
  const every = (await knownTerms(database.query, projectId, [everyJob])).get(termKey(everyJob));
  return every === undefined ? null : { ...plan, clauses: [[every]] };
}

export async function countJobs(
  database: Database,
  projectId: string,
  plan: SearchPlan | null,
  { fields, many, signatures, spanOf }: Counting,
): Promise<JobCounts> {
  const standIns = [...(many === null ? [] : [none]), ...fields.map((field) => (field === "signature" ? signatures : none))];
  const tally = new Tally({ fields: standIns.length, standIns, spanOf });
  if (plan === null) return { total: 0, tally };
  let total = 0;
  const blocks = await blocksWithin(database, projectId, plan);
  for (let start = 0; start < blocks.length; start += blocksAtOnce) {
    if (start > 0) await setImmediate();
    const some = blocks.slice(start, start + blocksAtOnce);
    const found = await matching(database, projectId, plan, some);
    const left = some.filter(({ block }) => found.has(block));
    const columns: Map<number, Column>[] = [];
    for (const field of fields) columns.push(await columnsOf(database, projectId, field, left));
    const times = spanOf === null ? null : await timesIn(database, projectId, left);
    const sets = many === null ? null : await many(found);
    const toCount: BlockToCount[] = [];
    for (const { block, base_ms: base } of left) {
      const bits = found.get(block);
      if (bits === undefined) continue;
      total += countBits(bits);
      const offsets = times?.get(block);
      toCount.push({
        bits,
        sets: sets === null ? null : (sets.get(block) ?? new Map<number, Bits>()),
        columns: columns.map((column) => column.get(block) ?? null),
        times: offsets === undefined ? null : { base, offsets },
      });
    }
    tally.addBlocks(toCount);
  }
  return { total, tally };
}
