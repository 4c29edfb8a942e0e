/** Received binaries become blobs: those whose bytes the project has already are not written again. */
import { v7 as uuid } from "uuid";
import type { ReceivedBinary } from "../../intake/received-upload.ts";
import type { BinaryStore, NewBinary, StoredBinary } from "../../storage/binary-store.ts";
import type { BlobKey, BlobStore } from "../../storage/blob-store.ts";

/** `committed` gets every name that is new, so that the caller can take them back. */
export async function commitBinaries(store: BinaryStore, project: string, received: readonly ReceivedBinary[], committed: BlobKey[]): Promise<NewBinary[]> {
  const kept = new Map<string, BlobKey>();
  const result: NewBinary[] = [];
  for (const { writer, filename, facts } of received) {
    const { sha256, size } = writer;
    let blob = kept.get(sha256) ?? (await store.bySha256(project, sha256))?.blob;
    if (blob === undefined) {
      blob = `binaries/${uuid()}`;
      await writer.commit(blob);
      committed.push(blob);
    }
    kept.set(sha256, blob);
    const { buildId, kind, hasSymbols, hasDebugInfo } = facts;
    result.push({ build_id: buildId, kind, size, sha256, filename, has_symbols: hasSymbols, has_debug_info: hasDebugInfo, blob });
  }
  return result;
}

/** Binaries that came on their own. An error takes the committed blobs back that no row names. */
export async function keepBinaries(
  keepers: { readonly binaries: BinaryStore; readonly blobs: Pick<BlobStore, "remove"> },
  project: string,
  received: readonly ReceivedBinary[],
): Promise<readonly { readonly binary: StoredBinary; readonly created: boolean }[]> {
  const { binaries, blobs } = keepers;
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
