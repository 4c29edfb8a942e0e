/** An upload that announces more than the store has room for is refused before it is sent. */
import type { IncomingHttpHeaders } from "node:http";
import { Failure } from "../../contract/failure.ts";
import type { Limits } from "../../contract/limits.ts";
import type { BlobStore } from "../../storage/blob-store.ts";

export async function requireRoom(blobs: Pick<BlobStore, "freeBytes">, limits: Pick<Limits, "free_disk_bytes">, headers: IncomingHttpHeaders): Promise<void> {
  const free = await blobs.freeBytes();
  const announced = Number(headers["content-length"] ?? 0);
  if (free !== null && free - announced < limits.free_disk_bytes) {
    throw new Failure(
      "store_full",
      `The upload of ${announced} bytes does not fit: ${free} bytes are free and ${limits.free_disk_bytes} of them are kept free.`,
    );
  }
}
