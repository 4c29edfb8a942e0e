/**
 * Keeps signatures and groups counted, in the transaction that stores, replaces or removes a job's report.
 *
 * What a job added is kept in its row of `counted_jobs` and is taken off by that row, so counts stay right whatever
 * changed in between. A group outlives its jobs: a crash that comes back after all of its reports expired is not new.
 */
import { type Transaction, sql } from "kysely";
import type { Report, Signature } from "../contract/report.ts";
import { type Facet, facetsOf } from "./group-facets.ts";
import { compareReleases } from "./release-order.ts";
import type { GroupTable, JobTable, Schema, SignatureTable } from "./schema.ts";
import { indexable, storable } from "./search-text.ts";

const mostKeys = 16;

const keptKeys = (signature: Signature): string[] =>
  signature.frames
    .filter(({ kept }) => kept)
    .slice(0, mostKeys)
    .map(({ key }) => indexable(key));

/** The state of the group after one more job: a resolved one whose remedy did not hold has regressed. */
function hasRegressed(group: GroupTable, row: JobTable, knownRelease: boolean): boolean {
  if (group.status !== "resolved") return false;
  const labels: Readonly<Record<string, string>> = JSON.parse(row.labels);
  const release = labels["release"] ?? labels["version"] ?? null;
  if (group.resolved_in === null || release === null) return group.resolved_at !== null && row.created_at > group.resolved_at;
  const order = compareReleases(release, group.resolved_in);
  // A name that tells no order: the resolving release itself, or one that never had the crash before.
  return order === null ? !knownRelease : order >= 0;
}

async function placeNew(transaction: Transaction<Schema>, row: JobTable, signature: Signature, continues: string | null): Promise<string> {
  const hash = indexable(signature.hash);
  const broad = indexable(signature.broad_hash);
  // A signature without its native side joins the only group that it can be of.
  const kin = await transaction
    .selectFrom("signatures")
    .select(["hash", "group_hash", "partial", "placed_by_hand"])
    .where("project_id", "=", row.project_id)
    .where("broad_hash", "=", broad)
    .where("superseded_by", "is", null)
    .execute();
  const whole = new Set(kin.filter((each) => each.partial === 0).map((each) => each.group_hash));
  const [only] = whole;
  const group = continues ?? (signature.partial && whole.size === 1 && only !== undefined ? only : hash);
  await transaction
    .insertInto("signatures")
    .values({
      project_id: row.project_id,
      hash,
      group_hash: group,
      broad_hash: broad,
      partial: Number(signature.partial),
      version: signature.version,
      title: storable(signature.title),
      keys: storable(JSON.stringify(keptKeys(signature))),
      count: 0,
      first_seen: row.created_at,
      last_seen: row.created_at,
      placed_by_hand: 0,
      superseded_by: null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const keys = [...new Set(keptKeys(signature).slice(1))].map((key) => ({ project_id: row.project_id, key, signature: hash }));
  if (keys.length > 0)
    await transaction
      .insertInto("signature_keys")
      .values(keys)
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  return group;
}

/** The first whole signature takes along those that came before it without their native side. */
async function gatherPartial(transaction: Transaction<Schema>, projectId: string, signature: Signature, group: string): Promise<void> {
  if (signature.partial) return;
  const kin = await transaction
    .selectFrom("signatures")
    .selectAll()
    .where("project_id", "=", projectId)
    .where("broad_hash", "=", indexable(signature.broad_hash))
    .where("superseded_by", "is", null)
    .execute();
  const whole = new Set(kin.filter((each) => each.partial === 0).map((each) => each.group_hash));
  if (whole.size !== 1) return;
  for (const each of kin) {
    if (each.partial === 1 && each.placed_by_hand === 0 && each.group_hash === each.hash && each.hash !== group) await moveSignature(transaction, each, group);
  }
}

export const emptyGroup = (projectId: string, hash: string, title: string, at: string): GroupTable => ({
  project_id: projectId,
  hash,
  title,
  count: 0,
  first_seen: at,
  last_seen: at,
  status: "open",
  resolved_in: null,
  resolved_at: null,
  regressed_at: null,
  note: null,
  issue_url: null,
  revision: 1,
});

/** Lets a signature belong to another group, counts and all. A group that lost its last signature is gone; its hash leads on. */
export async function moveSignature(transaction: Transaction<Schema>, signature: SignatureTable, group: string, byHand = false): Promise<void> {
  const { project_id, hash, group_hash: from, count, first_seen, last_seen } = signature;
  await transaction
    .updateTable("signatures")
    .set({ group_hash: group, ...(byHand ? { placed_by_hand: 1 } : {}) })
    .where("project_id", "=", project_id)
    .where("hash", "=", hash)
    .execute();
  await transaction
    .insertInto("groups")
    .values({ ...emptyGroup(project_id, group, signature.title, first_seen), count, last_seen })
    .onConflict((conflict) =>
      conflict.columns(["project_id", "hash"]).doUpdateSet({
        count: sql`groups.count + excluded.count`,
        first_seen: sql`case when excluded.first_seen < groups.first_seen then excluded.first_seen else groups.first_seen end`,
        last_seen: sql`case when excluded.last_seen > groups.last_seen then excluded.last_seen else groups.last_seen end`,
      }),
    )
    .execute();
  const rest = await transaction
    .selectFrom("signatures")
    .select((query) => [query.fn.countAll<number | string>().as("signatures"), query.fn.min("first_seen").as("first"), query.fn.max("last_seen").as("last")])
    .where("project_id", "=", project_id)
    .where("group_hash", "=", from)
    .executeTakeFirstOrThrow();
  if (Number(rest.signatures) === 0) await transaction.deleteFrom("groups").where("project_id", "=", project_id).where("hash", "=", from).execute();
  else
    await transaction
      .updateTable("groups")
      .set((query) => ({ count: query("count", "-", count), first_seen: rest.first, last_seen: rest.last }))
      .where("project_id", "=", project_id)
      .where("hash", "=", from)
      .execute();
}

export async function addFacets(transaction: Transaction<Schema>, projectId: string, signature: string, facets: readonly Facet[]): Promise<void> {
  if (facets.length === 0) return;
  await transaction
    .insertInto("signature_facets")
    .values(facets.map(([kind, value]) => ({ project_id: projectId, signature, kind, value, count: 1 })))
    .onConflict((conflict) => conflict.columns(["project_id", "signature", "kind", "value"]).doUpdateSet({ count: sql`signature_facets.count + 1` }))
    .execute();
}

async function knowsRelease(transaction: Transaction<Schema>, row: JobTable, group: string): Promise<boolean> {
  const labels: Readonly<Record<string, string>> = JSON.parse(row.labels);
  const name = labels["release"] === undefined ? "version" : "release";
  const found = await transaction
    .selectFrom("signature_facets as facet")
    .innerJoin("signatures", (join) => join.onRef("signatures.project_id", "=", "facet.project_id").onRef("signatures.hash", "=", "facet.signature"))
    .select("facet.count")
    .where("facet.project_id", "=", row.project_id)
    .where("facet.kind", "=", `label.${name}`)
    .where("facet.value", "=", indexable(labels[name] ?? ""))
    .where("signatures.group_hash", "=", group)
    .limit(1)
    .executeTakeFirst();
  return found !== undefined;
}

/** What became of the group: for those who are told. */
export interface Counted {
  readonly group: string;
  readonly created: boolean;
  readonly regressed: boolean;
}

/**
 * Counts the job under its report's signature, and no longer under the one that it had. `continues`: the group that a signature
 * of newer rules goes on with. Null when the report has no signature.
 */
export async function countJob(transaction: Transaction<Schema>, row: JobTable, report: Report, continues: string | null = null): Promise<Counted | null> {
  await uncountJob(transaction, row.id);
  const { signature } = report;
  // The same core again is the same crash, which the first one counts.
  if (signature === null || row.duplicate_of !== null) return null;
  const { project_id } = row;
  const hash = indexable(signature.hash);
  const known = await transaction.selectFrom("signatures").selectAll().where("project_id", "=", project_id).where("hash", "=", hash).executeTakeFirst();
  const group = known?.group_hash ?? (await placeNew(transaction, row, signature, continues));
  const facets = facetsOf(row, report);
  const releaseKnown = await knowsRelease(transaction, row, group);
  await addFacets(transaction, project_id, hash, facets);
  await transaction
    .insertInto("counted_jobs")
    .values({ job_id: row.id, project_id, signature: hash, facets: JSON.stringify(facets) })
    .execute();
  const earliest = sql<string>`case when first_seen > ${row.created_at} then ${row.created_at} else first_seen end`;
  const latest = sql<string>`case when last_seen < ${row.created_at} then ${row.created_at} else last_seen end`;
  await transaction
    .updateTable("signatures")
    .set((query) => ({
      count: query("count", "+", 1),
      first_seen: earliest,
      last_seen: latest,
      version: signature.version,
      broad_hash: indexable(signature.broad_hash),
      ...(signature.partial ? {} : { partial: 0 }),
      superseded_by: null,
    }))
    .where("project_id", "=", project_id)
    .where("hash", "=", hash)
    .execute();
  const created = await transaction
    .insertInto("groups")
    .values(emptyGroup(project_id, group, storable(signature.title), row.created_at))
    .onConflict((conflict) => conflict.doNothing())
    .returning("hash")
    .executeTakeFirst();
  const before = await transaction
    .updateTable("groups")
    .set((query) => ({ count: query("count", "+", 1), first_seen: earliest, last_seen: latest }))
    .where("project_id", "=", project_id)
    .where("hash", "=", group)
    .returningAll()
    .executeTakeFirstOrThrow();
  const regressed = hasRegressed(before, row, releaseKnown);
  if (regressed)
    await transaction
      .updateTable("groups")
      .set((query) => ({ status: "regressed", regressed_at: new Date().toISOString(), revision: query("revision", "+", 1) }))
      .where("project_id", "=", project_id)
      .where("hash", "=", group)
      .execute();
  await gatherPartial(transaction, project_id, signature, group);
  return { group, created: created !== undefined, regressed };
}

/** One crash less for each of them. */
export async function takeFacets(transaction: Transaction<Schema>, projectId: string, signature: string, facets: readonly Facet[]): Promise<void> {
  for (const [kind, value] of facets) {
    const facet = await transaction
      .updateTable("signature_facets")
      .set((query) => ({ count: query("count", "-", 1) }))
      .where("project_id", "=", projectId)
      .where("signature", "=", signature)
      .where("kind", "=", kind)
      .where("value", "=", value)
      .returning("count")
      .executeTakeFirst();
    if (facet !== undefined && facet.count <= 0)
      await transaction
        .deleteFrom("signature_facets")
        .where("project_id", "=", projectId)
        .where("signature", "=", signature)
        .where("kind", "=", kind)
        .where("value", "=", value)
        .execute();
  }
}

/** Takes off what the job added. Nothing happens for a job that was not counted. */
export async function uncountJob(transaction: Transaction<Schema>, jobId: string): Promise<void> {
  const counted = await transaction.deleteFrom("counted_jobs").where("job_id", "=", jobId).returningAll().executeTakeFirst();
  if (counted === undefined) return;
  const { project_id, signature } = counted;
  await takeFacets(transaction, project_id, signature, JSON.parse(counted.facets));
  const row = await transaction
    .updateTable("signatures")
    .set((query) => ({ count: query("count", "-", 1) }))
    .where("project_id", "=", project_id)
    .where("hash", "=", signature)
    .returning("group_hash")
    .executeTakeFirst();
  if (row === undefined) return;
  await transaction
    .updateTable("groups")
    .set((query) => ({ count: query("count", "-", 1) }))
    .where("project_id", "=", project_id)
    .where("hash", "=", row.group_hash)
    .execute();
}
