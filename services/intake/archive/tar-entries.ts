/** The regular files of a tar archive, in its order, from a stream. Links, devices and folders are passed over. */
import type { Readable } from "node:stream";
import { extract } from "tar-stream";
import { Failure } from "../../contract/failure.ts";
import type { ArchiveEntry } from "./archive-entry.ts";
import { chunksOf } from "./stream-chunks.ts";

export async function eachTarEntry(source: Readable, take: (entry: ArchiveEntry) => Promise<void>): Promise<void> {
  const reader = extract();
  source.on("error", (error) => reader.destroy(error));
  source.pipe(reader);
  try {
    for await (const entry of reader) {
      const { name, type } = entry.header;
      await take({ name: type === "file" || type === "contiguous-file" ? name : "", body: chunksOf(entry) });
      entry.resume();
    }
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure("archive_malformed", `the archive cannot be read: ${error instanceof Error ? error.message.slice(0, 100) : "unknown error"}`, {
      cause: error,
    });
  } finally {
    source.destroy();
    reader.destroy();
  }
}
