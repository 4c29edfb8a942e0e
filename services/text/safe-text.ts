/**
 * Strings of a dead process, made harmless for a terminal.
 *
 * Names, paths and reprs were chosen by whoever made the core: escape sequences, carriage returns and the characters that
 * turn the reading direction round are shown as escapes. Letters of every script stay as they are.
 */

/** C0, DEL, C1; zero-width and direction marks, line and paragraph separators, the byte order mark, tags; lone surrogates. */
// oxlint-disable-next-line eslint/no-control-regex -- these are what it is for
const unsafe = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|\p{Surrogate}/gu;

const short: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function escape(character: string): string {
  const point = character.codePointAt(0) ?? 0;
  if (point > 0xffff) return `\\U${point.toString(16).padStart(8, "0")}`;
  return short[character] ?? (point < 0x100 ? `\\x${point.toString(16).padStart(2, "0")}` : `\\u${point.toString(16).padStart(4, "0")}`);
}

export const safe = (text: string): string => text.replace(unsafe, escape);

/** Columns, near enough: one for each code point. */
export const columns = (text: string): number => Array.from(text).length;

/** At most `width` columns; what was left out is shown as `…`. */
export function cut(text: string, width: number): string {
  if (text.length <= width) return text;
  const points = Array.from(text.slice(0, width * 2));
  if (points.length <= width && text.length <= width * 2) return text;
  return `${points.slice(0, Math.max(0, width - 1)).join("")}…`;
}

/** Harmless and at most `width` columns. Nothing far beyond is even looked at. */
export const safeCut = (text: string, width: number): string => cut(safe(text.slice(0, width * 4)), width);
