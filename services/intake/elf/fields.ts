/** Integers out of a buffer, in the byte order and word size of an ELF file. Reading past the end gives zeros, never an error. */
export interface ElfForm {
  readonly bits: 32 | 64;
  readonly byteOrder: "little" | "big";
}

export interface Fields {
  readonly length: number;
  readonly u16: (at: number) => number;
  readonly u32: (at: number) => number;
  readonly i32: (at: number) => number;
  readonly u64: (at: number) => bigint;
  /** An `Elf_Addr`, `long` or pointer. */
  readonly word: (at: number) => bigint;
  /** A word that counts bytes of the file; beyond 2^53 it is inexact, and beyond any file. */
  readonly size: (at: number) => number;
}

export function fieldsOf(bytes: Buffer, form: ElfForm): Fields {
  const little = form.byteOrder === "little";
  const has = (at: number, size: number) => at >= 0 && at + size <= bytes.length;
  const u16 = (at: number) => (has(at, 2) ? (little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at)) : 0);
  const u32 = (at: number) => (has(at, 4) ? (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)) : 0);
  const u64 = (at: number) => (has(at, 8) ? (little ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at)) : 0n);
  const word = form.bits === 64 ? u64 : (at: number) => BigInt(u32(at));
  return { length: bytes.length, u16, u32, i32: (at) => u32(at) | 0, u64, word, size: (at) => Number(word(at)) };
}

/** The text from `at` up to a NUL, `limit` bytes or the end; bytes that are no UTF-8 become U+FFFD. */
export function textAt(bytes: Buffer, at: number, limit = bytes.length): string {
  const end = Math.min(bytes.length, at + limit);
  if (at < 0 || at >= end) return "";
  const nul = bytes.indexOf(0, at);
  return bytes.toString("utf8", at, nul < 0 || nul > end ? end : nul);
}

export const hex = (value: bigint): string => `0x${value.toString(16)}`;
