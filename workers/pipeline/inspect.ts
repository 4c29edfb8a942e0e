/** Inspect: reads the core's facts anew. They are cheap, and what a queue or an upload said of a core is never trusted. */
import { inspectCoreFile } from "../../services/intake/core/inspect-core.ts";
import type { CoreFacts } from "../../services/intake/core/core-facts.ts";
import { Failure } from "../../services/contract/failure.ts";
import type { BlobKey, BlobStore } from "../../services/storage/blob-store.ts";

export async function inspect(blobs: Pick<BlobStore, "localFile">, core: BlobKey): Promise<CoreFacts> {
  try {
    await using file = await blobs.localFile(core);
    return await inspectCoreFile(file.path);
  } catch (error) {
    if (error instanceof Failure && error.code === "blob_not_found") throw new Failure("core_lost", "the core is no longer stored", { cause: error });
    throw error;
  }
}
