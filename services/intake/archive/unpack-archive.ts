/**
 * The entries of an archive that was received into a file: tar, tar.gz, tar.zst, zip, and a single compressed file.
 *
 * Streamed, entry by entry; names are labels and never paths of ours. Entries, bytes and the ratio of what comes out to what
 * went in are capped, so a bomb ends early.
 */
import { createReadStream } from "node:fs";
import { PassThrough, type Readable, Transform, type TransformCallback } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { Failure } from "../../contract/failure.ts";
import type { Limits } from "../../contract/limits.ts";
import type { ChunkSource } from "../receive/chunk-source.ts";
import type { ArchiveEntry } from "./archive-entry.ts";
import { type ArchiveKind, archiveKind, TAR_BLOCK } from "./archive-kind.ts";
import { chunksOf } from "./stream-chunks.ts";
import { eachTarEntry } from "./tar-entries.ts";
import { eachZipEntry } from "./zip-entries.ts";

export type ArchiveLimits = Pick<Limits, "archive_entries" | "archive_bytes" | "archive_ratio">;

/** Small archives of zeros are no attack. */
const FREE_BYTES = 64 << 20;
const CHUNK = 1 << 20;

export interface Archive {
  readonly path: string;
  readonly size: number;
  readonly kind: ArchiveKind;
  /** For a single compressed file; its ending is taken off. */
  readonly filename: string | null;
}

/** Counts what comes out; throws `archive_too_large`. */
class Meter {
  #bytes = 0;
  #entries = 0;
  readonly #size: number;
  readonly #limits: ArchiveLimits;

  constructor(size: number, limits: ArchiveLimits) {
    this.#size = size;
    this.#limits = limits;
  }

  bytes(count: number): void {
    const { archive_bytes: most, archive_ratio: ratio } = this.#limits;
    this.#bytes += count;
    if (this.#bytes > most) throw new Failure("archive_too_large", `the archive holds more than ${most} bytes`);
    if (this.#bytes > FREE_BYTES && this.#bytes > this.#size * ratio)
      throw new Failure("archive_too_large", `the archive of ${this.#size} bytes inflates to more than ${ratio} times as many`);
  }

  entry(): void {
    this.#entries += 1;
    if (this.#entries > this.#limits.archive_entries)
      throw new Failure("archive_too_large", `the archive has more than ${this.#limits.archive_entries} entries`);
  }

  measured(body: ChunkSource): ChunkSource {
    return {
      next: async () => {
        const chunk = await body.next();
        this.bytes(chunk?.length ?? 0);
        return chunk;
      },
    };
  }

  stream(): Transform {
    return new Transform({
      transform: (chunk: Buffer, _encoding, done: TransformCallback) => {
        try {
          this.bytes(chunk.length);
          done(null, chunk);
        } catch (error) {
          done(error instanceof Error ? error : new Error("not an error"));
        }
      },
    });
  }
}

const malformed = (error: unknown) =>
  error instanceof Failure
    ? error
    : new Failure("archive_malformed", `the file cannot be inflated: ${error instanceof Error ? error.message.slice(0, 100) : ""}`, { cause: error });

/** The first bytes, and the whole stream once more. */
async function peek(stream: Readable): Promise<{ readonly first: Buffer; readonly whole: PassThrough }> {
  const chunks = stream[Symbol.asyncIterator]();
  let first = Buffer.alloc(0);
  while (first.length < TAR_BLOCK) {
    const { done, value } = await chunks.next();
    if (done === true) break;
    first = Buffer.concat([first, value]);
  }
  const whole = new PassThrough({ highWaterMark: CHUNK });
  whole.write(first);
  const rest = async function* () {
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
  };
  pipeline(rest, whole).catch((error: unknown) => whole.destroy(malformed(error)));
  return { first, whole };
}

async function inflated(archive: Archive, meter: Meter, take: (entry: ArchiveEntry) => Promise<void>): Promise<void> {
  const inflate = archive.kind === "gzip" ? createGunzip({ chunkSize: CHUNK }) : createZstdDecompress({ chunkSize: CHUNK });
  const measured = meter.stream();
  const running = pipeline(createReadStream(archive.path, { highWaterMark: CHUNK }), inflate, measured).catch(() => undefined);
  try {
    const { first, whole } = await peek(measured).catch((error: unknown) => {
      throw malformed(error);
    });
    if (archiveKind(first) === "tar") await eachTarEntry(whole, take);
    else await take({ name: archive.filename?.replace(/\.(gz|zst)$/i, "") ?? "binary", body: chunksOf(whole) });
  } finally {
    measured.destroy();
    await running;
  }
}

/** Calls `take` for each file of the archive; entries that are no files come with an empty name and count. */
export async function eachEntry(archive: Archive, limits: ArchiveLimits, take: (entry: ArchiveEntry) => Promise<void>): Promise<void> {
  const meter = new Meter(archive.size, limits);
  const counted = async (entry: ArchiveEntry) => {
    meter.entry();
    if (entry.name !== "") await take(entry);
  };
  if (archive.kind === "zip") return await eachZipEntry(archive.path, (entry) => counted({ ...entry, body: meter.measured(entry.body) }));
  if (archive.kind === "tar") return await eachTarEntry(createReadStream(archive.path, { highWaterMark: CHUNK }), counted);
  await inflated(archive, meter, counted);
}
