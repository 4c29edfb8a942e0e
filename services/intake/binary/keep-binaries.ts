/** Received binaries become blobs and rows: those whose bytes the project has already are not written again. */
import { v7 as uuid } from "uuid";
import type { AddedBinary, BinaryStore, NewBinary } from "../../storage/binary-store.ts";
import type { BlobKey, BlobStore, BlobWriter } from "../../storage/blob-store.ts";
import type { ReceivedBinary } from "../received-upload.ts";
import { newBinary } from "./new-binary.ts";

export interface FinishedBinary extends Pick<ReceivedBinary, "filename" | "path" | "facts"> {
  readonly writer: Pick<BlobWriter, "sha256" | "size" | "commit">;
  readonly origin?: NewBinary["origin"];
}

/** Files whose syncs run side by side, which the disk does in one go. */
const filesAtOnce = 32;
/** Rows of one commit: others want the database too. */
const rowsAtOnce = 200;

/** `committed` gets every name that is new, so that the caller can take them back. */
export async function commitBinaries(
  store: Pick<BinaryStore, "bySha256">,
  project: string,
  received: readonly FinishedBinary[],
  committed: BlobKey[],
): Promise<NewBinary[]> {
  const kept = new Map<string, BlobKey>();
  const commit = async ({ writer }: FinishedBinary) => {
    const { sha256 } = writer;
    const known = (await store.bySha256(project, sha256))?.blob;
    const blob = known ?? `binaries/${uuid()}`;
    if (known === undefined) {
      await writer.commit(blob);
      committed.push(blob);
    }
    kept.set(sha256, blob);
  };
  const once = [...new Map(received.map((each) => [each.writer.sha256, each])).values()];
  for (let start = 0; start < once.length; start += filesAtOnce) {
    const results = await Promise.allSettled(once.slice(start, start + filesAtOnce).map(commit));
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }
  return received.map(({ writer, filename, path, facts, origin = "upload" }) => {
    const { sha256, size } = writer;
    const blob = kept.get(sha256);
    if (blob === undefined) throw new TypeError("a binary was committed and is not there");
    return newBinary({ facts, sha256, size, filename, path, origin, blob });
  });
}

export interface BinaryKeepers {
  readonly binaries: Pick<BinaryStore, "bySha256" | "addAll">;
  readonly blobs: Pick<BlobStore, "remove">;
}

/** Binaries that came on their own. An error takes the committed blobs back that no row names. */
export async function keepBinaries({ binaries, blobs }: BinaryKeepers, project: string, received: readonly FinishedBinary[]): Promise<readonly AddedBinary[]> {
  const committed: BlobKey[] = [];
  const named = new Set<BlobKey>();
  try {
    const result: AddedBinary[] = [];
    const all = await commitBinaries(binaries, project, received, committed);
    for (let start = 0; start < all.length; start += rowsAtOnce) {
      for (const added of await binaries.addAll(project, all.slice(start, start + rowsAtOnce))) {
        named.add(added.binary.blob);
        result.push(added);
      }
    }
    return result;
  } catch (error) {
    for (const key of committed) if (!named.has(key)) await blobs.remove(key).catch(() => undefined);
    throw error;
  }
}
