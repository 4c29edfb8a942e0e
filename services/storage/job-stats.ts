/**
 * Counts of jobs by any of the fields that they are found by, and by spans of time.
 *
 * The rows of the largest counts are told, and of all others together how many they are. `signature` counts by groups: a
 * signature's jobs are those of the group that it is in.
 */
import { Failure } from "../contract/failure.ts";
import type { Database } from "./database.ts";
import { movedSignatures } from "./group-filter.ts";
import type { JobFilters } from "./job-store.ts";
import { countJobs, wholePlan } from "./search/counting.ts";
import { termsOfIds } from "./search/dictionary.ts";
import { manyValues } from "./search/many-values.ts";
import { type CountedRow, folded, largest } from "./search/tally.ts";
import { labelKind } from "./search-terms.ts";
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

function requireFewSpans(rows: readonly CountedRow[], interval: string): void {
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

/** Signatures that are in another group, each by the term that stands for the group: that of its founder, or of any that is in it. */
async function standIns(database: Database, projectId: string, signatures: ReadonlySet<number>): Promise<Map<number, number>> {
  const moved = await movedSignatures(database, projectId);
  const groups = new Map<string, number>();
  const result = new Map<number, number>();
  if (moved.size === 0) return result;
  const terms = await termsOfIds(database.query, [...signatures]);
  for (const [id, { value }] of terms) if (!moved.has(value)) groups.set(value, id);
  for (const [id, { value }] of terms) {
    const group = moved.get(value);
    if (group === undefined) continue;
    const known = groups.get(group);
    if (known === undefined) groups.set(group, id);
    else result.set(id, known);
  }
  return result;
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
  const signatureAt = order.indexOf("signature");
  const signatures = new Set(signatureAt === -1 ? [] : tally.rows.map(({ key }) => key[signatureAt] ?? 0));
  const others = await standIns(database, projectId, signatures);
  const rows = others.size === 0 ? tally.rows : folded(tally.rows, (key) => key.map((id, index) => (index === signatureAt ? (others.get(id) ?? id) : id)));
  if (interval !== null) requireFewSpans(rows, interval);
  const { shown, others: left } = largest(rows, limit);
  const terms = await termsOfIds(database.query, [...new Set(shown.flatMap(({ key }) => key))]);
  const groups = signatureAt === -1 ? new Map<string, string>() : await movedSignatures(database, projectId);
  const valueOf = (id: number) => {
    const term = terms.get(id);
    if (term === undefined) return null;
    return term.kind === "signature" ? (groups.get(term.value) ?? term.value) : term.value;
  };
  const places = by.map((field) => order.indexOf(field));
  const valuesOf = ({ key }: CountedRow) => places.map((place) => valueOf(key[place] ?? 0));
  const rest = new Map<number, number>();
  for (const { spans: own } of left) for (const [span, count] of own) rest.set(span, (rest.get(span) ?? 0) + count);
  const groupAt = by.indexOf("signature");
  const titles =
    groupAt === -1 ? new Map<string, string>() : await titlesOf(database, projectId, [...new Set(shown.flatMap((row) => valuesOf(row)[groupAt] ?? []))]);
  return {
    total: tally.total,
    rows: shown.map((row) => {
      const values = valuesOf(row);
      return { values, title: titles.get(values[groupAt] ?? "") ?? null, count: row.count, spans: spans === null ? null : bySpan(row.spans, spans) };
    }),
    other: { rows: left.length, count: left.reduce((sum, { count }) => sum + count, 0), spans: spans === null ? null : bySpan(rest, spans) },
  };
}
