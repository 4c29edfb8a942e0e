/**
 * Counts jobs by the combinations of their values, block by block.
 *
 * A combination is a chain of pairs: the values of the first field are numbered, then the pairs of such a number and a value of the
 * second field, and so on; jobs are added up by the last number. All of it lies in typed arrays, so a million jobs cost a
 * million additions and not a million objects.
 */
import { Failure } from "../../contract/failure.ts";
import { type Bits, blockJobs, membersOf } from "./bit-block.ts";
import { type Column, gone, type Times } from "./column-block.ts";
import { PairNumbers } from "./pair-numbers.ts";

/** Combinations that are told apart. */
export const mostCombinations = 250_000;

/** A term's id for each field, 0 for none. */
export type Key = readonly number[];

export interface BlockToCount {
  readonly bits: Bits;
  /** In the order of the fields; null where no job of the block has a value. */
  readonly columns: readonly (Column | null)[];
  readonly times: { readonly base: number; readonly offsets: Times } | null;
}

export interface CountedRow {
  readonly key: Key;
  readonly count: number;
  /** By the number of the span; empty without spans. */
  readonly spans: ReadonlyMap<number, number>;
}

export interface TallyOptions {
  readonly fields: number;
  /** Values that count as others, by field. */
  readonly standIns: readonly ReadonlyMap<number, number>[];
  /** The number of the span that a time lies in; null without spans. */
  readonly spanOf: ((milliseconds: number) => number) | null;
}

export interface Largest {
  /** The largest first. */
  readonly shown: readonly CountedRow[];
  readonly others: { readonly rows: number; readonly count: number; readonly spans: ReadonlyMap<number, number> };
}

/** Counts by number; numbers that were never counted are 0. */
class Counts {
  #counts = new Uint32Array(256);

  get counts(): Uint32Array {
    return this.#counts;
  }

  /** Room for numbers below `size`; the array is to be asked for again. */
  reserve(size: number): Uint32Array {
    if (size > this.#counts.length) {
      const larger = new Uint32Array(Math.max(size, this.#counts.length * 2));
      larger.set(this.#counts);
      this.#counts = larger;
    }
    return this.#counts;
  }
}

const noValues: Column = { values: new Uint32Array(1), places: new Uint8Array(blockJobs) };

const countedAs = (column: Column, standIns: ReadonlyMap<number, number> | undefined): Column =>
  standIns === undefined || standIns.size === 0 ? column : { ...column, values: column.values.map((value) => standIns.get(value) ?? value) };

export class Tally {
  /** By field: the number before it (0 for the first) and the value. */
  readonly #chain: readonly PairNumbers[];
  readonly #standIns: TallyOptions["standIns"];
  /** By the number of a first value, that of the one it counts as. */
  readonly #standInNumbers: number[] = [];
  readonly #counts = new Counts();
  readonly #spanOf: TallyOptions["spanOf"];
  /** A row's number and a span's. */
  readonly #spans = new PairNumbers();
  readonly #spanCounts = new Counts();
  readonly #ordinals = new Uint16Array(blockJobs);
  readonly #numbers = new Int32Array(blockJobs);

  constructor({ fields, standIns, spanOf }: TallyOptions) {
    this.#chain = Array.from({ length: fields }, () => new PairNumbers());
    this.#standIns = standIns;
    this.#spanOf = spanOf;
  }

  get size(): number {
    return this.#chain.at(-1)?.size ?? 0;
  }

  /** `before`: the value of the first field for all of these jobs, when no column has it. */
  addBlock({ bits, columns, times }: BlockToCount, before: number | null = null): void {
    const jobs = membersOf(bits, this.#ordinals);
    const [head, ...rest] = this.#chain;
    if (head === undefined || jobs === 0) return;
    const [first, ...others] = before === null ? columns : [null, ...columns];
    if (before === null) this.#numberFirst(head, first ?? noValues, jobs);
    else this.#numbers.fill(head.numberOf(0, before), 0, jobs);
    for (const [index, pairs] of rest.entries()) this.#numberNext(pairs, countedAs(others[index] ?? noValues, this.#standIns[index + 1]), jobs);
    if (this.size > mostCombinations)
      throw new Failure("invalid_parameter", `by: there are more than ${mostCombinations} combinations of values.`, {
        hint: "Ask for fewer fields, for fields of fewer values, or filter the jobs.",
      });
    const counts = this.#counts.reserve(this.size);
    const numbers = this.#numbers;
    for (let at = 0; at < jobs; at += 1) {
      const number = numbers[at] ?? 0;
      counts[number] = (counts[number] ?? 0) + 1;
    }
    if (times !== null && this.#spanOf !== null) this.#countSpans(times, jobs, this.#spanOf);
  }

  /** Each value is looked up once for the block, and once for all blocks which other one it counts as. */
  #numberFirst(pairs: PairNumbers, { values, places }: Column, jobs: number): void {
    const [ordinals, numbers] = [this.#ordinals, this.#numbers];
    const known = new Int32Array(values.length);
    for (let at = 0; at < jobs; at += 1) {
      const place = places[ordinals[at] ?? 0] ?? 0;
      let number = known[place] ?? 0;
      if (number === 0) {
        number = this.#standIn(pairs, values[place] ?? 0) + 1;
        known[place] = number;
      }
      numbers[at] = number - 1;
    }
  }

  #standIn(pairs: PairNumbers, value: number): number {
    const number = pairs.numberOf(0, value);
    const known = this.#standInNumbers[number];
    if (known !== undefined) return known;
    const standIn = pairs.numberOf(0, this.#standIns[0]?.get(value) ?? value);
    this.#standInNumbers[number] = standIn;
    return standIn;
  }

  #numberNext(pairs: PairNumbers, { values, places }: Column, jobs: number): void {
    const [ordinals, numbers] = [this.#ordinals, this.#numbers];
    for (let at = 0; at < jobs; at += 1) numbers[at] = pairs.numberOf(numbers[at] ?? 0, values[places[ordinals[at] ?? 0] ?? 0] ?? 0);
  }

  #countSpans({ base, offsets }: NonNullable<BlockToCount["times"]>, jobs: number, spanOf: (milliseconds: number) => number): void {
    const [ordinals, numbers, spans] = [this.#ordinals, this.#numbers, this.#spans];
    for (let at = 0; at < jobs; at += 1) numbers[at] = spans.numberOf(numbers[at] ?? 0, spanOf(base + (offsets[ordinals[at] ?? 0] ?? gone)));
    const counts = this.#spanCounts.reserve(spans.size);
    for (let at = 0; at < jobs; at += 1) {
      const number = numbers[at] ?? 0;
      counts[number] = (counts[number] ?? 0) + 1;
    }
  }

  #keyOf(row: number): number[] {
    const key: number[] = [];
    for (let number = row, field = this.#chain.length - 1; field >= 0; field -= 1) {
      key.unshift(this.#chain[field]?.second(number) ?? 0);
      number = this.#chain[field]?.first(number) ?? 0;
    }
    return key;
  }

  /** By the values of the last field; of the only one, where there is one. */
  byValue(): Map<number, number> {
    const result = new Map<number, number>();
    for (let row = 0; row < this.size; row += 1) {
      const [value, count] = [this.#chain.at(-1)?.second(row) ?? 0, this.#counts.counts[row] ?? 0];
      if (count > 0) result.set(value, (result.get(value) ?? 0) + count);
    }
    return result;
  }

  /** Of the first and the last job; null when no spans were counted. */
  get spanBounds(): { readonly first: number; readonly last: number } | null {
    let [first, last] = [Infinity, -Infinity];
    for (let number = 0; number < this.#spans.size; number += 1) {
      first = Math.min(first, this.#spans.second(number));
      last = Math.max(last, this.#spans.second(number));
    }
    return last === -Infinity ? null : { first, last };
  }

  /** The `limit` largest rows, of equal ones those of the smaller ids, and the others. */
  largest(limit: number): Largest {
    const { size } = this;
    const counts = this.#counts.counts.subarray(0, size);
    const sorted = counts.slice().sort();
    // Combinations that count as others have no jobs of their own.
    const rows = size - sorted.findLastIndex((count) => count === 0) - 1;
    // Most rows are small: only those that reach the limit are sorted.
    const least = rows === 0 ? 1 : (sorted[size - Math.min(limit, rows)] ?? 1);
    const reaching: { readonly row: number; readonly key: Key; readonly count: number }[] = [];
    for (const [row, count] of counts.entries()) {
      if (count >= least) reaching.push({ row, key: this.#keyOf(row), count });
    }
    const first = reaching
      .toSorted((one, other) => other.count - one.count || one.key.reduce((order, id, index) => order || id - (other.key[index] ?? 0), 0))
      .slice(0, limit);
    const shown = new Map(first.map(({ row, key, count }) => [row, { key, count, spans: new Map<number, number>() }]));
    const rest = new Map<number, number>();
    for (let number = 0; number < this.#spans.size; number += 1) {
      const spans = shown.get(this.#spans.first(number))?.spans ?? rest;
      const span = this.#spans.second(number);
      spans.set(span, (spans.get(span) ?? 0) + (this.#spanCounts.counts[number] ?? 0));
    }
    const told = first.reduce((sum, { count }) => sum + count, 0);
    const count = counts.reduce((sum, each) => sum + each, 0) - told;
    return { shown: [...shown.values()], others: { rows: rows - shown.size, count, spans: rest } };
  }
}
