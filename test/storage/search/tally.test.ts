import { array, assert, boolean, constantFrom, integer, property, record, tuple, uniqueArray } from "fast-check";
import { expect, test } from "vitest";
import { blockJobs, emptyBits, setBit } from "../../../services/storage/search/bit-block.ts";
import { type Column, decodeColumn, emptyColumn, encodeColumn } from "../../../services/storage/search/column-block.ts";
import { PairNumbers } from "../../../services/storage/search/pair-numbers.ts";
import { Tally } from "../../../services/storage/search/tally.ts";

test("pairs are numbered in the order in which they first come, however many and however alike", () => {
  const int = integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  assert(
    property(array(tuple(constantFrom(0, 1, 256, 65_536, -1), integer({ min: 0, max: 40 })), { maxLength: 400 }), array(tuple(int, int)), (alike, any) => {
      const numbers = new PairNumbers();
      const model = new Map<string, number>();
      for (const [first, second] of [...alike, ...any, ...alike]) {
        const name = `${first},${second}`;
        if (!model.has(name)) model.set(name, model.size);
        expect(numbers.numberOf(first, second)).toBe(model.get(name));
      }
      expect(numbers.size).toBe(model.size);
      for (const [name, number] of model) expect(`${numbers.first(number)},${numbers.second(number)}`).toBe(name);
    }),
  );
});

const hour = 3_600_000;
const spanOf = (milliseconds: number) => Math.floor(milliseconds / hour);
/** One job: its place in the block and its values, which are few so that combinations meet. */
const job = record({
  ordinal: integer({ min: 0, max: blockJobs - 1 }),
  values: array(integer({ min: 0, max: 4 }), { minLength: 3, maxLength: 3 }),
  time: integer({ min: 0, max: 9 * hour }),
});
/** By field: values that count as others. */
const standIns = [new Map([[2, 4]]), new Map(), new Map([[2, 3]])];
const block = uniqueArray(job, { selector: ({ ordinal }) => ordinal, maxLength: 60 });

function columnOf(jobs: readonly { readonly ordinal: number; readonly values: readonly number[] }[], field: number): Column | null {
  const places = new Uint16Array(blockJobs);
  const known = new Map([[0, 0]]);
  for (const { ordinal, values: own } of jobs) {
    const value = own[field] ?? 0;
    const place = known.get(value) ?? known.size;
    known.set(value, place);
    places[ordinal] = place;
  }
  const body = encodeColumn({ ...emptyColumn(), values: Uint32Array.from(known.keys()), places });
  return body === null ? null : decodeColumn(body);
}

test("a tally has the counts of looking at every job, by any number of fields and by spans, the largest first and the others together", () => {
  assert(
    property(array(block, { maxLength: 4 }), integer({ min: 1, max: 3 }), integer({ min: 1, max: 12 }), (blocks, fields, limit) => {
      const tally = new Tally({ fields, standIns, spanOf });
      const model = new Map<string, { count: number; spans: Map<number, number> }>();
      for (const [number, jobs] of blocks.entries()) {
        const base = number * 20 * hour;
        const bits = emptyBits();
        const offsets = new Uint32Array(blockJobs);
        for (const { ordinal, values, time } of jobs) {
          setBit(bits, ordinal, true);
          offsets[ordinal] = time;
          const name = values
            .slice(0, fields)
            .map((value, field) => standIns[field]?.get(value) ?? value)
            .join();
          const row = model.get(name) ?? { count: 0, spans: new Map<number, number>() };
          const span = spanOf(base + time);
          model.set(name, { count: row.count + 1, spans: row.spans.set(span, (row.spans.get(span) ?? 0) + 1) });
        }
        tally.addBlocks([{ bits, sets: null, columns: Array.from({ length: fields }, (_, field) => columnOf(jobs, field)), times: { base, offsets } }]);
      }
      const { shown, others } = tally.largest(limit);
      const whole = tally.largest(1_000);
      expect(new Map(whole.shown.map(({ key, count, spans }) => [key.join(), { count, spans }]))).toEqual(model);
      expect(whole.others).toEqual({ rows: 0, count: 0, spans: new Map() });
      expect(shown).toEqual(whole.shown.slice(0, limit));
      expect(shown.map(({ count }) => count)).toEqual(shown.map(({ count }) => count).toSorted((one, other) => other - one));
      const left = whole.shown.slice(limit);
      const sum = (counts: Iterable<number>) => [...counts].reduce((all, each) => all + each, 0);
      expect(others).toMatchObject({ rows: left.length, count: sum(left.map(({ count }) => count)) });
      for (const [span, count] of others.spans) expect(count).toBe(sum(left.map(({ spans }) => spans.get(span) ?? 0)));
      expect(sum(others.spans.values())).toBe(others.count);
      const spans = blocks.flatMap((jobs, number) => jobs.map(({ time }) => spanOf(number * 20 * hour + time)));
      expect(tally.spanBounds).toEqual(spans.length === 0 ? null : { first: Math.min(...spans), last: Math.max(...spans) });
    }),
  );
});

test("full blocks are counted as looking at every job counts them, however many values the fields come to have", () => {
  assert(
    property(integer(), constantFrom([40, 3], [900, 2], [1_500, 400], [3_000, 3_000]), constantFrom(1, 3), boolean(), (seed, widths, step, timed) => {
      const tally = new Tally({ fields: 2, standIns: [new Map([[7, 8]])], spanOf: timed ? spanOf : null });
      const model = new Map<string, { count: number; spans: Map<number, number> }>();
      for (let number = 0; number < 3; number += 1) {
        const bits = emptyBits();
        const base = number * 5 * hour;
        const offsets = new Uint32Array(blockJobs);
        const jobs = Array.from({ length: Math.floor(blockJobs / step) }, (_, at) => {
          const mixed = Math.imul(at + number * blockJobs + seed, 0x9e37_79b1) >>> 0;
          const values = widths.map((width, field) => (Math.floor(mixed / (field * 1_009 + 1)) % width) + number * (width >> 1));
          return { ordinal: at * step, values, time: mixed % (9 * hour) };
        });
        for (const { ordinal, values, time } of jobs) {
          setBit(bits, ordinal, true);
          offsets[ordinal] = time;
          const name = values.map((value, field) => (field === 0 && value === 7 ? 8 : value)).join();
          const row = model.get(name) ?? { count: 0, spans: new Map<number, number>() };
          const span = spanOf(base + time);
          model.set(name, { count: row.count + 1, spans: timed ? row.spans.set(span, (row.spans.get(span) ?? 0) + 1) : row.spans });
        }
        tally.addBlocks([{ bits, sets: null, columns: [columnOf(jobs, 0), columnOf(jobs, 1)], times: { base, offsets } }]);
      }
      const { shown, others } = tally.largest(20_000);
      expect(new Map(shown.map(({ key, count, spans }) => [key.join(), { count, spans }]))).toEqual(model);
      expect(others).toEqual({ rows: 0, count: 0, spans: new Map() });
    }),
    { numRuns: 16 },
  );
});

test("more combinations than are told apart are refused, not kept", () => {
  const tally = new Tally({ fields: 2, standIns: [], spanOf: null });
  const places = Uint16Array.from({ length: blockJobs }, (_, ordinal) => ordinal);
  const bits = emptyBits().fill(0xffff_ffff);
  const add = (first: number) => {
    const values = Uint32Array.from({ length: blockJobs }, (_, ordinal) => first * blockJobs + ordinal);
    const column = { values, places };
    tally.addBlocks([{ bits, sets: null, columns: [column, column], times: null }]);
  };
  for (let number = 0; number < 61; number += 1) add(number);
  expect(() => add(61)).toThrow("more than 250000 combinations");
});
