/** What the file system's errors mean for a request. The detail never holds a path. */
import { Failure } from "../contract/failure.ts";

function errorCode(error: unknown): string | null {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
}

const full = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);
const unavailable: Readonly<Record<string, string>> = {
  EROFS: "the store is read-only",
  EACCES: "the store may not be written",
  EPERM: "the store may not be written",
  EIO: "the store's disk reports an error",
  ENOENT: "the store's folder is gone",
  ENOTDIR: "the store's folder is not a folder",
  ELOOP: "the store holds a link where a file belongs",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
};

/** True when nothing is there; a link in a blob's place is nothing either. */
export function isMissing(error: unknown): boolean {
  const code = errorCode(error);
  return code === "ENOENT" || code === "ELOOP" || code === "ENOTDIR";
}

/** Errors of the file system as `store_full` or `store_unavailable`; anything else is passed on as it is. */
export function storageFailure(thrown: unknown): Error {
  const error = thrown instanceof Error ? thrown : new Error("something that is no Error was thrown", { cause: thrown });
  const code = errorCode(error);
  if (error instanceof Failure || code === null) return error;
  if (full.has(code)) return new Failure("store_full", "the disk of the store has no room left", { cause: error });
  const detail = unavailable[code];
  return detail === undefined ? error : new Failure("store_unavailable", detail, { cause: error, retryAfter: 30 });
}
