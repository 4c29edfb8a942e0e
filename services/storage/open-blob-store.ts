/** Which kind of blob store a URL names: `file:PATH` so far; `s3:` is the seam for the second kind. */
import { Failure } from "../contract/failure.ts";
import type { BlobStore } from "./blob-store.ts";
import { openFileBlobStore } from "./file-blob-store.ts";

/** Throws `configuration_invalid` for a kind that this version does not have. */
export async function openBlobStore(url: string): Promise<BlobStore> {
  if (!url.startsWith("file:"))
    throw new Failure("configuration_invalid", "INQUEST_BLOB_URL names a kind of store that this version does not have", { hint: "Set it to file:PATH." });
  return openFileBlobStore(url.slice("file:".length).replace(/^\/\/(?=\/)/, ""));
}
