import { array, assert, integer, oneof, property, tuple, uniqueArray } from "fast-check";
import { expect, test } from "vitest";
import { blockJobs, countBits, decodeBits, emptyBits, encodeBits, ordinalsOf, setBit } from "../../../services/storage/search/bit-block.ts";
import { decodeColumn, emptyColumn, withValue } from "../../../services/storage/search/column-block.ts";

const ordinal = integer({ min: 0, max: blockJobs - 1 });

test("a set of jobs is read back as it was stored, small or large, and never takes more than a bit a job", () => {
  assert(
    property(uniqueArray(ordinal, { maxLength: 1_000 }), integer({ min: 0, max: 7 }), (members, offset) => {
      const bits = emptyBits();
      for (const member of members) setBit(bits, member, true);
      const encoded = encodeBits(bits) ?? new Uint8Array();
      expect(encoded.length).toBe(Math.min(members.length * 2, blockJobs / 8));
      // A database may hand over bytes from the middle of a buffer.
      const shifted = new Uint8Array(encoded.length + 8);
      shifted.set(encoded, offset);
      const decoded = decodeBits(shifted.subarray(offset, offset + encoded.length));
      expect([...ordinalsOf(decoded)]).toEqual(members.toSorted((one, other) => one - other));
      expect(countBits(decoded)).toBe(members.length);
    }),
  );
});

test("a column holds each job's last value, whatever was set and taken away before", () => {
  assert(
    property(array(tuple(ordinal, oneof(integer({ min: 0, max: 3 }), integer({ min: 0, max: 2 ** 31 - 1 }))), { maxLength: 400 }), (changes) => {
      const wanted = new Map<number, number>();
      let stored: Uint8Array | null = null;
      for (const [at, value] of changes) {
        wanted.set(at, value);
        stored = withValue(stored === null ? emptyColumn() : decodeColumn(stored), at, value);
      }
      expect(stored === null).toBe([...wanted.values()].every((value) => value === 0));
      const { values, places } = decodeColumn(stored ?? new Uint8Array(4));
      const found = [...places].flatMap((place, at) => (place === 0 ? [] : [[at, values[place]]]));
      expect(found).toEqual([...wanted].filter(([, value]) => value !== 0).toSorted(([one], [other]) => one - other));
    }),
    { numRuns: 30 },
  );
});

test("a column of more than 256 values and one of few jobs are read back alike", () => {
  for (const step of [1, 100]) {
    let stored: Uint8Array | null = null;
    for (let at = 0; at < blockJobs; at += 5 * step) stored = withValue(stored === null ? emptyColumn() : decodeColumn(stored), at, at + 7);
    const { values, places } = decodeColumn(stored ?? new Uint8Array(4));
    for (let at = 0; at < blockJobs; at += 1) expect(values[places[at] ?? 0]).toBe(at % (5 * step) === 0 ? at + 7 : 0);
  }
});
