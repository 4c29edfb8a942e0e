/** Bytes that are asked for, chunk by chunk: what intake reads, wherever it comes from. */
export interface ChunkSource {
  /** The next bytes, never an empty buffer; null at the end. */
  next(): Promise<Buffer | null>;
}

/** The source with `head`, which was read from it, in front again. */
export function withHead(head: readonly Buffer[], rest: ChunkSource): ChunkSource {
  const left = head.filter((chunk) => chunk.length > 0);
  return { next: async () => left.shift() ?? (await rest.next()) };
}

/** Reads until there are `bytes` of them or the source ends; what was read, and the source as if nothing had been. */
export async function peek(source: ChunkSource, bytes: number): Promise<{ readonly first: Buffer; readonly whole: ChunkSource }> {
  const read: Buffer[] = [];
  for (let size = 0; size < bytes; ) {
    const chunk = await source.next();
    if (chunk === null) break;
    read.push(chunk);
    size += chunk.length;
  }
  return { first: Buffer.concat(read).subarray(0, bytes), whole: withHead(read, source) };
}
