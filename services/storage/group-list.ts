/** Pages of groups. Without filters one index is walked; filters of the jobs are answered by counting the jobs that they leave. */
import { type CompiledQuery, sql } from "kysely";
import { Failure } from "../contract/failure.ts";
import type { GroupStatus } from "../contract/group.ts";
import type { Database } from "./database.ts";
import { countByGroup } from "./group-filter.ts";
import type { JobFilters } from "./job-store.ts";
import type { GroupTable } from "./schema.ts";

export const groupSorts = ["last_seen", "count", "first_seen"] as const;
export type GroupSort = (typeof groupSorts)[number];

export interface GroupListQuery {
  readonly sort: GroupSort;
  readonly status: GroupStatus | null;
  /** Only groups first seen at this time (RFC 3339) or later. */
  readonly newSince: string | null;
  readonly limit: number;
  readonly cursor: string | null;
}

export interface ListedGroup {
  readonly group: GroupTable;
  /** Of the jobs that the filters leave. */
  readonly count: number;
  readonly executables: readonly string[];
  readonly pythonVersions: readonly string[];
  /** By day (UTC), the days from `since` on. */
  readonly days: ReadonlyMap<string, number>;
}

export interface GroupPage {
  readonly items: readonly ListedGroup[];
  readonly nextCursor: string | null;
}

interface Place {
  readonly value: string | number;
  readonly hash: string;
}

/** Two weeks and today: what trends are told from. */
const trendDays = 14;
const dayMilliseconds = 86_400_000;

const compare = (one: Place, other: Place) =>
  one.value === other.value ? (one.hash < other.hash ? 1 : one.hash > other.hash ? -1 : 0) : one.value < other.value ? 1 : -1;

const encode = (sort: GroupSort, { value, hash }: Place): string => Buffer.from(JSON.stringify([2, sort, value, hash])).toString("base64url");

function decode(sort: GroupSort, cursor: string): Place {
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(cursor, "base64url").toString());
  } catch {
    parts = null;
  }
  const [form, of, value, hash]: unknown[] = Array.isArray(parts) ? parts : [];
  const fits = sort === "count" ? typeof value === "number" : typeof value === "string";
  if (form !== 2 || of !== sort || !fits || typeof hash !== "string" || (typeof value !== "number" && typeof value !== "string")) {
    throw new Failure("invalid_cursor", `cursor=${JSON.stringify(cursor.slice(0, 100))} was not given by this service for sort=${sort}.`, {
      hint: "Use the `next_cursor` of the page before as it is, with the same `sort`, or leave it out to begin anew.",
    });
  }
  return { value, hash };
}

/** Nearly all groups have jobs, so this is no bound to walk an index by. */
const unindexedCount = sql<number>`groups.count + 0`;

/** The groups are named by their hashes: no other index is to be walked. */
const unindexed = (column: "status" | "first_seen") => sql<string>`${sql.ref(column)} || ''`;

/** Walks `groups_by_…` from its end; a group that was edited out of the way never hides another. */
export function groupPage(
  database: Database,
  projectId: string,
  page: GroupListQuery,
  after: Place | null,
): { compile(): CompiledQuery; execute(): Promise<GroupTable[]> } {
  let query = database.query.selectFrom("groups").selectAll().where("project_id", "=", projectId).where(unindexedCount, ">", 0);
  if (page.status !== null) query = query.where("status", "=", page.status);
  if (page.newSince !== null) query = query.where("first_seen", ">=", page.newSince);
  if (after !== null) query = query.where(sql<boolean>`(${sql.ref(page.sort)}, hash) < (${after.value}, ${after.hash})`);
  return query
    .orderBy(page.sort, "desc")
    .orderBy("hash", "desc")
    .limit(page.limit + 1);
}

const hasFilters = (filters: JobFilters) => Object.values(filters).some((value) => value !== undefined);

interface Matching {
  readonly group: GroupTable;
  readonly count: number;
}

const groupsAtOnce = 400;

/** The largest counts first; rows are read for as many groups as the page needs. */
async function filteredByCount(
  database: Database,
  projectId: string,
  counts: ReadonlyMap<string, number>,
  page: GroupListQuery,
  after: Place | null,
): Promise<Matching[]> {
  const places = [...counts].map(([hash, count]) => ({ hash, value: count })).toSorted((one, other) => compare(one, other));
  const rest = after === null ? places : places.filter((place) => compare(place, after) > 0);
  const found: Matching[] = [];
  for (let start = 0; start < rest.length && found.length <= page.limit; start += groupsAtOnce) {
    const hashes = rest.slice(start, start + groupsAtOnce).map(({ hash }) => hash);
    let query = database.query.selectFrom("groups").selectAll().where("project_id", "=", projectId).where("hash", "in", hashes);
    if (page.status !== null) query = query.where(unindexed("status"), "=", page.status);
    if (page.newSince !== null) query = query.where(unindexed("first_seen"), ">=", page.newSince);
    const rows = new Map((await query.execute()).map((group) => [group.hash, group]));
    for (const hash of hashes) {
      const group = rows.get(hash);
      if (group !== undefined) found.push({ group, count: counts.get(hash) ?? 0 });
    }
  }
  return found.slice(0, page.limit + 1);
}

/** Walks the groups in their order and keeps those that have such jobs. */
async function filteredByTime(
  database: Database,
  projectId: string,
  counts: ReadonlyMap<string, number>,
  page: GroupListQuery,
  after: Place | null,
): Promise<Matching[]> {
  const found: Matching[] = [];
  for (let from = after; ; ) {
    const rows = await groupPage(database, projectId, { ...page, limit: groupsAtOnce - 1 }, from).execute();
    for (const group of rows) {
      const count = counts.get(group.hash);
      if (count !== undefined) found.push({ group, count });
      if (found.length > page.limit) return found;
    }
    const last = rows.at(-1);
    if (rows.length < groupsAtOnce || last === undefined) return found;
    from = { value: last[page.sort], hash: last.hash };
  }
}

async function decorate(
  database: Database,
  projectId: string,
  groups: readonly { readonly group: GroupTable; readonly count: number }[],
): Promise<ListedGroup[]> {
  if (groups.length === 0) return [];
  const hashes = groups.map(({ group }) => group.hash);
  const since = new Date(Date.now() - (trendDays - 1) * dayMilliseconds).toISOString().slice(0, 10);
  // Two questions, because each walks the key of the facets from its kind on; either of them alone would walk all kinds.
  const facets = () =>
    database.query
      .selectFrom("signatures")
      .crossJoin("signature_facets as facet")
      .select((query) => ["signatures.group_hash", "facet.kind", "facet.value", query.fn.sum<number | string>("facet.count").as("count")])
      .whereRef("facet.project_id", "=", "signatures.project_id")
      .whereRef("facet.signature", "=", "signatures.hash")
      .where("signatures.project_id", "=", projectId)
      .where("signatures.group_hash", "in", hashes)
      .groupBy(["signatures.group_hash", "facet.kind", "facet.value"]);
  const rows = [
    ...(await facets().where("facet.kind", "in", ["executable", "python"]).execute()),
    ...(await facets().where("facet.kind", "=", "day").where("facet.value", ">=", since).execute()),
  ];
  const byGroup = Map.groupBy(rows, (row) => row.group_hash);
  return groups.map(({ group, count }) => {
    const own = (byGroup.get(group.hash) ?? []).toSorted((one, other) => Number(other.count) - Number(one.count));
    const values = (kind: string) => own.flatMap((row) => (row.kind === kind ? [row.value] : []));
    return {
      group,
      count,
      executables: values("executable"),
      pythonVersions: values("python"),
      days: new Map(own.flatMap((row) => (row.kind === "day" ? [[row.value, Number(row.count)] as const] : []))),
    };
  });
}

export async function listGroups(database: Database, projectId: string, filters: JobFilters, page: GroupListQuery): Promise<GroupPage> {
  const after = page.cursor === null ? null : decode(page.sort, page.cursor);
  const cut = async (rows: readonly { readonly group: GroupTable; readonly count: number }[]): Promise<GroupPage> => {
    const shown = rows.slice(0, page.limit);
    const last = shown.at(-1);
    const place = last === undefined ? null : { value: page.sort === "count" ? last.count : last.group[page.sort], hash: last.group.hash };
    const nextCursor = rows.length > page.limit && place !== null ? encode(page.sort, place) : null;
    return { items: await decorate(database, projectId, shown), nextCursor };
  };
  if (!hasFilters(filters)) return cut((await groupPage(database, projectId, page, after).execute()).map((group) => ({ group, count: group.count })));
  const counts = await countByGroup(database, projectId, filters);
  if (counts.size === 0) return { items: [], nextCursor: null };
  return cut(await (page.sort === "count" ? filteredByCount : filteredByTime)(database, projectId, counts, page, after));
}
