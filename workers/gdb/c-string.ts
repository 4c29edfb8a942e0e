/** C strings as GDB/MI writes and reads them. */
import { Failure } from "../../services/contract/failure.ts";

const quote = 0x22;
const backslash = 0x5c;

const simpleEscapes: ReadonlyMap<number, number> = new Map(
  Object.entries({ a: 7, b: 8, e: 27, f: 12, n: 10, r: 13, t: 9, v: 11 }).map(([name, byte]) => [name.charCodeAt(0), byte]),
);

const octal = (byte: number | undefined) => (byte !== undefined && byte >= 0x30 && byte <= 0x37 ? byte - 0x30 : -1);

/** The offset of the closing quote, or -1 when the string does not end. */
function closingQuote(line: Buffer, start: number): { end: number; escaped: boolean } {
  let escaped = false;
  let at = start;
  while (at < line.length) {
    const byte = line[at];
    if (byte === quote) return { end: at, escaped };
    if (byte === backslash) {
      escaped = true;
      at += 1;
    }
    at += 1;
  }
  return { end: -1, escaped };
}

/** Unescapes into bytes: an escape names one byte, and octal runs join into UTF-8 sequences. */
function unescape(line: Buffer, start: number, end: number): Buffer {
  const out = Buffer.allocUnsafe(end - start);
  let length = 0;
  let at = start;
  while (at < end) {
    let byte = line[at] ?? 0;
    at += 1;
    if (byte === backslash && at < end) {
      byte = line[at] ?? 0;
      at += 1;
      const first = octal(byte);
      if (first >= 0) {
        byte = first;
        for (let digits = 1; digits < 3 && at < end && octal(line[at]) >= 0; digits += 1) {
          byte = byte * 8 + octal(line[at]);
          at += 1;
        }
        byte &= 0xff;
      } else {
        byte = simpleEscapes.get(byte) ?? byte;
      }
    }
    out[length] = byte;
    length += 1;
  }
  return out.subarray(0, length);
}

/** Reads the string whose opening quote stands before `start`; `end` is the offset after its closing quote. */
export function readCString(line: Buffer, start: number, unterminated: () => Failure): { readonly text: string; readonly end: number } {
  const { end, escaped } = closingQuote(line, start);
  if (end < 0) throw unterminated();
  const text = escaped ? unescape(line, start, end).toString("utf8") : line.toString("utf8", start, end);
  return { text, end: end + 1 };
}

/**
 * Quotes one argument. Any MI line that does not begin with a command of ours is run as a CLI command, so what would end
 * the line (line feed, carriage return) or the argument (NUL) is refused, not escaped.
 */
export function quoteCString(text: string): string {
  if (/[\n\r\0]/.test(text)) throw new Failure("debugger_command", "an argument for gdb holds a line break or a NUL");
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}
