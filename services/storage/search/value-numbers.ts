/**
 * The values of a field, numbered from 0 in the order in which they come.
 *
 * Values are ids of terms or numbers of spans of time, which lie close together: a look-up is one in an array, in pages, because
 * what lies between them are ids of other kinds.
 */
const pageBits = 12;
const pageMask = 2 ** pageBits - 1;

export class ValueNumbers {
  /** By value: its number + 1, or 0. */
  readonly #pages: (Int32Array | undefined)[] = [];
  readonly #values: number[] = [];
  readonly #standIns: ReadonlyMap<number, number>;

  /** `standIns`: values that count as others. */
  constructor(standIns: ReadonlyMap<number, number>) {
    this.#standIns = standIns;
  }

  get size(): number {
    return this.#values.length;
  }

  valueOf(number: number): number {
    return this.#values[number] ?? 0;
  }

  numberOf(value: number): number {
    return (this.#pages[value >>> pageBits]?.[value & pageMask] || this.#add(value)) - 1;
  }

  #add(value: number): number {
    const other = this.#standIns.get(value) ?? value;
    const known = this.#pages[other >>> pageBits]?.[other & pageMask] ?? 0;
    const number = known === 0 ? this.#values.push(other) : known;
    for (const each of [value, other]) (this.#pages[each >>> pageBits] ??= new Int32Array(pageMask + 1))[each & pageMask] = number;
    return number;
  }
}
