import { expect, test } from "vitest";
import { byteRange } from "../../../services/api/http/byte-range.ts";

test.each([
  [undefined, null],
  ["bytes=0-0", { start: 0, end: 0 }],
  ["bytes=10-", { start: 10, end: 99 }],
  ["bytes=-10", { start: 90, end: 99 }],
  ["bytes=-1000", { start: 0, end: 99 }],
  ["bytes=50-1000", { start: 50, end: 99 }],
  ["bytes=5-2", null],
  ["bytes=0-1,5-6", null],
  ["lines=0-1", null],
])("%j of 100 bytes", (header, expected) => expect(byteRange(header, 100)).toEqual(expected));

test.each(["bytes=100-", "bytes=-0", "bytes=1000-2000"])("%j of 100 bytes is refused", (header) => {
  expect(() => byteRange(header, 100)).toThrow(expect.objectContaining({ code: "range_not_satisfiable", status: 416 }));
});
