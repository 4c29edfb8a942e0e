/**
 * A Writable that writes to a file and hashes on the way.
 *
 * One part instead of a hash Transform before a write stream: chunks that wait are written together (`writev`), and the
 * hash runs on this thread while the thread pool writes. Aligned blocks of zeros are skipped, so holes of a core stay
 * holes on disk; they are hashed like anything else. At most `HIGH_WATER` bytes and one unfinished block are held.
 */
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { Writable } from "node:stream";
import { storageFailure } from "./storage-failure.ts";

export const BLOCK = 64 * 1024;
const HIGH_WATER = 256 * 1024;
/** Of an unfinished block, held as they came. */
const MOST_PIECES = 8;
const zeros = Buffer.alloc(BLOCK);

export interface HashingSink {
  readonly stream: Writable;
  readonly file: FileHandle;
  readonly size: number;
  readonly sha256: string;
  /** Ends the stream if it has not ended, waits for the write under way and closes the file. */
  close(): Promise<void>;
}

const isZero = (bytes: Buffer) => bytes[0] === 0 && bytes.compare(zeros, 0, bytes.length) === 0;

/** Buffers that belong at `position`, one after the other. */
interface Run {
  readonly position: number;
  length: number;
  readonly buffers: Buffer[];
}

/**
 * Cuts chunks at the block borders of the file and leaves out blocks that are zero. `runs` is what to write, `rest` what
 * begins a block without ending it. `position`, where the first chunk belongs, is such a border.
 */
export function cutIntoRuns(chunks: readonly Buffer[], position: number): { readonly runs: readonly Run[]; readonly rest: readonly Buffer[] } {
  const runs: Run[] = [];
  let block: Buffer[] = [];
  let blockStart = position;
  let filled = 0;
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, at + BLOCK - filled);
      block.push(piece);
      at += piece.length;
      filled += piece.length;
      if (filled < BLOCK) continue;
      if (!block.every(isZero)) append(runs, blockStart, block);
      block = [];
      blockStart += BLOCK;
      filled = 0;
    }
  }
  return { runs, rest: block };
}

function append(runs: Run[], position: number, block: readonly Buffer[]): void {
  const last = runs.at(-1);
  if (last !== undefined && last.position + last.length === position) {
    last.buffers.push(...block);
    last.length += BLOCK;
  } else runs.push({ position, length: BLOCK, buffers: [...block] });
}

async function writeAll(file: FileHandle, buffers: readonly Buffer[], from: number): Promise<void> {
  let position = from;
  let left = buffers;
  while (left.length > 0) {
    let { bytesWritten } = await file.writev(left, position);
    position += bytesWritten;
    const first = left.findIndex((buffer) => {
      if (bytesWritten < buffer.length) return true;
      bytesWritten -= buffer.length;
      return false;
    });
    left = first < 0 ? [] : left.slice(first).map((buffer, index) => (index === 0 ? buffer.subarray(bytesWritten) : buffer));
  }
}

export function openHashingSink(file: FileHandle): HashingSink {
  return new FileHashingSink(file);
}

class FileHashingSink implements HashingSink {
  readonly stream: Writable;
  readonly file: FileHandle;
  readonly #hash = createHash("sha256");
  #digest: string | null = null;
  /** Begins an unfinished block at `#position`. */
  #rest: readonly Buffer[] = [];
  #position = 0;
  /** Where the file ends so far. */
  #written = 0;
  #size = 0;
  #underWay: Promise<void> = Promise.resolve();
  #closed: Promise<void> | null = null;

  constructor(file: FileHandle) {
    this.file = file;
    this.stream = new Writable({
      highWaterMark: HIGH_WATER,
      decodeStrings: true,
      write: (chunk: Buffer, _encoding, done) => void this.#run(this.#take([chunk]), done),
      writev: (chunks, done) => void this.#run(this.#take(chunks.map(({ chunk }: { chunk: Buffer }) => chunk)), done),
      final: (done) => void this.#run(this.#end(), done),
      destroy: (error, done) => void this.#run(this.#underWay, () => done(error)),
    });
    this.stream.on("error", () => {}); // whoever pipes into it hears of it as well
  }

  get size(): number {
    return this.#size;
  }

  get sha256(): string {
    if (this.#digest === null) throw new TypeError("the digest is known once the stream has finished");
    return this.#digest;
  }

  async #run(work: Promise<void>, done: (error?: Error | null) => void): Promise<void> {
    this.#underWay = work.catch(() => {});
    try {
      await work;
    } catch (error) {
      return done(storageFailure(error));
    }
    done();
  }

  async #take(chunks: readonly Buffer[]): Promise<void> {
    const { runs, rest } = cutIntoRuns([...this.#rest, ...chunks], this.#position);
    const taken = chunks.reduce((sum, each) => sum + each.length, 0);
    const writes = runs.map((run) => writeAll(this.file, run.buffers, run.position));
    for (const chunk of chunks) this.#hash.update(chunk);
    this.#size += taken;
    // Many small ones are one, or each would keep what it was cut from.
    this.#rest = rest.length > MOST_PIECES ? [Buffer.concat(rest)] : rest;
    this.#position = this.#size - rest.reduce((sum, each) => sum + each.length, 0);
    const last = runs.at(-1);
    if (last !== undefined) this.#written = last.position + last.length;
    await settled(writes);
  }

  async #end(): Promise<void> {
    if (this.#rest.length > 0) {
      await writeAll(this.file, this.#rest, this.#position);
      this.#written = this.#size;
    }
    // A hole at the end is not there yet.
    if (this.#written < this.#size) await this.file.truncate(this.#size);
    this.#digest = this.#hash.digest("hex");
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.stream.destroy();
    await this.#underWay;
    await this.file.close();
  }
}

/** Waits for all of them, so that none still uses the file afterwards, then throws the first error. */
async function settled(writes: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(writes);
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
