/**
 * Counts of jobs by any of the fields that they are found by, and by spans of time.
 *
 * The rows of the largest counts are told, and of all others together how many they are. `signature` counts by groups: a
 * signature's jobs are those of the group that it is in.
 */
import { Failure } from "../contract/failure.ts";
import type { Database } from "./database.ts";
import { groupsOfSignatures } from "./group-filter.ts";
import type { JobFilters } from "./job-store.ts";
import { countJobs, wholePlan } from "./search/counting.ts";
import { termsOfIds } from "./search/dictionary.ts";
import { manyValues } from "./search/many-values.ts";
import { labelKind, type Term } from "./search-terms.ts";
import { parseSpans, type Spans } from "./time-spans.ts";

export interface StatsQuery {
  /** `signature`, `label.release`, …; at least one. */
  readonly by: readonly string[];
  /** `1h`, `1d`, `2w`; null for none. */
  readonly interval: string | null;
  readonly limit: number;
}

export interface SpanCount {
  readonly start: string;
  readonly count: number;
}

export interface StatsRow {
  /** In the order of `by`; null for jobs without a value. */
  readonly values: readonly (string | null)[];
  /** Of the group, when counted by signature. */
  readonly title: string | null;
  readonly count: number;
  /** Spans in which there were any, the earliest first; null without an interval. */
  readonly spans: readonly SpanCount[] | null;
}

export interface Stats {
  readonly total: number;
  /** The largest first. */
  readonly rows: readonly StatsRow[];
  readonly other: { readonly rows: number; readonly count: number; readonly spans: readonly SpanCount[] | null };
}

export const mostFields = 4;
export const mostSpans = 1_000;

const single: ReadonlyMap<string, string> = new Map([
  ["status", "status"],
  ["signal", "signal"],
  ["signature", "signature"],
  ["executable", "executable"],
  ["python_version", "python"],
]);
const multiple: readonly string[] = ["diagnosis", "extension", "function", "file"];
export const statsFields: readonly string[] = [...single.keys(), ...multiple, "label.NAME"];

interface Row {
  readonly values: readonly (string | null)[];
  count: number;
  readonly spans: Map<number, number>;
}

function columnOf(field: string): string | null {
  return /^label\../.test(field) ? labelKind(field.slice("label.".length)) : (single.get(field) ?? null);
}

function refuse(detail: string): never {
  throw new Failure("invalid_parameter", detail, { hint: `Count by ${statsFields.join(", ")}; at most ${mostFields} of them.` });
}

function checkFields(by: readonly string[]): void {
  const unknown = by.find((field) => columnOf(field) === null && !multiple.includes(field));
  if (unknown !== undefined) refuse(`by names ${JSON.stringify(unknown.slice(0, 100))}, which jobs are not counted by; known are ${statsFields.join(", ")}.`);
  if (by.length === 0 || by.length > mostFields || new Set(by).size !== by.length)
    refuse(`by=${by.join(",").slice(0, 200)} must name 1 to ${mostFields} different fields.`);
  const many = by.filter((field) => multiple.includes(field));
  if (many.length > 1) refuse(`by: only one of ${many.join(", ")} at a time, because a job may have many values of each.`);
}

const bySpan = (spans: ReadonlyMap<number, number>, of: Spans): SpanCount[] =>
  [...spans].toSorted(([one], [other]) => one - other).map(([number, count]) => ({ start: of.startOf(number), count }));

function requireFewSpans(rows: readonly Row[], interval: string): void {
  let [first, last] = [Infinity, -Infinity];
  for (const row of rows) {
    for (const span of row.spans.keys()) {
      first = Math.min(first, span);
      last = Math.max(last, span);
    }
  }
  if (last - first >= mostSpans)
    throw new Failure(
      "invalid_parameter",
      `interval=${interval} cuts the time from the first to the last of these jobs into ${last - first + 1} spans; ${mostSpans} are told.`,
      {
        hint: "Ask for a longer interval, or bound the time with since and until.",
      },
    );
}

function compare(one: Row, other: Row): number {
  if (one.count !== other.count) return other.count - one.count;
  const [a, b] = [JSON.stringify(one.values), JSON.stringify(other.values)];
  return a < b ? -1 : a > b ? 1 : 0;
}

async function titlesOf(database: Database, projectId: string, groups: readonly string[]): Promise<Map<string, string>> {
  if (groups.length === 0) return new Map();
  const rows = await database.query.selectFrom("groups").select(["hash", "title"]).where("project_id", "=", projectId).where("hash", "in", groups).execute();
  return new Map(rows.map(({ hash, title }) => [hash, title]));
}

export async function jobStats(database: Database, projectId: string, filters: JobFilters, { by, interval, limit }: StatsQuery): Promise<Stats> {
  checkFields(by);
  const spans = interval === null ? null : parseSpans(interval);
  const many = by.find((field) => multiple.includes(field)) ?? null;
  const columns = by.filter((field) => field !== many);
  const tally = await countJobs(database, projectId, await wholePlan(database, projectId, filters), {
    fields: columns.map((field) => columnOf(field) ?? field),
    many: many === null ? null : await manyValues(database, projectId, many),
    spanOf: spans === null ? null : (milliseconds) => spans.numberOf(milliseconds),
  });
  const order = many === null ? columns : [many, ...columns];
  const used = new Set(tally.combinations.flatMap(({ key }) => key.slice(0, order.length)).filter((id) => id !== 0));
  const terms = await termsOfIds(database.query, [...used]);
  const signatures = by.includes("signature") ? [...terms.values()].filter(({ kind }) => kind === "signature").map(({ value }) => value) : [];
  const groups = signatures.length === 0 ? new Map<string, string>() : await groupsOfSignatures(database, projectId, signatures);
  const valueOf = (term: Term | undefined) => (term === undefined ? null : term.kind === "signature" ? (groups.get(term.value) ?? term.value) : term.value);
  const places = by.map((field) => order.indexOf(field));

  const rows = new Map<string, Row>();
  for (const { key, count } of tally.combinations) {
    const values = places.map((place) => valueOf(terms.get(key[place] ?? 0)));
    const name = JSON.stringify(values);
    const row = rows.get(name) ?? { values, count: 0, spans: new Map<number, number>() };
    rows.set(name, row);
    row.count += count;
    const span = spans === null ? undefined : key[order.length];
    if (span !== undefined) row.spans.set(span, (row.spans.get(span) ?? 0) + count);
  }
  const sorted = [...rows.values()].toSorted(compare);
  if (interval !== null) requireFewSpans(sorted, interval);
  const [shown, others] = [sorted.slice(0, limit), sorted.slice(limit)];
  const rest = new Map<number, number>();
  for (const { spans: own } of others) for (const [span, count] of own) rest.set(span, (rest.get(span) ?? 0) + count);
  const groupAt = by.indexOf("signature");
  const titles = await titlesOf(database, projectId, groupAt === -1 ? [] : shown.flatMap(({ values }) => values[groupAt] ?? []));
  return {
    total: tally.total,
    rows: shown.map((row) => ({
      values: row.values,
      title: groupAt === -1 ? null : (titles.get(row.values[groupAt] ?? "") ?? null),
      count: row.count,
      spans: spans === null ? null : bySpan(row.spans, spans),
    })),
    other: { rows: others.length, count: others.reduce((sum, { count }) => sum + count, 0), spans: spans === null ? null : bySpan(rest, spans) },
  };
}
