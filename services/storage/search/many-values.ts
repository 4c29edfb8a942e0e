/**
 * Fields of which a job may have many values: which of the jobs of some blocks have which of them.
 *
 * A field of few values in all (diagnoses, extensions) is read from the sets of its terms; one of many (functions, files) from
 * the terms of each job, which is only done for so many jobs.
 */
import { Failure } from "../../contract/failure.ts";
import type { Database } from "../database.ts";
import { aligned, type Bits, blockJobs, countBits, decodeBits, emptyBits, intersect, ordinalsOf, setBit } from "./bit-block.ts";
import { termsOfKind } from "./dictionary.ts";

export const fewTerms = 300;
export const fewJobs = 10_000;
const termsAtOnce = 100;
const jobsAtOnce = 500;

/** Sets of jobs by term, for one block. */
export type TermSets = ReadonlyMap<number, Bits>;

/** By block. */
export type ManyValues = (found: ReadonlyMap<number, Bits>) => Promise<Map<number, TermSets>>;

function put(result: Map<number, Map<number, Bits>>, block: number, term: number, bits: Bits): void {
  const sets = result.get(block) ?? new Map<number, Bits>();
  sets.set(term, bits);
  result.set(block, sets);
}

function fromSets(database: Database, terms: readonly number[]): ManyValues {
  return async (found) => {
    const result = new Map<number, Map<number, Bits>>();
    const blocks = [...found.keys()];
    if (blocks.length === 0) return result;
    for (let start = 0; start < terms.length; start += termsAtOnce) {
      const rows = await database.query
        .selectFrom("search_postings")
        .selectAll()
        .where("term", "in", terms.slice(start, start + termsAtOnce))
        .where("block", ">=", Math.min(...blocks))
        .where("block", "<=", Math.max(...blocks))
        .execute();
      for (const row of rows) {
        const jobs = found.get(row.block);
        if (jobs === undefined) continue;
        const bits = decodeBits(row.bits);
        intersect(bits, jobs);
        if (countBits(bits) > 0) put(result, row.block, row.term, bits);
      }
    }
    return result;
  };
}

function fromJobs(database: Database, projectId: string, field: string, kindOf: ReadonlyMap<number, string>): ManyValues {
  let counted = 0;
  return async (found) => {
    const result = new Map<number, Map<number, Bits>>();
    const numbers = [...found].flatMap(([block, bits]) => [...ordinalsOf(bits)].map((ordinal) => block * blockJobs + ordinal));
    counted += numbers.length;
    if (counted > fewJobs)
      throw new Failure("invalid_parameter", `by=${field}: the filters leave more than the ${fewJobs} jobs that are counted by a field of so many values.`, {
        hint: "Add filters, such as signature or since.",
      });
    for (let start = 0; start < numbers.length; start += jobsAtOnce) {
      const rows = await database.query
        .selectFrom("search_jobs")
        .select(["number", "terms"])
        .where("project_id", "=", projectId)
        .where("number", "in", numbers.slice(start, start + jobsAtOnce))
        .execute();
      for (const { number, terms } of rows) {
        const block = Math.floor(number / blockJobs);
        for (const term of new Uint32Array(aligned(terms))) {
          if (!kindOf.has(term)) continue;
          const bits = result.get(block)?.get(term) ?? emptyBits();
          setBit(bits, number % blockJobs, true);
          put(result, block, term, bits);
        }
      }
    }
    return result;
  };
}

/** Terms that a field of many values may have; counting jobs by more of them takes too long. */
const mostTerms = 200_000;

export async function manyValues(database: Database, projectId: string, field: string): Promise<ManyValues> {
  const terms = await termsOfKind(database.query, projectId, field, fewTerms + 1);
  if (terms.size <= fewTerms) return fromSets(database, [...terms.keys()]);
  return fromJobs(database, projectId, field, await termsOfKind(database.query, projectId, field, mostTerms));
}
