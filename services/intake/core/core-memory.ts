/**
 * The dead process's memory as far as the core holds it: reads by address through the PT_LOADs.
 *
 * Beyond `fileSize` a segment is absent, not zero (the kernel's filter left it out); the same goes for what a truncated
 * file lost. Absent memory reads as null.
 */
import type { ByteSource } from "../elf/byte-source.ts";
import { type ElfForm, fieldsOf, textAt } from "../elf/fields.ts";
import type { ProgramHeader } from "../elf/program-headers.ts";

export interface CoreMemory extends ElfForm {
  /** All `length` bytes, or null. */
  read(address: bigint, length: number): Promise<Buffer | null>;
  /** From `address` up to `length` bytes, fewer where the segment ends; null when the first byte is absent. */
  readUpTo(address: bigint, length: number): Promise<Buffer | null>;
  /** A pointer or `long`. */
  word(address: bigint): Promise<bigint | null>;
  /** A C string of at most `limit` bytes, without its NUL; null when its start is absent. */
  text(address: bigint, limit: number): Promise<string | null>;
  /** The segment that holds the address, dumped or not. */
  segmentAt(address: bigint): ProgramHeader | null;
}

/** The last of `sorted` that starts at or below `address`. Segments of a true core do not overlap; of a forged one, any will do. */
function lastAtOrBelow(sorted: readonly ProgramHeader[], address: bigint): ProgramHeader | undefined {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const each = sorted[middle];
    if (each !== undefined && each.vaddr <= address) low = middle + 1;
    else high = middle;
  }
  return sorted[low - 1];
}

export function coreMemory(source: ByteSource, form: ElfForm, loads: readonly ProgramHeader[]): CoreMemory {
  const sorted = loads.toSorted((a, b) => (a.vaddr < b.vaddr ? -1 : a.vaddr > b.vaddr ? 1 : 0));

  const segmentAt = (address: bigint) => {
    const segment = lastAtOrBelow(sorted, address);
    return segment !== undefined && address < segment.vaddr + segment.memsz ? segment : null;
  };

  const readUpTo = async (address: bigint, length: number) => {
    const segment = segmentAt(address);
    if (segment === null) return null;
    const skip = Number(address - segment.vaddr);
    const bytes = await source.read(segment.offset + skip, Math.min(length, segment.filesz - skip));
    return bytes.length === 0 ? null : bytes;
  };

  const read = async (address: bigint, length: number) => {
    const bytes = await readUpTo(address, length);
    return bytes !== null && bytes.length === length ? bytes : null;
  };

  return {
    bits: form.bits,
    byteOrder: form.byteOrder,
    segmentAt,
    readUpTo,
    read,
    word: async (address) => {
      const bytes = await read(address, form.bits / 8);
      return bytes === null ? null : fieldsOf(bytes, form).word(0);
    },
    text: async (address, limit) => {
      const bytes = await readUpTo(address, limit);
      return bytes === null ? null : textAt(bytes, 0, limit);
    },
  };
}
