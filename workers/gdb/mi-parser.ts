/**
 * Layer 2: a line of GDB/MI to a record. Pure.
 *
 * The grammar is in gdb's manual, "GDB/MI Output Syntax". Beyond it: keys may repeat inside one tuple
 * (`thread-ids={thread-id="1",thread-id="2"}`), their values are then collected in a list; a list of results
 * (`[frame={…},frame={…}]`) is read as a list of tuples with one key each. Strings are C strings whose octal escapes are
 * bytes, so they are unescaped first and decoded as UTF-8 then. A line that begins no record (something wrote past gdb's
 * own streams) is `raw`. Truncated or malformed records throw `debugger_protocol` with an offset, never with content.
 */
import { Failure } from "../../services/contract/failure.ts";
import { readCString } from "./c-string.ts";

export type MiValue = string | MiTuple | readonly MiValue[];
export interface MiTuple {
  readonly [key: string]: MiValue;
}

export type MiRecord =
  | { readonly kind: "result"; readonly token: number | null; readonly class: string; readonly results: MiTuple }
  | { readonly kind: "async"; readonly token: number | null; readonly of: "exec" | "status" | "notify"; readonly class: string; readonly results: MiTuple }
  | { readonly kind: "stream"; readonly of: "console" | "target" | "log"; readonly text: string }
  | { readonly kind: "prompt" }
  | { readonly kind: "raw"; readonly text: string };

const maxDepth = 200;
const maxRaw = 1_000;

const code = (character: string) => character.charCodeAt(0);
const quote = code('"');
const comma = code(",");
const equals = code("=");
const openBrace = code("{");
const closeBrace = code("}");
const openBracket = code("[");
const closeBracket = code("]");

const asyncKinds: Readonly<Record<string, "exec" | "status" | "notify">> = { "*": "exec", "+": "status", "=": "notify" };
const streamKinds: Readonly<Record<string, "console" | "target" | "log">> = { "~": "console", "@": "target", "&": "log" };

function malformed(offset: number, wanted: string): Failure {
  return new Failure("debugger_protocol", `a record of gdb's breaks the MI grammar at byte ${offset}: ${wanted} expected`);
}

/** A cursor over one line. Every method either moves it forward or throws. */
class Cursor {
  readonly line: Buffer;
  at: number;

  constructor(line: Buffer, at: number) {
    this.line = line;
    this.at = at;
  }

  get byte(): number | undefined {
    return this.line[this.at];
  }

  get done(): boolean {
    return this.at >= this.line.length;
  }

  take(byte: number): boolean {
    if (this.byte !== byte) return false;
    this.at += 1;
    return true;
  }

  /** A variable or class name: letters, digits, `-`, `_` and what else gdb uses, up to a delimiter. */
  word(): string {
    const start = this.at;
    while (!this.done && isWordByte(this.byte)) this.at += 1;
    if (this.at === start) throw malformed(start, "a name");
    return this.line.toString("latin1", start, this.at);
  }

  string(): string {
    const { text, end } = readCString(this.line, this.at, () => malformed(this.line.length, "the end of a string"));
    this.at = end;
    return text;
  }
}

function isWordByte(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  if (byte <= 0x20 || byte >= 0x7f) return false;
  return byte !== equals && byte !== comma && byte !== quote && byte !== openBrace && byte !== closeBrace && byte !== openBracket && byte !== closeBracket;
}

/** Collects results; the second value of a key turns it into a list of its values. */
class TupleBuilder {
  readonly tuple: Record<string, MiValue> = Object.create(null);
  readonly #repeated = new Map<string, MiValue[]>();

  add(key: string, value: MiValue): void {
    const values = this.#repeated.get(key);
    const first = this.tuple[key];
    if (values !== undefined) {
      values.push(value);
    } else if (first !== undefined) {
      const both = [first, value];
      this.#repeated.set(key, both);
      this.tuple[key] = both;
    } else {
      this.tuple[key] = value;
    }
  }
}

function readResult(cursor: Cursor, into: TupleBuilder, depth: number): void {
  const key = cursor.word();
  if (!cursor.take(equals)) throw malformed(cursor.at, "=");
  into.add(key, readValue(cursor, depth));
}

function readTuple(cursor: Cursor, depth: number): MiTuple {
  const builder = new TupleBuilder();
  if (cursor.take(closeBrace)) return builder.tuple;
  do readResult(cursor, builder, depth);
  while (cursor.take(comma));
  if (!cursor.take(closeBrace)) throw malformed(cursor.at, "}");
  return builder.tuple;
}

function readListItem(cursor: Cursor, depth: number): MiValue {
  if (!isWordByte(cursor.byte)) return readValue(cursor, depth);
  const builder = new TupleBuilder();
  readResult(cursor, builder, depth);
  return builder.tuple;
}

function readList(cursor: Cursor, depth: number): MiValue[] {
  const items: MiValue[] = [];
  if (cursor.take(closeBracket)) return items;
  do items.push(readListItem(cursor, depth));
  while (cursor.take(comma));
  if (!cursor.take(closeBracket)) throw malformed(cursor.at, "]");
  return items;
}

function readValue(cursor: Cursor, depth: number): MiValue {
  if (depth >= maxDepth) throw malformed(cursor.at, `nesting of less than ${maxDepth}`);
  if (cursor.take(openBrace)) return readTuple(cursor, depth + 1);
  if (cursor.take(openBracket)) return readList(cursor, depth + 1);
  if (cursor.take(quote)) return cursor.string();
  throw malformed(cursor.at, "a value");
}

function readResults(cursor: Cursor): MiTuple {
  const builder = new TupleBuilder();
  while (cursor.take(comma)) readResult(cursor, builder, 0);
  if (!cursor.done) throw malformed(cursor.at, "the end of the record");
  return builder.tuple;
}

/** Reads one line, without its line end. Throws `debugger_protocol` and nothing else. */
export function parseRecord(line: Buffer): MiRecord {
  const raw = (): MiRecord => ({ kind: "raw", text: line.toString("utf8", 0, maxRaw) });
  let digits = 0;
  while (digits < 16 && (line[digits] ?? 0) >= 0x30 && (line[digits] ?? 0) <= 0x39) digits += 1;
  const token = digits === 0 ? null : Number(line.toString("latin1", 0, digits));
  const mark = line.toString("latin1", digits, digits + 1);
  const cursor = new Cursor(line, digits + 1);
  if (mark === "^") return { kind: "result", token, class: cursor.word(), results: readResults(cursor) };
  const asyncKind = asyncKinds[mark];
  if (asyncKind !== undefined) return { kind: "async", token, of: asyncKind, class: cursor.word(), results: readResults(cursor) };
  if (token !== null) return raw();
  const streamKind = streamKinds[mark];
  if (streamKind !== undefined && cursor.take(quote)) {
    const text = cursor.string();
    if (!cursor.done) throw malformed(cursor.at, "the end of the record");
    return { kind: "stream", of: streamKind, text };
  }
  return mark === "(" && line.toString("latin1", 0, 7).trimEnd() === "(gdb)" ? { kind: "prompt" } : raw();
}
