import { expect, test } from "vitest";
import * as fc from "fast-check";
import { Failure } from "../../../services/contract/failure.ts";
import { LineSplitter } from "../../../workers/gdb/lines.ts";

/** Cuts `bytes` at the given places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [0, ...places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return sorted.slice(1).map((end, index) => bytes.subarray(sorted[index], end));
}

test("where chunks are cut never matters", () => {
  const lines = fc.array(
    fc.string({ unit: "grapheme", maxLength: 12 }).map((text) => text.replace(/[\r\n]/g, "é")),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(lines, fc.array(fc.nat(10_000), { maxLength: 8 }), (texts, places) => {
      const bytes = Buffer.from(texts.map((text) => `${text}\n`).join(""));
      const splitter = new LineSplitter(1 << 20);
      const got = cut(bytes, places).flatMap((chunk) => splitter.push(chunk));
      expect(got.map((line) => line.toString())).toEqual(texts);
      expect(splitter.rest().length).toBe(0);
    }),
  );
});

test("keeps a piece of a line although the stream reuses its buffer", () => {
  const splitter = new LineSplitter(100);
  const shared = Buffer.from("hello");
  expect(splitter.push(shared)).toEqual([]);
  shared.fill("x");
  expect(splitter.push(Buffer.from(" there\n")).map(String)).toEqual(["hello there"]);
});

test("takes the carriage return off and leaves others alone", () => {
  expect(new LineSplitter(100).push(Buffer.from("a\r\nb\rc\n")).map(String)).toEqual(["a", "b\rc"]);
});

test("passes a line of 40 MB that comes in small chunks", () => {
  const splitter = new LineSplitter(64 << 20);
  const chunk = Buffer.alloc(1 << 16, "a");
  for (let count = 0; count < 640; count += 1) expect(splitter.push(chunk)).toEqual([]);
  expect(splitter.push(Buffer.from("\n"))[0]?.length).toBe(640 * chunk.length);
});

test("gives up a line that passes the cap", () => {
  const splitter = new LineSplitter(10);
  expect(splitter.push(Buffer.from("0123456789\n"))).toHaveLength(1);
  expect(() => splitter.push(Buffer.from("0123456789a"))).toThrow(Failure);
});

test("hands out what stands after the last line end", () => {
  const splitter = new LineSplitter(100);
  splitter.push(Buffer.from("a\nrest"));
  expect(splitter.rest().toString()).toBe("rest");
});
