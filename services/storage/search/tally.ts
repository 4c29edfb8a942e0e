/**
 * Counts jobs by the values of columns, and by spans of time.
 *
 * Within a block the places of values count into one small array or map; only what a block has of each combination is
 * added to the whole. So a million jobs cost a million additions and not a million look-ups.
 */
import { Failure } from "../../contract/failure.ts";
import { type Bits, ordinalsOf } from "./bit-block.ts";
import { type Column, emptyColumn, gone, type Times } from "./column-block.ts";

/** Combinations that are told apart. */
export const mostCombinations = 250_000;
const smallTable = 1 << 16;

/** A term's id for each field, 0 for none, and the start of the span at last if spans are asked for. */
export type Key = readonly number[];

export interface BlockToCount {
  readonly bits: Bits;
  /** In the order of the fields; null where no job of the block has a value. */
  readonly columns: readonly (Column | null)[];
  readonly times: { readonly base: number; readonly offsets: Times; readonly spanOf: (milliseconds: number) => number } | null;
}

/** The start of each job's span as one more column. */
function spansOf({ base, offsets, spanOf }: NonNullable<BlockToCount["times"]>, bits: Bits): Column {
  const values: number[] = [0];
  const places = new Uint16Array(bits.length * 32);
  const known = new Map<number, number>();
  for (const ordinal of ordinalsOf(bits)) {
    const offset = offsets[ordinal] ?? gone;
    const span = spanOf(base + offset);
    let place = known.get(span);
    if (place === undefined) {
      place = values.push(span) - 1;
      known.set(span, place);
    }
    places[ordinal] = place;
  }
  // Spans are counted in their own units, so they fit where ids of terms do.
  return { values: Uint32Array.from(values), places };
}

interface Combination {
  readonly key: Key;
  count: number;
}

export class Tally {
  readonly #combinations = new Map<string, Combination>();
  /** Jobs, each once. */
  total = 0;

  get combinations(): readonly { readonly key: Key; readonly count: number }[] {
    return [...this.#combinations.values()];
  }

  #add(key: Key, count: number): void {
    const name = key.join(",");
    const known = this.#combinations.get(name);
    if (known !== undefined) {
      known.count += count;
      return;
    }
    if (this.#combinations.size >= mostCombinations)
      throw new Failure("invalid_parameter", `by: there are more than ${mostCombinations} combinations of values.`, {
        hint: "Ask for fewer fields, for fields of fewer values, or filter the jobs.",
      });
    this.#combinations.set(name, { key, count });
  }

  /** `first` comes before the values of the columns. */
  addBlock({ bits, columns, times }: BlockToCount, first: Key = []): void {
    const all = columns.map((column) => column ?? emptyColumn());
    if (times !== null) all.push(spansOf(times, bits));
    const sizes = all.map(({ values }) => values.length);
    const size = sizes.reduce((product, each) => product * each, 1);
    const addAt = (at: number, count: number) => {
      const key: number[] = [];
      for (let index = all.length - 1, rest = at; index >= 0; index -= 1) {
        const width = sizes[index] ?? 1;
        key.unshift(all[index]?.values[rest % width] ?? 0);
        rest = Math.floor(rest / width);
      }
      this.#add([...first, ...key], count);
    };
    if (size <= smallTable) {
      const counts = new Uint32Array(size);
      countInto(bits, all, sizes, (at) => {
        counts[at] = (counts[at] ?? 0) + 1;
      });
      for (const [at, count] of counts.entries()) if (count > 0) addAt(at, count);
      return;
    }
    const counts = new Map<number, number>();
    countInto(bits, all, sizes, (at) => counts.set(at, (counts.get(at) ?? 0) + 1));
    for (const [at, count] of counts) addAt(at, count);
  }
}

function countInto(bits: Bits, columns: readonly Column[], sizes: readonly number[], count: (at: number) => void): void {
  for (let index = 0; index < bits.length; index += 1) {
    for (let word = bits[index] ?? 0; word !== 0; word &= word - 1) {
      const ordinal = (index << 5) + 31 - Math.clz32(word & -word);
      let at = 0;
      for (let each = 0; each < columns.length; each += 1) at = at * (sizes[each] ?? 1) + (columns[each]?.places[ordinal] ?? 0);
      count(at);
    }
  }
}
