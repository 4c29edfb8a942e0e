/** The files of a zip archive, in the order of its directory, from the stored file. Encrypted ones are passed over. */
import { promisify } from "node:util";
import { type Entry, open, type ZipFile } from "yauzl";
import { Failure } from "../../contract/failure.ts";
import type { ArchiveEntry } from "./archive-entry.ts";
import { chunksOf } from "./stream-chunks.ts";

const openZip = promisify<string, { lazyEntries: true; autoClose: false; decodeStrings: true; validateEntrySizes: true }, ZipFile>(open);
const ENCRYPTED = 1;

async function nextEntry(zip: ZipFile): Promise<Entry | null> {
  const { promise, resolve, reject } = Promise.withResolvers<Entry | null>();
  zip
    .once("entry", resolve)
    .once("end", () => resolve(null))
    .once("error", reject);
  zip.readEntry();
  try {
    return await promise;
  } finally {
    zip.removeAllListeners("entry").removeAllListeners("end").removeAllListeners("error");
    zip.on("error", () => undefined);
  }
}

export async function eachZipEntry(path: string, take: (entry: ArchiveEntry) => Promise<void>): Promise<void> {
  try {
    const zip = await openZip(path, { lazyEntries: true, autoClose: false, decodeStrings: true, validateEntrySizes: true });
    try {
      for (let entry = await nextEntry(zip); entry !== null; entry = await nextEntry(zip)) {
        const skipped = entry.fileName.endsWith("/") || (entry.generalPurposeBitFlag & ENCRYPTED) !== 0;
        if (skipped) {
          await take({ name: "", body: { next: () => Promise.resolve(null) } });
          continue;
        }
        const stream = await promisify(zip.openReadStream.bind(zip))(entry);
        try {
          await take({ name: entry.fileName, body: chunksOf(stream) });
        } finally {
          stream.destroy();
        }
      }
    } finally {
      zip.close();
    }
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure("archive_malformed", `the archive cannot be read: ${error instanceof Error ? error.message.slice(0, 100) : "unknown error"}`, {
      cause: error,
    });
  }
}
