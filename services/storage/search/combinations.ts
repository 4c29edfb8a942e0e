/**
 * Counts of combinations of numbers: of a job's value of each field.
 *
 * While the fields have few values in all, there is a cell for each combination that may be, and counting is adding one to a cell.
 * Else a combination is a chain of pairs: the numbers of the first field, then the pairs of such a one and a number of the second
 * field numbered anew, and so on. The cells are given up for the chain when they would become too many.
 */
import { blockJobs } from "./bit-block.ts";
import { PairNumbers } from "./pair-numbers.ts";

/** One field of the jobs of a block: where each one's value is among those of the block, and the number of each of these. */
export interface NumberedField {
  readonly places: Uint8Array | Uint16Array;
  readonly numbers: Int32Array;
}

export interface BlockJobs {
  /** The first `count` of them are jobs' places in the block. */
  readonly ordinals: Uint16Array;
  readonly count: number;
}

export interface Combinations {
  /** The combinations are below it; some of them may have no jobs. */
  readonly size: number;
  readonly counts: Uint32Array;
  /** How many there may be of all fields but the last. */
  readonly beginnings: number;
  /** The number of each field. */
  numbersOf(combination: number): number[];
  /** The combination of all fields but the last, and the number of the last one. */
  beginningOf(combination: number): number;
  lastOf(combination: number): number;
}

/** 16 MiB of them. */
const mostCells = 2 ** 22;

function larger(counts: Uint32Array, size: number): Uint32Array<ArrayBuffer> {
  const result = new Uint32Array(size);
  result.set(counts);
  return result;
}

// Where the time of counting goes: a loop each, as plain as can be.

function beginCells(cells: Int32Array, { ordinals, count }: BlockJobs, { places, numbers }: NumberedField): void {
  for (let at = 0; at < count; at += 1) cells[at] = numbers[places[ordinals[at] ?? 0] ?? 0] ?? 0;
}

function extendCells(cells: Int32Array, { ordinals, count }: BlockJobs, { places, numbers }: NumberedField, room: number): void {
  for (let at = 0; at < count; at += 1) cells[at] = (cells[at] ?? 0) * room + (numbers[places[ordinals[at] ?? 0] ?? 0] ?? 0);
}

function countCells(counts: Uint32Array, cells: Int32Array, { ordinals, count }: BlockJobs, { places, numbers }: NumberedField, room: number): void {
  for (let at = 0; at < count; at += 1) {
    const cell = (cells[at] ?? 0) * room + (numbers[places[ordinals[at] ?? 0] ?? 0] ?? 0);
    counts[cell] = (counts[cell] ?? 0) + 1;
  }
}

function countNumbers(counts: Uint32Array, { ordinals, count }: BlockJobs, { places, numbers }: NumberedField): void {
  for (let at = 0; at < count; at += 1) {
    const number = numbers[places[ordinals[at] ?? 0] ?? 0] ?? 0;
    counts[number] = (counts[number] ?? 0) + 1;
  }
}

export class Cells implements Combinations {
  /** By field, room for its numbers. */
  #rooms: readonly number[];
  #counts: Uint32Array;
  readonly #cells = new Int32Array(blockJobs);

  constructor(fields: number) {
    this.#rooms = Array.from({ length: fields }, () => 4);
    this.#counts = new Uint32Array(4 ** fields);
  }

  get size(): number {
    return this.#counts.length;
  }

  get counts(): Uint32Array {
    return this.#counts;
  }

  /** Makes room for numbers below `sizes`; false when it would take too many cells. */
  reserve(sizes: readonly number[]): boolean {
    if (sizes.every((size, field) => size <= (this.#rooms[field] ?? 0))) return true;
    const rooms = this.#rooms.map((room, field) => {
      let enough = room;
      while (enough < (sizes[field] ?? 0)) enough *= 2;
      return enough;
    });
    const cells = rooms.reduce((product, room) => product * room, 1);
    if (cells > mostCells) return false;
    const before = this.#rooms;
    // The first field's numbers come by the largest steps: more of them move nothing.
    if (rooms.slice(1).every((room, field) => room === before[field + 1])) this.#counts = larger(this.#counts, cells);
    else this.#counts = this.#moved(rooms, cells);
    this.#rooms = rooms;
    return true;
  }

  #moved(rooms: readonly number[], cells: number): Uint32Array {
    const [before, old, counts] = [this.#counts, this.#rooms, new Uint32Array(cells)];
    for (let cell = 0; cell < before.length; cell += 1) {
      const count = before[cell] ?? 0;
      if (count === 0) continue;
      let [rest, place, step] = [cell, 0, 1];
      for (let field = rooms.length - 1; field >= 0; field -= 1) {
        const room = old[field] ?? 1;
        const number = rest % room;
        rest = (rest - number) / room;
        place += number * step;
        step *= rooms[field] ?? 1;
      }
      counts[place] = count;
    }
    return counts;
  }

  add(jobs: BlockJobs, fields: readonly NumberedField[]): void {
    const cells = this.#cells;
    for (const [field, each] of fields.slice(0, -1).entries()) {
      if (field === 0) beginCells(cells, jobs, each);
      else extendCells(cells, jobs, each, this.#rooms[field] ?? 0);
    }
    const last = fields.at(-1);
    if (last === undefined) return;
    if (fields.length === 1) countNumbers(this.#counts, jobs, last);
    else countCells(this.#counts, cells, jobs, last, this.#rooms.at(-1) ?? 0);
  }

  numbersOf(combination: number): number[] {
    let rest = combination;
    const last = this.#rooms.toReversed().map((room) => {
      const number = rest % room;
      rest = (rest - number) / room;
      return number;
    });
    return last.toReversed();
  }

  get beginnings(): number {
    return this.size / (this.#rooms.at(-1) ?? 1);
  }

  beginningOf(combination: number): number {
    return Math.floor(combination / (this.#rooms.at(-1) ?? 1));
  }

  lastOf(combination: number): number {
    return combination % (this.#rooms.at(-1) ?? 1);
  }
}

export class Chain implements Combinations {
  readonly #chain: readonly PairNumbers[];
  #counts = new Uint32Array(256);
  readonly #numbers = new Int32Array(blockJobs);

  /** Goes on with what the cells have counted. */
  constructor(fields: number, cells: Cells) {
    this.#chain = Array.from({ length: fields }, () => new PairNumbers());
    for (const [cell, count] of cells.counts.entries()) {
      if (count === 0) continue;
      const number = cells.numbersOf(cell).reduce((before, each, field) => this.#chain[field]?.numberOf(before, each) ?? 0, 0);
      this.#reserve();
      this.#counts[number] = count;
    }
  }

  get size(): number {
    return this.#chain.at(-1)?.size ?? 0;
  }

  get counts(): Uint32Array {
    return this.#counts.subarray(0, this.size);
  }

  get beginnings(): number {
    return this.#chain.at(-2)?.size ?? 1;
  }

  #reserve(): void {
    if (this.size > this.#counts.length) this.#counts = larger(this.#counts, Math.max(this.size, this.#counts.length * 2));
  }

  add({ ordinals, count }: BlockJobs, fields: readonly NumberedField[]): void {
    const chained = this.#numbers;
    chained.fill(0, 0, count);
    for (const [field, pairs] of this.#chain.entries()) {
      const { places, numbers } = fields[field] ?? { places: new Uint8Array(), numbers: new Int32Array() };
      for (let at = 0; at < count; at += 1) chained[at] = pairs.numberOf(chained[at] ?? 0, numbers[places[ordinals[at] ?? 0] ?? 0] ?? 0);
    }
    this.#reserve();
    const counts = this.#counts;
    for (let at = 0; at < count; at += 1) {
      const number = chained[at] ?? 0;
      counts[number] = (counts[number] ?? 0) + 1;
    }
  }

  numbersOf(combination: number): number[] {
    const numbers: number[] = [];
    let number = combination;
    for (const pairs of this.#chain.toReversed()) {
      numbers.unshift(pairs.second(number));
      number = pairs.first(number);
    }
    return numbers;
  }

  beginningOf(combination: number): number {
    return this.#chain.at(-1)?.first(combination) ?? 0;
  }

  lastOf(combination: number): number {
    return this.#chain.at(-1)?.second(combination) ?? 0;
  }
}
