/** Received binaries become blobs and rows: those whose bytes the project has already are not written again. */
import { v7 as uuid } from "uuid";
import type { BinaryStore, NewBinary, StoredBinary } from "../../storage/binary-store.ts";
import type { BlobKey, BlobStore, BlobWriter } from "../../storage/blob-store.ts";
import type { ReceivedBinary } from "../received-upload.ts";
import { newBinary } from "./new-binary.ts";

export interface FinishedBinary extends Pick<ReceivedBinary, "filename" | "path" | "facts"> {
  readonly writer: Pick<BlobWriter, "sha256" | "size" | "commit">;
  readonly origin?: NewBinary["origin"];
}

/** `committed` gets every name that is new, so that the caller can take them back. */
export async function commitBinaries(
  store: Pick<BinaryStore, "bySha256">,
  project: string,
  received: readonly FinishedBinary[],
  committed: BlobKey[],
): Promise<NewBinary[]> {
  const kept = new Map<string, BlobKey>();
  const result: NewBinary[] = [];
  for (const { writer, filename, path, facts, origin = "upload" } of received) {
    const { sha256, size } = writer;
    let blob = kept.get(sha256) ?? (await store.bySha256(project, sha256))?.blob;
    if (blob === undefined) {
      blob = `binaries/${uuid()}`;
      await writer.commit(blob);
      committed.push(blob);
    }
    kept.set(sha256, blob);
    result.push(newBinary({ facts, sha256, size, filename, path, origin, blob }));
  }
  return result;
}

export interface BinaryKeepers {
  readonly binaries: Pick<BinaryStore, "bySha256" | "add">;
  readonly blobs: Pick<BlobStore, "remove">;
}

/** Binaries that came on their own. An error takes the committed blobs back that no row names. */
export async function keepBinaries(
  { binaries, blobs }: BinaryKeepers,
  project: string,
  received: readonly FinishedBinary[],
): Promise<readonly { readonly binary: StoredBinary; readonly created: boolean }[]> {
  const committed: BlobKey[] = [];
  const named = new Set<BlobKey>();
  try {
    const result: { readonly binary: StoredBinary; readonly created: boolean }[] = [];
    for (const binary of await commitBinaries(binaries, project, received, committed)) {
      const added = await binaries.add(project, binary);
      named.add(added.binary.blob);
      result.push(added);
    }
    return result;
  } catch (error) {
    for (const key of committed) if (!named.has(key)) await blobs.remove(key).catch(() => undefined);
    throw error;
  }
}
