/**
 * Counts jobs by the combinations of their values, block by block.
 *
 * Each field's values, and the spans of time, are numbered in the order in which they come; a block's once, not those of each job.
 * All of it lies in typed arrays, so a million jobs cost a million additions and not a million objects.
 */
import { Failure } from "../../contract/failure.ts";
import { type Bits, blockJobs, membersOf } from "./bit-block.ts";
import { type Column, gone, type Times } from "./column-block.ts";
import { Cells, Chain, type NumberedField } from "./combinations.ts";
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

/** Numbers of a field's values. */
class Values {
  readonly #values = new PairNumbers();
  readonly #standIns: ReadonlyMap<number, number>;
  /** By the number of a value, that of the one it counts as. */
  readonly #countsAs: number[] = [];

  constructor(standIns: ReadonlyMap<number, number>) {
    this.#standIns = standIns;
  }

  get size(): number {
    return this.#values.size;
  }

  numberOf(value: number): number {
    const number = this.#values.numberOf(0, value);
    return (this.#countsAs[number] ??= this.#values.numberOf(0, this.#standIns.get(value) ?? value));
  }

  /** Where time goes when a field has many values, so by hand. */
  numbersOf(values: Uint32Array): Int32Array {
    const numbers = new Int32Array(values.length);
    const [known, countsAs] = [this.#values, this.#countsAs];
    for (let at = 0; at < values.length; at += 1) {
      const value = values[at] ?? 0;
      numbers[at] = countsAs[known.numberOf(0, value)] ?? this.numberOf(value);
    }
    return numbers;
  }

  valueOf(number: number): number {
    return this.#values.second(number);
  }
}

const noPlaces = new Uint8Array(blockJobs);
const noStandIns: ReadonlyMap<number, number> = new Map();

function tooMany(): never {
  throw new Failure("invalid_parameter", `by: there are more than ${mostCombinations} combinations of values.`, {
    hint: "Ask for fewer fields, for fields of fewer values, or filter the jobs.",
  });
}

/** The smallest count that a row among the `limit` largest may have; 1 when there are no more than those. */
function leastOf(counts: Uint32Array, limit: number): number {
  let most = 0;
  for (let at = 0; at < counts.length; at += 1) most = Math.max(most, counts[at] ?? 0);
  const rows = new Uint32Array(most + 1);
  for (let at = 0; at < counts.length; at += 1) {
    const count = counts[at] ?? 0;
    rows[count] = (rows[count] ?? 0) + 1;
  }
  let above = 0;
  for (let count = most; count > 1; count -= 1) {
    above += rows[count] ?? 0;
    if (above >= limit) return count;
  }
  return 1;
}

export class Tally {
  readonly #fields: readonly Values[];
  readonly #spanOf: TallyOptions["spanOf"];
  readonly #spans = new Values(noStandIns);
  #counted: Cells | Chain;
  readonly #ordinals = new Uint16Array(blockJobs);
  readonly #spanPlaces = new Uint16Array(blockJobs);

  constructor({ fields, standIns, spanOf }: TallyOptions) {
    this.#fields = Array.from({ length: fields }, (_, field) => new Values(standIns[field] ?? noStandIns));
    this.#spanOf = spanOf;
    this.#counted = new Cells(this.#dimensions.length);
  }

  /** The span is the last of them. */
  get #dimensions(): readonly Values[] {
    return this.#spanOf === null ? this.#fields : [...this.#fields, this.#spans];
  }

  /** `before`: the value of the first field for all of these jobs, when no column has it. */
  addBlock({ bits, columns, times }: BlockToCount, before: number | null = null): void {
    const count = membersOf(bits, this.#ordinals);
    if (this.#fields.length === 0 || count === 0) return;
    const constant = (values: Values, value: number): NumberedField => ({ places: noPlaces, numbers: Int32Array.of(values.numberOf(value)) });
    const fields = this.#fields.map((values, field): NumberedField => {
      if (before !== null && field === 0) return constant(values, before);
      const column = columns[before === null ? field : field - 1] ?? null;
      return column === null ? constant(values, 0) : { places: column.places, numbers: values.numbersOf(column.values) };
    });
    if (this.#spanOf !== null) fields.push(times === null ? constant(this.#spans, 0) : this.#spansOf(times, count, this.#spanOf));
    const sizes = this.#dimensions.map(({ size }) => size);
    if (this.#counted instanceof Cells && !this.#counted.reserve(sizes)) this.#counted = new Chain(sizes.length, this.#counted);
    this.#counted.add({ ordinals: this.#ordinals, count }, fields);
    const { size, beginnings } = this.#counted;
    if (this.#counted instanceof Chain && (this.#spanOf === null ? size : beginnings) > mostCombinations) tooMany();
  }

  /** Spans have places from the block's first one on. */
  #spansOf({ base, offsets }: NonNullable<BlockToCount["times"]>, count: number, spanOf: (milliseconds: number) => number): NumberedField {
    const [ordinals, places] = [this.#ordinals, this.#spanPlaces];
    let [earliest, latest] = [gone, 0];
    for (let at = 0; at < count; at += 1) {
      const offset = offsets[ordinals[at] ?? 0] ?? gone;
      if (offset < earliest) earliest = offset;
      if (offset > latest) latest = offset;
    }
    const first = spanOf(base + earliest);
    const numbers = Int32Array.from({ length: spanOf(base + latest) - first + 1 }, (_, place) => this.#spans.numberOf(first + place));
    if (numbers.length === 1) return { places: noPlaces, numbers };
    for (let at = 0; at < count; at += 1) {
      const ordinal = ordinals[at] ?? 0;
      places[ordinal] = spanOf(base + (offsets[ordinal] ?? gone)) - first;
    }
    return { places, numbers };
  }

  /** The combinations of the fields alone: how many jobs each has, none for some of them, and a combination that begins with it. */
  #rows(): { readonly counts: Uint32Array; readonly examples: Uint32Array | null } {
    const counted = this.#counted;
    if (this.#spanOf === null) return { counts: counted.counts, examples: null };
    const [counts, examples] = [new Uint32Array(counted.beginnings), new Uint32Array(counted.beginnings)];
    for (const [combination, count] of counted.counts.entries()) {
      if (count === 0) continue;
      const row = counted.beginningOf(combination);
      counts[row] = (counts[row] ?? 0) + count;
      examples[row] = combination;
    }
    return { counts, examples };
  }

  #keyOf(combination: number): number[] {
    const numbers = this.#counted.numbersOf(combination);
    return this.#fields.map((values, field) => values.valueOf(numbers[field] ?? 0));
  }

  /** By the values of the last field; of the only one, where there is one. */
  byValue(): Map<number, number> {
    const result = new Map<number, number>();
    const { counts, examples } = this.#rows();
    for (const [row, count] of counts.entries()) {
      if (count === 0) continue;
      const value = this.#keyOf(examples?.[row] ?? row).at(-1) ?? 0;
      result.set(value, (result.get(value) ?? 0) + count);
    }
    return result;
  }

  /** Of the first and the last job; null when no spans were counted. */
  get spanBounds(): { readonly first: number; readonly last: number } | null {
    let [first, last] = [Infinity, -Infinity];
    for (let number = 0; number < this.#spans.size; number += 1) {
      first = Math.min(first, this.#spans.valueOf(number));
      last = Math.max(last, this.#spans.valueOf(number));
    }
    return last === -Infinity ? null : { first, last };
  }

  /** Which spans the jobs of rows lie in: of each that is shown, and of all others together. */
  #addSpans(shown: ReadonlyMap<number, { readonly spans: Map<number, number> }>, rest: Map<number, number>): void {
    if (this.#spanOf === null) return;
    const counted = this.#counted;
    for (const [combination, count] of counted.counts.entries()) {
      if (count === 0) continue;
      const spans = shown.get(counted.beginningOf(combination))?.spans ?? rest;
      const span = this.#spans.valueOf(counted.lastOf(combination));
      spans.set(span, (spans.get(span) ?? 0) + count);
    }
  }

  /** The `limit` largest rows, of equal ones those of the smaller ids, and the others. */
  largest(limit: number): Largest {
    const { counts, examples } = this.#rows();
    // Most rows are small: only those that reach the limit are sorted.
    const least = leastOf(counts, limit);
    const reaching: { readonly row: number; readonly key: Key; readonly count: number }[] = [];
    let [rows, total] = [0, 0];
    for (let row = 0; row < counts.length; row += 1) {
      const count = counts[row] ?? 0;
      if (count === 0) continue;
      rows += 1;
      total += count;
      if (count >= least) reaching.push({ row, key: this.#keyOf(examples?.[row] ?? row), count });
    }
    if (rows > mostCombinations) tooMany();
    const first = reaching
      .toSorted((one, other) => other.count - one.count || one.key.reduce((order, id, index) => order || id - (other.key[index] ?? 0), 0))
      .slice(0, limit);
    const shown = new Map(first.map(({ row, key, count }) => [row, { key, count, spans: new Map<number, number>() }]));
    const rest = new Map<number, number>();
    this.#addSpans(shown, rest);
    const told = first.reduce((sum, { count }) => sum + count, 0);
    return { shown: [...shown.values()], others: { rows: rows - shown.size, count: total - told, spans: rest } };
  }
}
