/**
 * A set of jobs of one block: bit n stands for the block's n-th job.
 *
 * Stored as 512 bytes, or, while that is shorter, as the list of its members in two bytes each; little-endian.
 */
export const blockJobs = 4_096;
const words = blockJobs / 32;
const denseBytes = blockJobs / 8;

export type Bits = Uint32Array<ArrayBuffer>;

export const emptyBits = (): Bits => new Uint32Array(words);

export const hasBit = (bits: Bits, ordinal: number): boolean => ((bits[ordinal >> 5] ?? 0) & (1 << (ordinal & 31))) !== 0;

export function setBit(bits: Bits, ordinal: number, value: boolean): void {
  const word = bits[ordinal >> 5] ?? 0;
  bits[ordinal >> 5] = value ? word | (1 << (ordinal & 31)) : word & ~(1 << (ordinal & 31));
}

/** What words may be read of: the bytes' own buffer where they are all of it, as a row's are; else a copy. */
export function aligned(bytes: Uint8Array): ArrayBuffer {
  const { buffer } = bytes;
  return buffer instanceof ArrayBuffer && buffer.byteLength === bytes.length ? buffer : new Uint8Array(bytes).buffer;
}

export function decodeBits(bytes: Uint8Array): Bits {
  if (bytes.length === denseBytes) return new Uint32Array(aligned(bytes));
  const bits = emptyBits();
  for (const ordinal of new Uint16Array(aligned(bytes))) setBit(bits, ordinal, true);
  return bits;
}

export function* ordinalsOf(bits: Bits): Generator<number> {
  for (let index = 0; index < words; index += 1) {
    for (let word = bits[index] ?? 0; word !== 0; word &= word - 1) yield (index << 5) + 31 - Math.clz32(word & -word);
  }
}

/** Writes the members into `ordinals`, in their order, and tells how many there are. By hand, because this is where the time of counting goes. */
export function membersOf(bits: Bits, ordinals: Uint16Array): number {
  let count = 0;
  for (let index = 0; index < words; index += 1) {
    for (let word = bits[index] ?? 0; word !== 0; word &= word - 1) {
      ordinals[count] = (index << 5) + 31 - Math.clz32(word & -word);
      count += 1;
    }
  }
  return count;
}

export function countBits(bits: Bits): number {
  let count = 0;
  for (let word of bits) {
    word -= (word >>> 1) & 0x5555_5555;
    word = (word & 0x3333_3333) + ((word >>> 2) & 0x3333_3333);
    count += Math.imul((word + (word >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
  }
  return count;
}

/** Null for the empty set, which is not stored. */
export function encodeBits(bits: Bits): Uint8Array | null {
  const count = countBits(bits);
  if (count === 0) return null;
  return new Uint8Array(count * 2 < denseBytes ? Uint16Array.from(ordinalsOf(bits)).buffer : bits.buffer);
}

/** Keeps in `bits` what is also in `other`. */
export function intersect(bits: Bits, other: Bits): void {
  for (let index = 0; index < words; index += 1) bits[index] = (bits[index] ?? 0) & (other[index] ?? 0);
}

export function unite(bits: Bits, other: Bits): void {
  for (let index = 0; index < words; index += 1) bits[index] = (bits[index] ?? 0) | (other[index] ?? 0);
}
