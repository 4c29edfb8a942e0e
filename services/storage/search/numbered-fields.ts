/** The values of a block's jobs as numbers: those of a column, and the spans of time that they lie in. */
import { blockJobs } from "./bit-block.ts";
import { type Column, gone, type Times } from "./column-block.ts";
import type { BlockJobs, NumberedField } from "./combinations.ts";
import type { ValueNumbers } from "./value-numbers.ts";

const noPlaces = new Uint8Array(blockJobs);

/** All jobs have this value. */
export const constant = (values: ValueNumbers, value: number): NumberedField => ({ places: noPlaces, numbers: Int32Array.of(values.numberOf(value)) });

/**
 * A block's values are numbered once, not those of each job; where it has more values than there are jobs, those of the jobs alone.
 * `room`: for as many numbers as the column has values.
 */
export function numberedColumn({ places, values: own }: Column, values: ValueNumbers, { ordinals, count }: BlockJobs, room: Int32Array): NumberedField {
  if (count >= own.length) for (let place = 0; place < own.length; place += 1) room[place] = values.numberOf(own[place] ?? 0);
  else
    for (let at = 0; at < count; at += 1) {
      const place = places[ordinals[at] ?? 0] ?? 0;
      room[place] = values.numberOf(own[place] ?? 0);
    }
  return { places, numbers: room };
}

export interface BlockTimes {
  readonly base: number;
  readonly offsets: Times;
}

/** Spans have places from the block's first one on. */
export function numberedTimes(
  { base, offsets }: BlockTimes,
  spanOf: (milliseconds: number) => number,
  values: ValueNumbers,
  { ordinals, count }: BlockJobs,
): NumberedField {
  let [earliest, latest] = [gone, 0];
  for (let at = 0; at < count; at += 1) {
    const offset = offsets[ordinals[at] ?? 0] ?? gone;
    if (offset < earliest) earliest = offset;
    if (offset > latest) latest = offset;
  }
  const first = spanOf(base + earliest);
  const numbers = Int32Array.from({ length: spanOf(base + latest) - first + 1 }, (_, place) => values.numberOf(first + place));
  if (numbers.length === 1) return { places: noPlaces, numbers };
  const places = new Uint16Array(blockJobs);
  for (let at = 0; at < count; at += 1) {
    const ordinal = ordinals[at] ?? 0;
    places[ordinal] = spanOf(base + (offsets[ordinal] ?? gone)) - first;
  }
  return { places, numbers };
}
