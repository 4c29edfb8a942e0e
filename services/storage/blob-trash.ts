/**
 * Blobs on their way out. The rows that named them and the note to remove them change in one transaction, so a process
 * that dies between row and file leaves no file behind: the next sweep takes it.
 */
import type { Transaction } from "kysely";
import type { BlobKey, BlobStore } from "./blob-store.ts";
import type { Database } from "./database.ts";
import type { Schema } from "./schema.ts";

/** Call after the rows are gone; a blob that another row still names is kept. */
export async function discardBlobs(transaction: Transaction<Schema>, blobs: readonly (BlobKey | null)[]): Promise<void> {
  for (const blob of new Set(blobs)) {
    if (blob === null) continue;
    const row = await transaction
      .selectNoFrom((query) => [
        query
          .or([
            query.exists(query.selectFrom("jobs").select("id").where("core_blob", "=", blob)),
            query.exists(query.selectFrom("attachments").select("job_id").where("blob", "=", blob)),
            query.exists(query.selectFrom("binaries").select("sha256").where("blob", "=", blob)),
            query.exists(query.selectFrom("binaries").select("sha256").where("index_blob", "=", blob)),
          ])
          .as("used"),
      ])
      .executeTakeFirst();
    if (row?.used) continue;
    await transaction
      .insertInto("blob_trash")
      .values({ blob, since: new Date().toISOString() })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

/** A name taken again is no longer on its way out. */
export async function keepBlobs(transaction: Transaction<Schema>, blobs: readonly BlobKey[]): Promise<void> {
  if (blobs.length > 0) await transaction.deleteFrom("blob_trash").where("blob", "in", blobs).execute();
}

/** Removes what is on its way out and tells how many blobs that was. Call after a deletion and from time to time; several processes may. */
export async function sweepBlobs(database: Database, blobs: Pick<BlobStore, "remove">): Promise<number> {
  let removed = 0;
  for (;;) {
    const rows = await database.query.selectFrom("blob_trash").select("blob").orderBy("since").limit(100).execute();
    if (rows.length === 0) return removed;
    for (const { blob } of rows) {
      await blobs.remove(blob);
      await database.query.deleteFrom("blob_trash").where("blob", "=", blob).execute();
      removed += 1;
    }
  }
}
