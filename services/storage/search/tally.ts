/**
 * Counts jobs by the combinations of their values, block by block.
 *
 * Each field's values, and the spans of time, are numbered in the order in which they come; a block's once, not those of each job.
 * All of it lies in typed arrays, so a million jobs cost a million additions and not a million objects.
 */
import { Failure } from "../../contract/failure.ts";
import { type Bits, blockJobs, membersOf } from "./bit-block.ts";
import type { Column } from "./column-block.ts";
import { Cells, Chain, type NumberedField } from "./combinations.ts";
import { type BlockTimes, constant, numberedColumn, numberedTimes } from "./numbered-fields.ts";
import { ValueNumbers } from "./value-numbers.ts";

/** Combinations that are told apart. */
export const mostCombinations = 250_000;

/** A term's id for each field, 0 for none. */
export type Key = readonly number[];

export interface BlockToCount {
  readonly bits: Bits;
  /** Of a first field of many values, which have no column: jobs by value. Null without such a field. */
  readonly sets: ReadonlyMap<number, Bits> | null;
  /** In the order of the other fields; null where no job of the block has a value. */
  readonly columns: readonly (Column | null)[];
  readonly times: BlockTimes | null;
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
  readonly #fields: readonly ValueNumbers[];
  readonly #spanOf: TallyOptions["spanOf"];
  readonly #spans = new ValueNumbers(noStandIns);
  #counted: Cells | Chain;
  readonly #ordinals = new Uint16Array(blockJobs);

  constructor({ fields, standIns, spanOf }: TallyOptions) {
    this.#fields = Array.from({ length: fields }, (_, field) => new ValueNumbers(standIns[field] ?? noStandIns));
    this.#spanOf = spanOf;
    this.#counted = new Cells(this.#dimensions.length);
  }

  /** The span is the last of them. */
  get #dimensions(): readonly ValueNumbers[] {
    return this.#spanOf === null ? this.#fields : [...this.#fields, this.#spans];
  }

  /** Values are numbered before any job is counted, so that room is made once for all of these blocks. */
  addBlocks(blocks: readonly BlockToCount[]): void {
    const [many] = this.#fields;
    if (many === undefined) return;
    const room = new Int32Array(blocks.reduce((sum, { columns }) => sum + columns.reduce((own, column) => own + (column?.values.length ?? 0), 0), 0));
    let used = 0;
    const take = (size: number) => room.subarray(used, (used += size));
    const numbered = blocks.map((block) => this.#numbered(block, take));
    for (const [at, { bits, sets }] of blocks.entries()) {
      const own = numbered[at] ?? [];
      if (sets === null) this.#add(bits, own);
      else for (const [value, members] of sets) this.#add(members, [constant(many, value), ...own]);
    }
  }

  /** All fields but one that comes in sets. */
  #numbered({ bits, sets, columns, times }: BlockToCount, take: (size: number) => Int32Array): NumberedField[] {
    const jobs = { ordinals: this.#ordinals, count: membersOf(bits, this.#ordinals) };
    if (jobs.count === 0) return [];
    const fields = (sets === null ? this.#fields : this.#fields.slice(1)).map((values, field) => {
      const column = columns[field] ?? null;
      return column === null ? constant(values, 0) : numberedColumn(column, values, jobs, take(column.values.length));
    });
    if (this.#spanOf !== null) fields.push(times === null ? constant(this.#spans, 0) : numberedTimes(times, this.#spanOf, this.#spans, jobs));
    return fields;
  }

  #add(bits: Bits, fields: readonly NumberedField[]): void {
    const count = membersOf(bits, this.#ordinals);
    if (count === 0) return;
    const sizes = this.#dimensions.map(({ size }) => size);
    if (this.#counted instanceof Cells && !this.#counted.reserve(sizes)) this.#counted = new Chain(sizes.length, this.#counted);
    this.#counted.add({ ordinals: this.#ordinals, count }, fields);
    const { size, beginnings } = this.#counted;
    if (this.#counted instanceof Chain && (this.#spanOf === null ? size : beginnings) > mostCombinations) tooMany();
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
