/** Texts from cores, reports and users, made fit for indexed columns. The same text always gives the same form, so equality survives. */
import { createHash } from "node:crypto";

/** PostgreSQL's texts hold no NUL, and neither database's hold half a surrogate pair. */
export const storable = (text: string): string => text.toWellFormed().replaceAll("\0", "�");

const longest = 200;

/** An index entry has a largest size (a third of a page on PostgreSQL), and C++ names have none: long texts end in their digest. */
export function indexable(text: string): string {
  const clean = storable(text);
  if (clean.length <= longest) return clean;
  return `${clean.slice(0, longest - 68)}…#${createHash("sha256").update(clean).digest("hex")}`;
}

/** The last segment of a path. */
export const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
