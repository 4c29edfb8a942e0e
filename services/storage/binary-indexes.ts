/**
 * Which stored binaries still want an index of gdb's, and what came of it. One maker at a time takes a file; a maker that died in
 * it gives it one more try, and then no other: a file that ends whoever reads it must not be read for ever.
 */
import type { BlobKey } from "./blob-store.ts";
import { discardBlobs } from "./blob-trash.ts";
import type { Database } from "./database.ts";

export interface IndexClaim {
  readonly projectId: string;
  readonly sha256: string;
  readonly buildId: string;
  readonly blob: BlobKey;
  /** What dwz moved out of it, where it refers to such a file. */
  readonly supplement: { readonly buildId: string; readonly blob: BlobKey } | null;
  /** Tells this claim from a later one of the same file. */
  readonly since: string;
}

/** `none`: gdb had nothing to index. `back`: not made after all, to be tried again. */
export type IndexOutcome =
  | { readonly state: "ready"; readonly blob: BlobKey }
  | { readonly state: "failed"; readonly detail: string }
  | { readonly state: "none" | "back" };

export interface BinaryIndexes {
  /** The newest file with debug information and at least `leastSize` bytes that nobody has tried; null when there is none. */
  claim(leastSize: number): Promise<IndexClaim | null>;
  settle(claim: IndexClaim, outcome: IndexOutcome): Promise<void>;
  /** Looks after claims older than `seconds`, whose makers are dead. */
  releaseStale(seconds: number): Promise<void>;
}

const ENDED_ONCE = "its maker ended while it was made";

export function createBinaryIndexes({ query }: Pick<Database, "query">): BinaryIndexes {
  const next = (leastSize: number) =>
    query
      .selectFrom("binaries")
      .leftJoin("binaries as supplement", (join) =>
        join
          .onRef("supplement.project_id", "=", "binaries.project_id")
          .onRef("supplement.build_id", "=", "binaries.alt_build_id")
          .on("supplement.kind", "=", "debug"),
      )
      .select(["binaries.project_id", "binaries.sha256", "binaries.build_id", "binaries.blob", "binaries.alt_build_id", "supplement.blob as supplement_blob"])
      .where("binaries.index_state", "is", null)
      .where("binaries.has_debug_info", "=", 1)
      .where("binaries.build_id", "is not", null)
      .where("binaries.size", ">=", leastSize)
      .where((row) => row.or([row("binaries.alt_build_id", "is", null), row("supplement.blob", "is not", null)]))
      .orderBy("binaries.created_at", "desc")
      .limit(1)
      .executeTakeFirst();

  return {
    claim: async (leastSize) => {
      for (;;) {
        const row = await next(leastSize);
        if (row === undefined || row.build_id === null) return null;
        const since = new Date().toISOString();
        const taken = await query
          .updateTable("binaries")
          .set({ index_state: "running", index_since: since })
          .where("project_id", "=", row.project_id)
          .where("sha256", "=", row.sha256)
          .where("index_state", "is", null)
          .executeTakeFirst();
        if (taken.numUpdatedRows === 0n) continue;
        const supplement = row.alt_build_id === null || row.supplement_blob === null ? null : { buildId: row.alt_build_id, blob: row.supplement_blob };
        return { projectId: row.project_id, sha256: row.sha256, buildId: row.build_id, blob: row.blob, supplement, since };
      }
    },

    settle: ({ projectId, sha256, since }, outcome) =>
      query.transaction().execute(async (transaction) => {
        const blob = outcome.state === "ready" ? outcome.blob : null;
        const changed = await transaction
          .updateTable("binaries")
          .set({
            index_state: outcome.state === "back" ? null : outcome.state,
            index_blob: blob,
            ...(outcome.state === "back" ? {} : { index_detail: outcome.state === "failed" ? outcome.detail.slice(0, 300) : null }),
          })
          .where("project_id", "=", projectId)
          .where("sha256", "=", sha256)
          .where("index_state", "=", "running")
          .where("index_since", "=", since)
          .executeTakeFirst();
        if (changed.numUpdatedRows === 0n) await discardBlobs(transaction, [blob]);
      }),

    releaseStale: async (seconds) => {
      const stale = query
        .updateTable("binaries")
        .where("index_state", "=", "running")
        .where("index_since", "<", new Date(Date.now() - seconds * 1_000).toISOString());
      await stale.where("index_detail", "is not", null).set({ index_state: "failed" }).execute();
      await stale.where("index_detail", "is", null).set({ index_state: null, index_detail: ENDED_ONCE }).execute();
    },
  };
}
