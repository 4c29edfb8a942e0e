/**
 * Counts jobs by the combinations of their values, block by block.
 *
 * A combination is a chain of pairs: the values of the first field are numbered, then the pairs of such a number and a value of the
 * second field, and so on. The jobs of a block are numbered by themselves first, so that the chain is asked once for each combination
 * that the block has; its jobs are added to the last number. All of it lies in typed arrays, so a million jobs cost a million
 * additions and not a million objects.
 */
import { Failure } from "../../contract/failure.ts";
import { type Bits, blockJobs } from "./bit-block.ts";
import { BlockNumbers } from "./block-numbers.ts";
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

const countedAs = (values: Uint32Array, standIns: ReadonlyMap<number, number> | undefined): Uint32Array =>
  standIns === undefined || standIns.size === 0 ? values : values.map((value) => standIns.get(value) ?? value);

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
  readonly #block = new BlockNumbers();
  /** By the block's own numbers: those of the chain. */
  #numbers = new Int32Array(blockJobs);
  #nextNumbers = new Int32Array(blockJobs);
  readonly #blockCounts = new Uint16Array(blockJobs);
  readonly #spanPlaces = new Uint16Array(blockJobs);

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
    this.#block.begin(bits);
    if (this.#chain.length === 0 || this.#block.jobs === 0) return;
    this.#numbers[0] = 0;
    for (const [field, pairs] of this.#chain.entries()) {
      if (before === null) this.#take(pairs, field, columns[field] ?? null);
      else if (field === 0) this.#numbers[0] = pairs.numberOf(0, before);
      else this.#take(pairs, field, columns[field - 1] ?? null);
    }
    if (this.size > mostCombinations)
      throw new Failure("invalid_parameter", `by: there are more than ${mostCombinations} combinations of values.`, {
        hint: "Ask for fewer fields, for fields of fewer values, or filter the jobs.",
      });
    this.#addTo(this.#counts.reserve(this.size));
    if (times !== null && this.#spanOf !== null) this.#countSpans(times, this.#spanOf);
  }

  /** Each combination that the block has is looked up once. */
  #take(pairs: PairNumbers, field: number, column: Column | null): void {
    const [block, numbers, next] = [this.#block, this.#numbers, this.#nextNumbers];
    if (column === null) {
      for (let number = 0; number < block.size; number += 1) numbers[number] = pairs.numberOf(numbers[number] ?? 0, 0);
      return;
    }
    block.take(column.places, column.values.length);
    const { size, befores, places } = block;
    const values = field === 0 ? column.values : countedAs(column.values, this.#standIns[field]);
    for (let number = 0; number < size; number += 1) {
      const value = values[places[number] ?? 0] ?? 0;
      next[number] = field === 0 ? this.#standIn(pairs, value) : pairs.numberOf(numbers[befores[number] ?? 0] ?? 0, value);
    }
    [this.#numbers, this.#nextNumbers] = [next, numbers];
  }

  #standIn(pairs: PairNumbers, value: number): number {
    const number = pairs.numberOf(0, value);
    const known = this.#standInNumbers[number];
    if (known !== undefined) return known;
    const standIn = pairs.numberOf(0, this.#standIns[0]?.get(value) ?? value);
    this.#standInNumbers[number] = standIn;
    return standIn;
  }

  /** Adds the block's jobs to the counts of their numbers. */
  #addTo(counts: Uint32Array): void {
    const [block, numbers, own] = [this.#block, this.#numbers, this.#blockCounts];
    block.count(own);
    for (let at = 0; at < block.size; at += 1) {
      const number = numbers[at] ?? 0;
      counts[number] = (counts[number] ?? 0) + (own[at] ?? 0);
    }
  }

  /** The span is one field more, whose values are numbered from the block's first one. */
  #countSpans({ base, offsets }: NonNullable<BlockToCount["times"]>, spanOf: (milliseconds: number) => number): void {
    const [block, places] = [this.#block, this.#spanPlaces];
    const { ordinals, jobs } = block;
    let [earliest, latest] = [gone, 0];
    for (let at = 0; at < jobs; at += 1) {
      const offset = offsets[ordinals[at] ?? 0] ?? gone;
      if (offset < earliest) earliest = offset;
      if (offset > latest) latest = offset;
    }
    const first = spanOf(base + earliest);
    const width = spanOf(base + latest) - first + 1;
    for (let at = 0; at < jobs; at += 1) {
      const ordinal = ordinals[at] ?? 0;
      places[ordinal] = spanOf(base + (offsets[ordinal] ?? gone)) - first;
    }
    block.take(places, width);
    const [numbers, next, spans] = [this.#numbers, this.#nextNumbers, this.#spans];
    for (let number = 0; number < block.size; number += 1)
      next[number] = spans.numberOf(numbers[block.befores[number] ?? 0] ?? 0, first + (block.places[number] ?? 0));
    [this.#numbers, this.#nextNumbers] = [next, numbers];
    this.#addTo(this.#spanCounts.reserve(spans.size));
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
