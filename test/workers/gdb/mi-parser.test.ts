import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Failure } from "../../../services/contract/failure.ts";
import { type MiRecord, parseRecord } from "../../../workers/gdb/mi-parser.ts";
import { anyRecord, writeRecord } from "./mi-text.ts";

const parse = (line: string) => parseRecord(Buffer.from(line));
/** Plain objects, so that the parser's prototype-less tuples compare equal. */
const plain = (record: MiRecord): unknown => JSON.parse(JSON.stringify(record));

/** What came of a line: a record's kind, or the code of a typed failure; anything else is thrown on. */
function outcome(line: Buffer): string {
  try {
    return parseRecord(line).kind;
  } catch (error) {
    if (error instanceof Failure) return error.code;
    throw error;
  }
}

const outcomes = /^(result|async|stream|prompt|raw|debugger_protocol)$/;

describe("properties", () => {
  test("what gdb writes is read back", () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        expect(plain(parse(writeRecord(record)))).toEqual(plain(record));
      }),
      { numRuns: 500 },
    );
  });

  test("a record cut anywhere ends, with a record or a typed failure", () => {
    fc.assert(
      fc.property(anyRecord, fc.nat(), (record, place) => {
        const line = Buffer.from(writeRecord(record));
        expect(outcome(line.subarray(0, place % (line.length + 1)))).toMatch(outcomes);
      }),
      { numRuns: 500 },
    );
  });

  test("a record with overwritten bytes ends, with a record or a typed failure", () => {
    const change = fc.tuple(fc.nat(), fc.constantFrom(...'{}[]"\\,=^*~&@()0\0\xff'.split("")));
    fc.assert(
      fc.property(anyRecord, fc.array(change, { minLength: 1, maxLength: 6 }), (record, changes) => {
        const line = Buffer.from(writeRecord(record));
        for (const [place, character] of changes) line.write(character, place % line.length, "latin1");
        expect(outcome(line)).toMatch(outcomes);
      }),
      { numRuns: 500 },
    );
  });

  test("arbitrary bytes end, with a record or a typed failure", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(outcome(Buffer.from(bytes))).toMatch(outcomes);
      }),
    );
  });
});

test("reads every escape", () => {
  expect(parse(String.raw`~"\a\b\e\f\n\r\t\v\"\\\7\101\0z"`)).toEqual({ kind: "stream", of: "console", text: '\x07\b\x1b\f\n\r\t\v"\\\x07A\0z' });
});

test("joins octal runs into UTF-8", () => {
  expect(parse(String.raw`~"na\303\257ve \360\237\220\215"`)).toMatchObject({ text: "naïve 🐍" });
});

test("collects the values of a repeated key", () => {
  const record = parse('1^done,thread-ids={thread-id="1",thread-id="2",thread-id="3"},x=["a"],x=["b"]');
  expect(plain(record)).toMatchObject({ results: { "thread-ids": { "thread-id": ["1", "2", "3"] }, x: [["a"], ["b"]] } });
});

test("reads a list of results as a list of tuples", () => {
  expect(plain(parse('^done,stack=[frame={level="0"},frame={level="1"}]'))).toMatchObject({
    results: { stack: [{ frame: { level: "0" } }, { frame: { level: "1" } }] },
  });
});

test("keeps names that JavaScript knows as plain data", () => {
  const record = parse('^done,__proto__={a="1"},constructor="x"');
  expect(record.kind === "result" && Object.keys(record.results)).toEqual(["__proto__", "constructor"]);
  expect(Object.hasOwn(Object.prototype, "a")).toBe(false);
});

test.each(["(gdb)", "(gdb) "])("reads the prompt %j", (line) => {
  expect(parse(line)).toEqual({ kind: "prompt" });
});

test.each(["", "hello", "12", "12 hello", "(gdbx)", "~hello"])("takes %j for what was written past gdb's streams", (line) => {
  expect(parse(line)).toEqual({ kind: "raw", text: line });
});

test.each(['^done,a="1', "^done,a=", "^done,a={", '^done,a={b="1"', "^done,a=[", '^done,a=["1"', "^", "^done,", '^done,a="1"x', '~"a"b', '^done,a={b="1"]'])(
  "refuses the malformed record %j",
  (line) => {
    expect(() => parse(line)).toThrow(expect.objectContaining({ code: "debugger_protocol" }));
  },
);

test("refuses nesting that no debugger needs, of either kind", () => {
  expect(() => parse(`^done,a=${"[".repeat(100_000)}`)).toThrow(Failure);
  expect(() => parse(`^done,${"a={".repeat(100_000)}`)).toThrow(Failure);
});

test("reads a string of 20 MB with escapes throughout", () => {
  const line = Buffer.from(`1^done,json="${String.raw`{\"a\":1},`.repeat(2_000_000)}"`);
  const record = parseRecord(line);
  expect(record.kind === "result" && record.results["json"]?.length).toBe(8 * 2_000_000);
});
