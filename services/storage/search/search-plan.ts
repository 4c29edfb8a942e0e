/** Filters as the search index understands them: sets of jobs that must all hold, and bounds of time. */
import { Failure } from "../../contract/failure.ts";
import type { Database } from "../database.ts";
import { signaturesOf } from "../group-members.ts";
import type { JobFilters } from "../job-store.ts";
import { statusTerm, type Term, termsOfLabels } from "../search-terms.ts";
import { baseName, indexable } from "../search-text.ts";
import { wantedWords } from "../search-words.ts";
import { knownTerms, termKey, termsBeginning } from "./dictionary.ts";

export interface SearchPlan {
  /** A job must be in one of the terms of every clause. */
  readonly clauses: readonly (readonly number[])[];
  /** Milliseconds since 1970, `from` included, `below` not. */
  readonly from: number | null;
  readonly below: number | null;
}

const mostWords = 16;
/** Words that one `pars*` stands for. */
const mostBeginnings = 200;

export function instant(name: string, value: string): number {
  const time = Date.parse(value);
  if (Number.isNaN(time)) throw new Failure("invalid_parameter", `${name}=${JSON.stringify(value)} is not a time such as 2026-11-23T04:05:06Z.`);
  return time;
}

export const timesOf = ({ since, until }: JobFilters): Pick<SearchPlan, "from" | "below"> => ({
  from: since === undefined ? null : instant("since", since),
  below: until === undefined ? null : instant("until", until),
});

/** One alternative each. */
function exactTerms(filters: JobFilters): Term[] {
  const { status, signal, executable, pythonVersion, labels } = filters;
  const terms: Term[] = termsOfLabels(labels ?? {});
  if (status !== undefined) terms.push(statusTerm(status));
  if (signal !== undefined) terms.push({ kind: "signal", value: String(signal) });
  if (executable !== undefined) terms.push({ kind: "executable", value: indexable(baseName(executable)) });
  if (pythonVersion !== undefined) terms.push({ kind: "python", value: indexable(pythonVersion) });
  for (const kind of ["diagnosis", "extension", "file", "function"] as const) {
    const value = filters[kind];
    if (value !== undefined) terms.push({ kind, value: indexable(value) });
  }
  return terms;
}

async function wordClauses(database: Database, projectId: string, text: string): Promise<number[][]> {
  const words = wantedWords(text);
  if (words.length === 0 || words.length > mostWords)
    throw new Failure("invalid_parameter", `q=${JSON.stringify(text.slice(0, 100))} has ${words.length} words; 1 to ${mostWords} are searched for.`, {
      hint: "Words are letters, digits and underscores, such as parse_header; an asterisk at the end stands for the rest of a word: pars*.",
    });
  const exact = words.filter(({ beginning }) => !beginning).map(({ word }): Term => ({ kind: "word", value: word }));
  const ids = await knownTerms(database.query, projectId, exact);
  const clauses = exact.map((term) => [ids.get(termKey(term)) ?? 0]);
  for (const { word } of words.filter(({ beginning }) => beginning)) {
    const found = await termsBeginning(database.query, projectId, "word", word, mostBeginnings + 1);
    if (found.length > mostBeginnings)
      throw new Failure("invalid_parameter", `q: more than ${mostBeginnings} words begin with ${JSON.stringify(word)}; give more of it.`);
    clauses.push(found);
  }
  return clauses;
}

/** Whether any filter beside the times is given. */
export function hasTerms({ since: _since, until: _until, ...others }: JobFilters): boolean {
  return Object.values(others).some((value) => value !== undefined);
}

/** Null when no job can match: a term that no job ever had. */
export async function planOf(database: Database, projectId: string, filters: JobFilters): Promise<SearchPlan | null> {
  const times = timesOf(filters);
  const exact = exactTerms(filters);
  const signatures =
    filters.signature === undefined
      ? null
      : (await signaturesOf(database, projectId, filters.signature)).map((hash): Term => ({ kind: "signature", value: hash }));
  const ids = await knownTerms(database.query, projectId, [...exact, ...(signatures ?? [])]);
  const idsOf = (terms: readonly Term[]) => terms.flatMap((term) => ids.get(termKey(term)) ?? []);
  const clauses = [
    ...exact.map((term) => idsOf([term])),
    ...(signatures === null ? [] : [idsOf(signatures)]),
    ...(filters.q === undefined ? [] : await wordClauses(database, projectId, filters.q)),
  ].map((clause) => clause.filter((id) => id !== 0));
  return clauses.some((clause) => clause.length === 0) ? null : { clauses, ...times };
}
