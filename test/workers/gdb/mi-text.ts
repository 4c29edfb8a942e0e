/** Records written as gdb writes them, for round trips through the parser. */
import * as fc from "fast-check";
import type { MiRecord, MiTuple, MiValue } from "../../../workers/gdb/mi-parser.ts";

/** As gdb's `printchar` does: printable ASCII as it is, the rest as escapes of its bytes. */
export function writeString(text: string): string {
  const simple: Readonly<Record<number, string>> = { 7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 27: "\\033", 34: '\\"', 92: "\\\\" };
  const escape = (byte: number) => simple[byte] ?? (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, "0")}`);
  return `"${[...Buffer.from(text)].map(escape).join("")}"`;
}

function writeValue(value: MiValue): string {
  if (typeof value === "string") return writeString(value);
  if (isList(value)) return `[${value.map(writeValue).join(",")}]`;
  return `{${writeResults(value)}}`;
}

function isList(value: MiValue): value is readonly MiValue[] {
  return Array.isArray(value);
}

function writeResults(tuple: MiTuple): string {
  return Object.entries(tuple)
    .map(([key, value]) => `${key}=${writeValue(value)}`)
    .join(",");
}

const asyncMarks = { exec: "*", status: "+", notify: "=" };
const streamMarks = { console: "~", target: "@", log: "&" };

export function writeRecord(record: MiRecord): string {
  switch (record.kind) {
    case "prompt":
      return "(gdb) ";
    case "raw":
      return record.text;
    case "stream":
      return streamMarks[record.of] + writeString(record.text);
    case "result":
    case "async": {
      const results = writeResults(record.results);
      const mark = record.kind === "result" ? "^" : asyncMarks[record.of];
      return `${record.token ?? ""}${mark}${record.class}${results === "" ? "" : `,${results}`}`;
    }
    default:
      return record satisfies never;
  }
}

const word = fc.stringMatching(/^[a-z][a-z0-9_-]{0,12}$/);
const text = fc.string({ unit: "grapheme", maxLength: 40 });

const { value } = fc.letrec<{ value: MiValue; tuple: MiTuple; list: MiValue[] }>((tie) => ({
  value: fc.oneof({ maxDepth: 5, depthSize: "small" }, text, tie("tuple"), tie("list")),
  tuple: fc.dictionary(word, tie("value"), { maxKeys: 5, noNullPrototype: false }),
  list: fc.array(tie("value"), { maxLength: 5 }),
}));

const results = fc.dictionary(word, value, { maxKeys: 5 });
const token = fc.option(fc.nat(1_000_000_000));

export const anyRecord: fc.Arbitrary<MiRecord> = fc.oneof(
  fc.record({ kind: fc.constant("result" as const), token, class: word, results }),
  fc.record({ kind: fc.constant("async" as const), token, of: fc.constantFrom("exec" as const, "status" as const, "notify" as const), class: word, results }),
  fc.record({ kind: fc.constant("stream" as const), of: fc.constantFrom("console" as const, "target" as const, "log" as const), text }),
);
