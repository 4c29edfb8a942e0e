/** One part, or one raw body, into the blob store: judged by its first bytes, counted, hashed, nothing held. */
import { once } from "node:events";
import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { Failure } from "../../contract/failure.ts";
import type { BlobStore, BlobWriter } from "../../storage/blob-store.ts";
import type { ChunkSource } from "./chunk-source.ts";
import { FirstBytes, type Judge } from "./first-bytes.ts";
import type { RoomWatch } from "./room-watch.ts";

export interface FileRules {
  /** What it is, for the details of failures: `core`, `binary`, `attachment`. */
  readonly part: string;
  /** Most bytes. */
  readonly limit: number;
  readonly judge: Judge;
}

/** Writes and waits only when the stream asks for it; throws the stream's own error. */
async function write(stream: Writable, chunk: Buffer): Promise<void> {
  if (stream.errored !== null) throw stream.errored;
  if (!stream.write(chunk)) await once(stream, "drain"); // rejects on "error"
}

/** The writer, its stream finished; on any failure it is disposed. */
export async function receiveFile(
  body: ChunkSource,
  filename: string | null,
  rules: FileRules,
  blobs: Pick<BlobStore, "create">,
  room: RoomWatch,
): Promise<BlobWriter> {
  const writer = await blobs.create();
  try {
    const first = new FirstBytes(rules.judge, filename);
    let size = 0;
    for (let chunk = await body.next(); chunk !== null; chunk = await body.next()) {
      size += chunk.length;
      if (size > rules.limit) throw new Failure("upload_too_large", `the ${rules.part} is larger than ${rules.limit} bytes`);
      first.take(chunk);
      await room.took(chunk.length);
      await write(writer.stream, chunk);
    }
    first.end();
    writer.stream.end();
    await finished(writer.stream);
    return writer;
  } catch (error) {
    await writer[Symbol.asyncDispose]();
    throw error;
  }
}
