/**
 * Packing on the way: a packer makes the same bytes of the same chunks each time, so an upload that was cut goes on in the middle of them.
 */
import { open } from "node:fs/promises";
import { Readable, type Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createGzip, createZstdCompress } from "node:zlib";

export interface Packer {
  readonly name: "zstd" | "gzip";
  pack(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array>;
}

const outputChunk = 256 * 1024;

function packerOf(name: Packer["name"], transform: () => Transform): Packer {
  return {
    name,
    async *pack(chunks) {
      const packing = transform();
      // Its failures, the source's too, come out of the transform.
      const fed = pipeline(Readable.from(chunks), packing).catch(() => undefined);
      try {
        for await (const chunk of packing) yield chunk;
      } finally {
        packing.destroy();
        await fed;
      }
    },
  };
}

export const packers: Readonly<Record<Packer["name"], Packer>> = {
  zstd: packerOf("zstd", () => createZstdCompress({ chunkSize: outputChunk, params: { [constants.ZSTD_c_compressionLevel]: 1 } })),
  gzip: packerOf("gzip", () => createGzip({ chunkSize: outputChunk, level: 1 })),
};

/** Starts of gzip, zstd, lz4 and xz files, in hex, and of apport's crash reports: what the service takes for a packed core. */
const packedStarts = ["1f8b", "28b52ffd", "04224d18", "fd377a585a00", Buffer.from("ProblemType:").toString("hex")];
export const isPacked = (firstBytes: Buffer) => packedStarts.some((start) => firstBytes.toString("hex").startsWith(start));

/** Packs pieces of the file for a moment and reckons: the link's time alone, or packing and sending side by side. */
export async function packingIsQuicker(packer: Packer, path: string, size: number, bytesPerSecond: number): Promise<boolean> {
  await using file = await open(path);
  const pieces: Buffer[] = [];
  for (let piece = 0; piece < 8; piece += 1) {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(512 * 1024), 0, 512 * 1024, Math.floor((size * piece) / 8));
    pieces.push(buffer.subarray(0, bytesRead));
  }
  const raw = pieces.reduce((sum, each) => sum + each.length, 0);
  const began = performance.now();
  let packed = 0;
  for await (const chunk of packer.pack(Readable.from(pieces))) packed += chunk.length;
  const speed = raw / Math.max((performance.now() - began) / 1000, 1e-6);
  return Math.max(size / speed, (size * packed) / raw / bytesPerSecond) < (size / bytesPerSecond) * 0.9;
}
