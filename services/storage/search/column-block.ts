/**
 * One value, the id of a term, for each job of a block; 0 where a job has none.
 *
 * Stored as the values that occur, and for each job the place of its value among them: in one or two bytes up to the last
 * job that has one, or as pairs of job and place when few have one. Little-endian; the first word is 4 × the number of
 * values + the form.
 */
import { aligned, blockJobs } from "./bit-block.ts";

export interface Column {
  /** The values that occur; the first one is 0. */
  readonly values: Uint32Array;
  /** For each job of the block, where in `values` its own is. */
  readonly places: Uint8Array | Uint16Array;
}

const inBytes = 0;
const inShorts = 1;
const inPairs = 2;

export const emptyColumn = (): Column => ({ values: new Uint32Array(1), places: new Uint8Array(blockJobs) });

export function decodeColumn(bytes: Uint8Array): Column {
  const buffer = aligned(bytes);
  const head = new Uint32Array(buffer, 0, 1)[0] ?? 0;
  const count = head >>> 2;
  const values = new Uint32Array(buffer, 4, count);
  const start = 4 + 4 * count;
  if ((head & 3) === inBytes) {
    if (buffer.byteLength === start + blockJobs) return { values, places: new Uint8Array(buffer, start) };
    const places = new Uint8Array(blockJobs);
    places.set(new Uint8Array(buffer, start));
    return { values, places };
  }
  const stored = new Uint16Array(buffer, start);
  if ((head & 3) === inShorts && stored.length === blockJobs) return { values, places: stored };
  const places = new Uint16Array(blockJobs);
  if ((head & 3) === inShorts) places.set(stored);
  else for (let index = 0; index < stored.length; index += 2) places[stored[index] ?? 0] = stored[index + 1] ?? 0;
  return { values, places };
}

const joined = (form: number, values: readonly number[], places: Uint8Array | Uint16Array): Uint8Array => {
  const result = new Uint8Array(4 + 4 * values.length + places.byteLength);
  const head = Uint32Array.of(4 * values.length + form, ...values);
  result.set(new Uint8Array(head.buffer));
  result.set(new Uint8Array(places.buffer, places.byteOffset, places.byteLength), head.byteLength);
  return result;
};

/** The column with another value for one job; null when no job has a value any more. */
export function withValue({ values, places }: Column, ordinal: number, value: number): Uint8Array | null {
  const all = [...values];
  let place = all.indexOf(value);
  if (place === -1) place = all.push(value) - 1;
  const changed = Uint16Array.from(places);
  changed[ordinal] = place;
  return encodeColumn({ values: Uint32Array.from(all), places: changed });
}

/** Values that no job has any more are left out; null when none is left. */
export function encodeColumn({ values, places }: Column): Uint8Array | null {
  const counts = new Uint32Array(values.length);
  let length = 0;
  for (let ordinal = 0; ordinal < places.length; ordinal += 1) {
    const place = places[ordinal] ?? 0;
    counts[place] = (counts[place] ?? 0) + 1;
    if (place !== 0) length = ordinal + 1;
  }
  if (length === 0) return null;
  const moved = new Uint16Array(values.length);
  const kept = [0];
  for (let place = 1; place < values.length; place += 1) if ((counts[place] ?? 0) > 0) moved[place] = kept.push(values[place] ?? 0) - 1;
  const used = places.length - (counts[0] ?? 0);
  const width = kept.length <= 256 ? 1 : 2;
  if (used * 4 < length * width) {
    const pairs = new Uint16Array(used * 2);
    for (let ordinal = 0, at = 0; ordinal < length; ordinal += 1) {
      const place = places[ordinal] ?? 0;
      if (place === 0) continue;
      pairs[at] = ordinal;
      pairs[at + 1] = moved[place] ?? 0;
      at += 2;
    }
    return joined(inPairs, kept, pairs);
  }
  const stored = width === 1 ? new Uint8Array(length) : new Uint16Array(length);
  for (let ordinal = 0; ordinal < length; ordinal += 1) stored[ordinal] = moved[places[ordinal] ?? 0] ?? 0;
  return joined(width === 1 ? inBytes : inShorts, kept, stored);
}

/** Milliseconds after the block's base for each job; `gone` where a job was taken out. */
export type Times = Uint32Array<ArrayBuffer>;
export const gone = 0xffff_ffff;

export const decodeTimes = (bytes: Uint8Array): Times => new Uint32Array(aligned(bytes));
export const encodeTimes = (times: Times): Uint8Array => new Uint8Array(times.buffer, times.byteOffset, times.byteLength);
