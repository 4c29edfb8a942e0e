/** Chunks of a stream, asked for one by one; an error of the stream is thrown by `next`. */
import type { ChunkSource } from "../receive/chunk-source.ts";

export function chunksOf(stream: AsyncIterable<unknown>): ChunkSource {
  const chunks = stream[Symbol.asyncIterator]();
  return {
    next: async () => {
      const next = await chunks.next();
      if (next.done === true) return null;
      if (!(next.value instanceof Uint8Array)) throw new TypeError("a stream of bytes gave something else");
      return Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    },
  };
}
