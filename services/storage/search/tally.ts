/**
 * Counts jobs by the values of columns, and by spans of time.
 *
 * Within a block the places of values count into one small array or map; only what a block has of each combination is
 * added to the whole. So a million jobs cost a million additions and not a million look-ups.
 */
import { Failure } from "../../contract/failure.ts";
import { type Bits, blockJobs } from "./bit-block.ts";
import { type Column, emptyColumn, gone, type Times } from "./column-block.ts";

/** Combinations that are told apart. */
export const mostCombinations = 250_000;
const smallTable = 1 << 16;

/** A term's id for each field, 0 for none. */
export type Key = readonly number[];

export interface BlockToCount {
  readonly bits: Bits;
  /** In the order of the fields; null where no job of the block has a value. */
  readonly columns: readonly (Column | null)[];
  readonly times: { readonly base: number; readonly offsets: Times; readonly spanOf: (milliseconds: number) => number } | null;
}

export interface CountedRow {
  readonly key: Key;
  count: number;
  /** By the number of the span; empty without spans. */
  readonly spans: Map<number, number>;
}

/** Calls `visit` with each member; by hand, because this is where the time goes. */
function eachOrdinal(bits: Bits, visit: (ordinal: number) => void): void {
  for (let index = 0; index < bits.length; index += 1) {
    for (let word = bits[index] ?? 0; word !== 0; word &= word - 1) visit((index << 5) + 31 - Math.clz32(word & -word));
  }
}

/** The number of each job's span as one more column. */
function spansOf({ base, offsets, spanOf }: NonNullable<BlockToCount["times"]>, bits: Bits): Column {
  const values: number[] = [0];
  const places = new Uint16Array(blockJobs);
  const known = new Map<number, number>();
  eachOrdinal(bits, (ordinal) => {
    const span = spanOf(base + (offsets[ordinal] ?? gone));
    let place = known.get(span);
    if (place === undefined) {
      place = values.push(span) - 1;
      known.set(span, place);
    }
    places[ordinal] = place;
  });
  return { values: Uint32Array.from(values), places };
}

const half = 1 << 15;

/** What a combination is known by: a small integer if possible, which a map finds fastest. */
function nameOf(key: Key): number | string {
  const [first = 0, second = 0] = key;
  if (key.length === 1) return first;
  if (key.length > 2) return key.join(",");
  return first < half && second < half ? first * half + second : -1 - (first * 2 ** 26 + second);
}

function countPlaces(bits: Bits, columns: readonly Column[], sizes: readonly number[], size: number): Iterable<readonly [number, number]> {
  const [first, second] = columns;
  const [, width = 1] = sizes;
  const placeOf =
    columns.length === 1
      ? (ordinal: number) => first?.places[ordinal] ?? 0
      : columns.length === 2
        ? (ordinal: number) => (first?.places[ordinal] ?? 0) * width + (second?.places[ordinal] ?? 0)
        : (ordinal: number) => columns.reduce((at, { places }, index) => at * (sizes[index] ?? 1) + (places[ordinal] ?? 0), 0);
  if (size > smallTable) {
    const counts = new Map<number, number>();
    eachOrdinal(bits, (ordinal) => {
      const at = placeOf(ordinal);
      counts.set(at, (counts.get(at) ?? 0) + 1);
    });
    return counts;
  }
  const counts = new Uint32Array(size);
  eachOrdinal(bits, (ordinal) => {
    const at = placeOf(ordinal);
    counts[at] = (counts[at] ?? 0) + 1;
  });
  const result: [number, number][] = [];
  for (let at = 0; at < size; at += 1) {
    const count = counts[at] ?? 0;
    if (count > 0) result.push([at, count]);
  }
  return result;
}

export class Tally {
  readonly #rows = new Map<number | string, CountedRow>();
  /** Jobs, each once. */
  total = 0;

  get rows(): readonly CountedRow[] {
    return [...this.#rows.values()];
  }

  #row(key: Key): CountedRow {
    const name = nameOf(key);
    const known = this.#rows.get(name);
    if (known !== undefined) return known;
    if (this.#rows.size >= mostCombinations)
      throw new Failure("invalid_parameter", `by: there are more than ${mostCombinations} combinations of values.`, {
        hint: "Ask for fewer fields, for fields of fewer values, or filter the jobs.",
      });
    const row = { key, count: 0, spans: new Map<number, number>() };
    this.#rows.set(name, row);
    return row;
  }

  /** `before` comes before the values of the columns. */
  addBlock({ bits, columns, times }: BlockToCount, before: Key = []): void {
    const all = columns.map((column) => column ?? emptyColumn());
    if (times !== null) all.push(spansOf(times, bits));
    const sizes = all.map(({ values }) => values.length);
    const size = sizes.reduce((product, each) => product * each, 1);
    for (const [at, count] of countPlaces(bits, all, sizes, size)) {
      const values = Array<number>(all.length);
      for (let index = all.length - 1, rest = at; index >= 0; index -= 1) {
        const width = sizes[index] ?? 1;
        values[index] = all[index]?.values[rest % width] ?? 0;
        rest = Math.floor(rest / width);
      }
      const span = times === null ? null : (values.pop() ?? null);
      const row = this.#row(before.length === 0 ? values : [...before, ...values]);
      row.count += count;
      if (span !== null) row.spans.set(span, (row.spans.get(span) ?? 0) + count);
    }
  }
}

/** Adds up rows whose keys come to the same by `change`. */
export function folded(rows: readonly CountedRow[], change: (key: Key) => Key): CountedRow[] {
  const result = new Map<number | string, CountedRow>();
  for (const { key, count, spans } of rows) {
    const to = change(key);
    const name = nameOf(to);
    const known = result.get(name);
    if (known === undefined) {
      result.set(name, { key: to, count, spans });
      continue;
    }
    known.count += count;
    for (const [span, own] of spans) known.spans.set(span, (known.spans.get(span) ?? 0) + own);
  }
  return [...result.values()];
}

/** The `limit` largest, the largest first, and the others. */
export function largest(rows: readonly CountedRow[], limit: number): { readonly shown: CountedRow[]; readonly others: CountedRow[] } {
  // Most rows are small: only those that reach the limit are sorted.
  const least = Uint32Array.from(rows, ({ count }) => count).sort()[Math.max(rows.length - limit, 0)] ?? 0;
  const first = rows
    .filter(({ count }) => count >= least)
    .toSorted((one, other) => other.count - one.count || one.key.reduce((order, id, index) => order || id - (other.key[index] ?? 0), 0));
  return { shown: first.slice(0, limit), others: [...first.slice(limit), ...rows.filter(({ count }) => count < least)] };
}
