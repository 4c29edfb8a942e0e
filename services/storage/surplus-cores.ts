/**
 * Of a group's cores only the newest so many are kept; the reports stay.
 *
 * Only jobs that have ended lose theirs, and by a change that holds only while they are: one that waits to be analysed again, or
 * is read by a worker, keeps its core. Bytes that several jobs lie on are one core, and go with the last job that names them.
 */
import type { Transaction } from "kysely";
import { discardBlobs } from "./blob-trash.ts";
import { tryHoldCore } from "./core-locks.ts";
import { signaturesIn } from "./group-members.ts";
import { endedStatuses } from "./job-transition.ts";
import type { Schema } from "./schema.ts";

/** What a group has beyond that goes with the next jobs of it: one transaction is never long. */
const mostAtOnce = 100;

/** How many jobs lost their core. */
export async function dropSurplus(transaction: Transaction<Schema>, projectId: string, group: string, keep: number): Promise<number> {
  const found: { readonly id: string; readonly core_blob: string | null; readonly core_sha256: string }[] = [];
  for (const { hash } of await signaturesIn(transaction, projectId, group)) {
    const rows = await transaction
      .selectFrom("jobs")
      .select(["id", "core_blob", "core_sha256"])
      .where("project_id", "=", projectId)
      .where("signature_hash", "=", hash)
      .where("core_blob", "is not", null)
      .orderBy("id", "desc")
      .limit(keep + mostAtOnce)
      .execute();
    found.push(...rows);
  }
  const kept = new Set<string | null>();
  const surplus = new Map<string, string | null>();
  for (const { id, core_blob: blob, core_sha256: digest } of found.toSorted((one, other) => (one.id < other.id ? 1 : -1))) {
    if (kept.has(blob)) continue;
    if (kept.size < keep) kept.add(blob);
    // One that just comes again keeps its bytes for this time.
    else if (surplus.size < mostAtOnce && (await tryHoldCore(transaction, projectId, digest))) surplus.set(id, blob);
  }
  const ids = [...surplus.keys()];
  if (ids.length === 0) return 0;
  const dropped = await transaction
    .updateTable("jobs")
    .set({ core_blob: null, core_expires_at: null, core_gone: "surplus" })
    .where("id", "in", ids)
    .where("status", "in", endedStatuses)
    .returning("id")
    .execute();
  await discardBlobs(
    transaction,
    dropped.map(({ id }) => surplus.get(id) ?? null),
  );
  return dropped.length;
}
