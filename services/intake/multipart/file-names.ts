/** The file name that a client gives: for showing and matching, never for opening. */
const LONGEST_NAME = 255;

/**
 * The last component of what a part or a query gives, without control characters, at most 255 characters. Null when
 * nothing is left. Browsers write `%22`, `%0D` and `%0A` for what a quoted string cannot hold.
 */
export function cleanFileName(text: string | null): string | null {
  if (text === null) return null;
  const last = text.split(/[/\\]/).at(-1) ?? "";
  const clean = last
    .replace(/%22/g, '"')
    .replace(/%0[da]/gi, " ")
    .replace(/\p{Cc}|\p{Bidi_Control}/gu, "")
    .trim();
  return clean === "" || clean === "." || clean === ".." ? null : clean.slice(0, LONGEST_NAME).toWellFormed();
}

const LONGEST_PATH = 4096;

/** The path on the sender's machine, where the file name is an absolute one. */
export function cleanPath(text: string | null): string | null {
  if (text === null || !text.startsWith("/") || text.length >= LONGEST_PATH || /\p{Cc}/u.test(text)) return null;
  return text.toWellFormed();
}
