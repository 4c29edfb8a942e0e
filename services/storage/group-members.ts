/** Which group a hash leads to, and which signatures a group has. */
import type { Transaction } from "kysely";
import type { Database } from "./database.ts";
import type { Schema } from "./schema.ts";
import { indexable } from "./search-text.ts";

const mostHops = 16;

/** The group that a hash leads to. */
export async function resolveGroup(query: Database["query"] | Transaction<Schema>, projectId: string, hash: string): Promise<string | null> {
  let at = indexable(hash);
  for (let hop = 0; hop < mostHops; hop += 1) {
    const signature = await query
      .selectFrom("signatures")
      .select(["group_hash", "superseded_by"])
      .where("project_id", "=", projectId)
      .where("hash", "=", at)
      .executeTakeFirst();
    if (signature === undefined) return null;
    if (signature.superseded_by === null) return signature.group_hash;
    at = signature.superseded_by;
  }
  return null;
}

export const signaturesIn = (query: Database["query"] | Transaction<Schema>, projectId: string, group: string) =>
  query
    .selectFrom("signatures")
    .selectAll()
    .where("project_id", "=", projectId)
    .where("group_hash", "=", group)
    .orderBy("count", "desc")
    .orderBy("hash")
    .execute();

/** The signatures of the group that the hash leads to; the hash itself when nothing is known of it. */
export async function signaturesOf(database: Database, projectId: string, hash: string): Promise<string[]> {
  const group = await resolveGroup(database.query, projectId, hash);
  if (group === null) return [indexable(hash)];
  return (await signaturesIn(database.query, projectId, group)).map((signature) => signature.hash);
}
