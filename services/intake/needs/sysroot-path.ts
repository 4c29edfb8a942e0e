/**
 * Where a path of the crashed machine lands in the sysroot.
 *
 * The paths come from the core, so from an attacker: what is returned is relative, canonical and never climbs.
 */
import { posix } from "node:path";

/** NAME_MAX and PATH_MAX of Linux; a path beyond them cannot have been mapped. */
const longestName = 255;
const longestPath = 4_096;

/** Relative to the sysroot, without `.`, `..` or empty parts; null for a path that no file can have. */
export function sysrootPath(path: string): string | null {
  if (path.includes("\0") || Buffer.byteLength(path) >= longestPath) return null;
  // `/..` is `/`, as for the kernel: normalising an absolute path never leaves the root.
  const relative = posix.normalize(`/${path}`).slice(1);
  const parts = relative.split("/").filter((part) => part !== "");
  if (parts.length === 0 || parts.some((part) => part === ".." || Buffer.byteLength(part) > longestName)) return null;
  return parts.join("/");
}

/** The last part of a path; empty for one that ends in `/`. */
export const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
