/** Pages of groups. Without filters one index is walked; filters of the jobs are answered by counting the jobs that they leave. */
import { sql } from "kysely";
import { Failure } from "../contract/failure.ts";
import type { GroupStatus } from "../contract/group.ts";
import type { Database } from "./database.ts";
import { countByGroup, type GroupCounts } from "./group-filter.ts";
import type { JobFilters } from "./job-store.ts";
import type { GroupTable } from "./schema.ts";
import { indexable } from "./search-text.ts";

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

const encode = (sort: GroupSort, { value, hash }: Place): string => Buffer.from(JSON.stringify([2, sort, value, hash])).toString("base64url");

/** What a column of the database can hold, whatever it is. */
const isCount = (value: unknown): value is number => typeof value === "number" && Number.isInteger(value) && value >= 0 && value < 2 ** 31;
const isTime = (value: unknown): value is string => typeof value === "string" && /^[\dT:.Z-]{1,40}$/.test(value);

function decode(sort: GroupSort, cursor: string): Place {
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(cursor, "base64url").toString());
  } catch {
    parts = null;
  }
  const [form, of, told, hash]: unknown[] = Array.isArray(parts) ? parts : [];
  const value = (sort === "count" ? isCount : isTime)(told) ? told : null;
  if (form !== 2 || of !== sort || value === null || typeof hash !== "string" || hash !== indexable(hash)) {
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

/** Of the order's index alone: `limit` places from its end on, or after one of them. */
export function placesOf(database: Database, projectId: string, page: GroupListQuery, after: Place | null, limit: number) {
  let query = database.query
    .selectFrom("groups")
    .select([`${page.sort} as value`, "hash"])
    .where("project_id", "=", projectId);
  if (page.status !== null) query = query.where("status", "=", page.status);
  if (page.newSince !== null) query = query.where("first_seen", ">=", page.newSince);
  if (after !== null) query = query.where(sql<boolean>`(${sql.ref(page.sort)}, hash) < (${after.value}, ${after.hash})`);
  return query.orderBy(page.sort, "desc").orderBy("hash", "desc").limit(limit);
}

/** Walks `groups_by_…` from its end; a group that was edited out of the way never hides another. */
export function groupPage(database: Database, projectId: string, page: GroupListQuery, after: Place | null) {
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
/** Read of the index at once. */
const mostPlaces = 4_000;

async function* inSlices<T>(values: AsyncIterable<T>, first: number): AsyncGenerator<T[]> {
  let slice: T[] = [];
  for await (const value of values) if (slice.push(value) === first) yield slice.splice(0);
  if (slice.length > 0) yield slice;
}

/** Of these groups, those that the page asks for; by hash. */
async function rowsOf(database: Database, projectId: string, page: GroupListQuery, hashes: readonly string[]): Promise<Map<string, GroupTable>> {
  let query = database.query.selectFrom("groups").selectAll().where("project_id", "=", projectId).where("hash", "in", hashes);
  if (page.status !== null) query = query.where(unindexed("status"), "=", page.status);
  if (page.newSince !== null) query = query.where(unindexed("first_seen"), ">=", page.newSince);
  return new Map((await query.execute()).map((group) => [group.hash, group]));
}

/** Rows are read for as many groups as the page needs. */
async function filteredByCount(database: Database, projectId: string, counts: GroupCounts, page: GroupListQuery, after: Place | null): Promise<Matching[]> {
  const found: Matching[] = [];
  const largest = counts.largest(after === null ? null : { count: Number(after.value), hash: after.hash });
  for await (const some of inSlices(largest, Math.min(groupsAtOnce, page.limit + 1))) {
    const rows = await rowsOf(
      database,
      projectId,
      page,
      some.map(({ hash }) => hash),
    );
    for (const { hash, count } of some) {
      const group = rows.get(hash);
      if (group !== undefined) found.push({ group, count });
    }
    if (found.length > page.limit) break;
  }
  return found.slice(0, page.limit + 1);
}

/** Walks the index of the order, which has all that is asked of it, and keeps those groups that have such jobs. */
async function filteredByTime(database: Database, projectId: string, counts: GroupCounts, page: GroupListQuery, after: Place | null): Promise<Matching[]> {
  const found = new Map<string, number>();
  for (let from = after, size = page.limit + 1; found.size <= page.limit; size = Math.min(size * 4, mostPlaces)) {
    const places = await placesOf(database, projectId, page, from, size).execute();
    const own = await counts.of(places.map(({ hash }) => hash));
    for (const { hash } of places) {
      const count = own.get(hash);
      if (count !== undefined) found.set(hash, count);
    }
    const last = places.at(-1);
    if (places.length < size || last === undefined) break;
    from = last;
  }
  const hashes = [...found.keys()].slice(0, page.limit + 1);
  const rows = hashes.length === 0 ? new Map<string, GroupTable>() : await rowsOf(database, projectId, page, hashes);
  return hashes.flatMap((hash) => {
    const group = rows.get(hash);
    return group === undefined ? [] : [{ group, count: found.get(hash) ?? 0 }];
  });
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
