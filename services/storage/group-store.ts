/**
 * The groups: lists, one group with all that is counted of it, and what people change about it.
 *
 * A hash leads to its group wherever that went: a signature may have been merged into another group, or been replaced by that
 * of newer rules. Lists without job filters walk one index of `groups`; those with filters count the jobs that the filters leave.
 */
import type { Transaction } from "kysely";
import type { GroupStatus } from "../contract/group.ts";
import { Failure } from "../contract/failure.ts";
import type { Database } from "./database.ts";
import { moveSignature } from "./group-counts.ts";
import { type GroupListQuery, type GroupPage, listGroups } from "./group-list.ts";
import { resolveGroup, signaturesIn, signaturesOf } from "./group-members.ts";
import type { JobFilters } from "./job-store.ts";
import { requireRevision } from "./revision.ts";
import type { GroupTable, Schema, SignatureTable } from "./schema.ts";
import { indexable, storable } from "./search-text.ts";

export interface FacetCount {
  readonly kind: string;
  readonly value: string;
  readonly count: number;
}

export interface StoredGroup {
  readonly group: GroupTable;
  /** The largest first. */
  readonly signatures: readonly SignatureTable[];
  /** Each kind and value once, in no order. */
  readonly facets: readonly FacetCount[];
  /** The newest job with a report. */
  readonly example: string | null;
}

export interface GroupEdit {
  readonly status?: Exclude<GroupStatus, "regressed"> | undefined;
  readonly resolvedIn?: string | null | undefined;
  readonly note?: string | null | undefined;
  readonly issueUrl?: string | null | undefined;
}

export interface SignatureKeys {
  readonly group: string;
  readonly title: string;
  readonly keys: readonly string[];
}

export interface GroupStore {
  list(projectId: string, filters: JobFilters, page: GroupListQuery): Promise<GroupPage>;
  /** By the group's hash or by that of any signature, old ones included. */
  get(projectId: string, hash: string): Promise<StoredGroup | null>;
  /** `revision`: only if nobody has changed it since; else rejects with `precondition_failed`. Null: no such group. */
  edit(projectId: string, hash: string, edit: GroupEdit, revision: number | null): Promise<boolean>;
  /** The signatures of the other groups come to this one. */
  merge(projectId: string, hash: string, others: readonly string[], revision: number | null): Promise<boolean>;
  /** Signatures leave the group, each for a group of its own name. */
  split(projectId: string, hash: string, signatures: readonly string[], revision: number | null): Promise<boolean>;
  /** Groups that share a key with these, by their largest signature, at most `limit` of them. */
  sharing(projectId: string, keys: readonly string[], limit: number): Promise<SignatureKeys[]>;
  /** The signatures of the group that the hash leads to; the hash itself when nothing is known of it. */
  signaturesOf(projectId: string, hash: string): Promise<string[]>;
}

const rarestKeys = 8;

/** Raises the revision, and thereby holds the group for this transaction; refuses what was written for an older one. */
async function take(transaction: Transaction<Schema>, projectId: string, hash: string, revision: number | null): Promise<GroupTable | null> {
  const group = await resolveGroup(transaction, projectId, hash);
  if (group === null) return null;
  const row = await transaction
    .updateTable("groups")
    .set((query) => ({ revision: query("revision", "+", 1) }))
    .where("project_id", "=", projectId)
    .where("hash", "=", group)
    .returningAll()
    .executeTakeFirst();
  if (row === undefined) return null;
  requireRevision(`The group ${group}`, row.revision, revision);
  return row;
}

/** Added up here: asked to, SQLite takes the index that has the kinds and values in order, and walks the facets of all signatures. */
async function facetsIn(database: Database, projectId: string, signatures: readonly string[]): Promise<FacetCount[]> {
  const rows = await database.query
    .selectFrom("signature_facets")
    .select(["kind", "value", "count"])
    .where("project_id", "=", projectId)
    .where("signature", "in", signatures)
    .execute();
  const sums = new Map<string, FacetCount>();
  for (const { kind, value, count } of rows) {
    const name = `${kind}\n${value}`;
    sums.set(name, { kind, value, count: count + (sums.get(name)?.count ?? 0) });
  }
  return [...sums.values()];
}

async function newestWithReport(database: Database, projectId: string, signatures: readonly string[]): Promise<string | null> {
  const newest: string[] = [];
  for (const signature of signatures) {
    const row = await database.query
      .selectFrom("jobs")
      .innerJoin("reports", "reports.job_id", "jobs.id")
      .select("jobs.id")
      .where("jobs.project_id", "=", projectId)
      .where("jobs.signature_hash", "=", signature)
      .orderBy("jobs.id", "desc")
      .limit(1)
      .executeTakeFirst();
    if (row !== undefined) newest.push(row.id);
  }
  return newest.toSorted().at(-1) ?? null;
}

export function createGroupStore(database: Database): GroupStore {
  return {
    list: (projectId, filters, page) => listGroups(database, projectId, filters, page),

    get: async (projectId, hash) => {
      const found = await resolveGroup(database.query, projectId, hash);
      if (found === null) return null;
      const group = await database.query.selectFrom("groups").selectAll().where("project_id", "=", projectId).where("hash", "=", found).executeTakeFirst();
      if (group === undefined) return null;
      const signatures = await signaturesIn(database.query, projectId, found);
      const hashes = signatures.map((signature) => signature.hash);
      const facets = await facetsIn(database, projectId, hashes);
      return { group, signatures, facets, example: await newestWithReport(database, projectId, hashes) };
    },

    edit: (projectId, hash, edit, revision) =>
      database.query.transaction().execute(async (transaction) => {
        const group = await take(transaction, projectId, hash, revision);
        if (group === null) return false;
        const status = edit.status ?? group.status;
        const resolved = status === "resolved";
        if (!resolved && edit.resolvedIn != null) {
          throw new Failure("invalid_body", "`resolved_in` names the release of a resolved group; send it with `status` `resolved`.");
        }
        await transaction
          .updateTable("groups")
          .set({
            status,
            // A note on a regressed group leaves it what it was resolved in.
            ...(edit.status === undefined ? {} : { regressed_at: null, resolved_at: resolved ? new Date().toISOString() : null }),
            ...(edit.status === undefined || resolved ? {} : { resolved_in: null }),
            ...(resolved && edit.resolvedIn !== undefined ? { resolved_in: edit.resolvedIn } : {}),
            ...(edit.note === undefined ? {} : { note: edit.note === null ? null : storable(edit.note) }),
            ...(edit.issueUrl === undefined ? {} : { issue_url: edit.issueUrl }),
          })
          .where("project_id", "=", projectId)
          .where("hash", "=", group.hash)
          .execute();
        return true;
      }),

    merge: (projectId, hash, others, revision) =>
      database.query.transaction().execute(async (transaction) => {
        const group = await take(transaction, projectId, hash, revision);
        if (group === null) return false;
        for (const other of others) {
          const from = await resolveGroup(transaction, projectId, other);
          if (from === null) throw new Failure("group_not_found", `There is no group ${JSON.stringify(other.slice(0, 100))}.`);
          if (from === group.hash) continue;
          for (const signature of await signaturesIn(transaction, projectId, from)) await moveSignature(transaction, signature, group.hash, true);
        }
        return true;
      }),

    split: (projectId, hash, signatures, revision) =>
      database.query.transaction().execute(async (transaction) => {
        const group = await take(transaction, projectId, hash, revision);
        if (group === null) return false;
        const members = await signaturesIn(transaction, projectId, group.hash);
        for (const each of new Set(signatures.map(indexable))) {
          const member = members.find((signature) => signature.hash === each);
          if (member === undefined) throw new Failure("group_conflict", `The signature ${JSON.stringify(each)} is not one of the group ${group.hash}.`);
          if (each === group.hash)
            throw new Failure("group_conflict", `The signature ${each} gave the group its name and cannot leave it; let the others leave instead.`);
          await moveSignature(transaction, member, each, true);
        }
        return true;
      }),

    sharing: async (projectId, keys, limit) => {
      if (keys.length === 0) return [];
      // Among frequent keys (a framework's entry point) the rare ones tell who is akin.
      const counts = await database.query
        .selectFrom("signature_keys")
        .select((query) => ["key", query.fn.countAll<number | string>().as("count")])
        .where("project_id", "=", projectId)
        .where("key", "in", keys)
        .groupBy("key")
        .execute();
      const rare = counts
        .toSorted((one, other) => Number(one.count) - Number(other.count))
        .slice(0, rarestKeys)
        .map(({ key }) => key);
      if (rare.length === 0) return [];
      const rows = await database.query
        .selectFrom("signature_keys")
        .innerJoin("signatures", (join) =>
          join.onRef("signatures.project_id", "=", "signature_keys.project_id").onRef("signatures.hash", "=", "signature_keys.signature"),
        )
        .select(["signatures.group_hash", "signatures.title", "signatures.keys"])
        .where("signature_keys.project_id", "=", projectId)
        .where("signature_keys.key", "in", rare)
        .where("signatures.superseded_by", "is", null)
        .where("signatures.count", ">", 0)
        .limit(limit)
        .execute();
      return rows.map((row) => {
        const stored: string[] = JSON.parse(row.keys);
        return { group: row.group_hash, title: row.title, keys: stored };
      });
    },

    signaturesOf: (projectId, hash) => signaturesOf(database, projectId, hash),
  };
}
