/**
 * Counts of jobs by any of the fields that they are found by, and by spans of time.
 *
 * The rows of the largest counts are told, and of all others together how many they are. `signature` counts by groups: a
 * signature's jobs are those of the group that it is in.
 */
import { Failure } from "../contract/failure.ts";
import type { Database } from "./database.ts";
import { type MovedSignatures, movedSignatures } from "./group-filter.ts";
import type { JobFilters } from "./job-store.ts";
import { countJobs, wholePlan } from "./search/counting.ts";
import { termsOfIds } from "./search/dictionary.ts";
import { manyValues } from "./search/many-values.ts";
import type { Tally } from "./search/tally.ts";
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

function requireFewSpans({ spanBounds: bounds }: Tally, interval: string): void {
  const spans = bounds === null ? 0 : bounds.last - bounds.first + 1;
  if (spans > mostSpans)
    throw new Failure(
      "invalid_parameter",
      `interval=${interval} cuts the time from the first to the last of these jobs into ${spans} spans; ${mostSpans} are told.`,
      {
        hint: "Ask for a longer interval, or bound the time with since and until.",
      },
    );
}

const unmoved: MovedSignatures = { groups: new Map(), standIns: new Map(), leading: new Map() };

async function titlesOf(database: Database, projectId: string, groups: readonly string[]): Promise<Map<string, string>> {
  if (groups.length === 0) return new Map();
  const rows = await database.query.selectFrom("groups").select(["hash", "title"]).where("project_id", "=", projectId).where("hash", "in", groups).execute();
  return new Map(rows.map(({ hash, title }) => [hash, title]));
}

export async function jobStats(database: Database, projectId: string, filters: JobFilters, { by, interval, limit }: StatsQuery): Promise<Stats> {
  checkFields(by);
  const spans = interval === null ? null : parseSpans(interval);
  const many = by.find((field) => multiple.includes(field)) ?? null;
  // A signature's group is found once for each of them, if they come first.
  const columns = by.filter((field) => field !== many).toSorted((one, other) => Number(other === "signature") - Number(one === "signature"));
  const moved = by.includes("signature") ? await movedSignatures(database, projectId) : unmoved;
  const { total, tally } = await countJobs(database, projectId, await wholePlan(database, projectId, filters), {
    fields: columns.map((field) => columnOf(field) ?? field),
    many: many === null ? null : await manyValues(database, projectId, many),
    signatures: moved.standIns,
    spanOf: spans === null ? null : (milliseconds) => spans.numberOf(milliseconds),
  });
  if (interval !== null) requireFewSpans(tally, interval);
  const { shown, others } = tally.largest(limit);
  const terms = await termsOfIds(database.query, [...new Set(shown.flatMap(({ key }) => key))]);
  const valueOf = (id: number) => {
    const term = terms.get(id);
    if (term === undefined) return null;
    return term.kind === "signature" ? (moved.groups.get(term.value) ?? term.value) : term.value;
  };
  const order = many === null ? columns : [many, ...columns];
  const places = by.map((field) => order.indexOf(field));
  const groupAt = by.indexOf("signature");
  const rows = shown.map(({ key, count, spans: own }) => ({
    values: places.map((place) => valueOf(key[place] ?? 0)),
    count,
    spans: spans === null ? null : bySpan(own, spans),
  }));
  const titles =
    groupAt === -1 ? new Map<string, string>() : await titlesOf(database, projectId, [...new Set(rows.flatMap(({ values }) => values[groupAt] ?? []))]);
  return {
    total,
    rows: rows.map((row) => ({ ...row, title: titles.get(row.values[groupAt] ?? "") ?? null })),
    other: { ...others, spans: spans === null ? null : bySpan(others.spans, spans) },
  };
}
