/**
 * Where the bounded readers get their bytes: a file, by offset, within a budget.
 *
 * A hostile header can point anywhere and promise any size. Each read is cut at the end of the file and at `MOST_AT_ONCE`;
 * once the budget of reads or bytes is spent, every further read is empty, which readers already know as a truncated file.
 */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

export interface ByteSource {
  /** Bytes in the file. */
  readonly size: number;
  /** The bytes from `offset` on, at most `length`; fewer, or none, where the file or the budget ends. Never throws for what the file says. */
  read(offset: number, length: number): Promise<Buffer>;
}

export interface ReadBudget {
  reads: number;
  bytes: number;
}

export const MOST_AT_ONCE = 16 << 20;
const nothing = Buffer.alloc(0);

export function newReadBudget(): ReadBudget {
  return { reads: 100_000, bytes: 256 << 20 };
}

/** `length` after the rules above; 0 when nothing may or can be read. */
function allowed(size: number, offset: number, length: number, budget: ReadBudget): number {
  if (!(offset >= 0 && offset < size && length > 0) || budget.reads <= 0) return 0;
  return Math.max(0, Math.min(length, size - offset, MOST_AT_ONCE, budget.bytes));
}

export function bufferSource(bytes: Buffer, budget: ReadBudget = newReadBudget()): ByteSource {
  return {
    size: bytes.length,
    read: async (offset, length) => {
      const count = allowed(bytes.length, offset, length, budget);
      if (count === 0) return nothing;
      budget.reads -= 1;
      budget.bytes -= count;
      return bytes.subarray(offset, offset + count);
    },
  };
}

/** Headers, notes and names lie close together: what is small is cut out of a window of the file, and one trip to the disk serves several reads. */
const WINDOW = 16 << 10;
const STEP = WINDOW / 2;
const MOST_WINDOWS = 8;

/** The file's bytes from `offset` on; fewer at its end. */
async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, offset);
  return buffer.subarray(0, bytesRead);
}

/** What is read must not be written to: reads share their windows. */
export async function openFileSource(path: string, budget: ReadBudget = newReadBudget()): Promise<ByteSource & AsyncDisposable> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  const { size } = await file.stat();
  const windows = new Map<number, Promise<Buffer>>();

  const windowAt = (start: number): Promise<Buffer> => {
    const window = windows.get(start) ?? readAt(file, start, WINDOW);
    windows.delete(start);
    windows.set(start, window); // the last to be forgotten
    const [oldest] = windows.size > MOST_WINDOWS ? windows.keys() : [];
    if (oldest !== undefined) windows.delete(oldest);
    return window;
  };

  return {
    size,
    read: async (offset, length) => {
      const count = allowed(size, offset, length, budget);
      if (count === 0) return nothing;
      budget.reads -= 1;
      budget.bytes -= count;
      if (count > STEP) return await readAt(file, offset, count);
      const start = Math.floor(offset / STEP) * STEP;
      return (await windowAt(start)).subarray(offset - start, offset - start + count);
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}
