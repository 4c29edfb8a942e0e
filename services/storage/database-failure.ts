/** Which of a database's errors are the infrastructure's: those become failures with a code, all others pass as they are. */
import { Failure } from "../contract/failure.ts";

const field = (error: unknown, name: string): unknown => (typeof error === "object" && error !== null ? Reflect.get(error, name) : undefined);

/** Primary result codes of SQLite that are no defect of a query (sqlite.org/rescode.html). */
const sqliteUnavailable = new Map([
  [3, "permission denied"],
  [5, "it stayed locked by another process"],
  [6, "it stayed locked"],
  [8, "it is read-only"],
  [10, "the disk gave an input/output error"],
  [11, "the file is damaged"],
  [14, "the file cannot be opened"],
  [26, "the file is no SQLite database"],
]);

/** What open(2) and mkdir(2) say of a path that leads nowhere. */
const cannotBeOpened = new Set(["ENOENT", "EACCES", "EPERM", "EROFS", "EISDIR", "ENOTDIR", "EEXIST", "ELOOP", "ENAMETOOLONG"]);

/** SQLITE_BUSY and SQLITE_LOCKED. */
export function isBusy(error: unknown): boolean {
  const result = field(error, "errcode");
  return typeof result === "number" && [5, 6].includes(result & 0xff);
}

export function sqliteFailure(error: unknown): unknown {
  if (error instanceof Failure) return error;
  const system = field(error, "code");
  if (system === "ENOSPC") return new Failure("store_full", "The database cannot grow: the disk is full.", { cause: error });
  if (typeof system === "string" && cannotBeOpened.has(system)) {
    return new Failure("database_unavailable", "The database file cannot be opened.", { cause: error });
  }
  const result = field(error, "errcode");
  if (typeof result !== "number") return error;
  const primary = result & 0xff;
  if (primary === 13) return new Failure("store_full", "The database cannot grow: the disk is full.", { cause: error });
  const reason = sqliteUnavailable.get(primary);
  return reason === undefined ? error : new Failure("database_unavailable", `The database cannot be used: ${reason}.`, { cause: error, retryAfter: 5 });
}

/** Classes of SQLSTATE: 08 connection, 53 resources, 57 operator's intervention, 58 system, 25006 read-only, 28 authorisation, 3D no such database. */
export function postgresFailure(error: unknown): unknown {
  if (error instanceof Failure) return error;
  const code = field(error, "code");
  if (code === "53100") return new Failure("store_full", "The database cannot grow: its disk is full.", { cause: error });
  // serialization_failure, deadlock_detected: nothing of the transaction stays, and the next try meets another moment.
  if (code === "40001" || code === "40P01")
    return new Failure("database_unavailable", "The database gave this change up for another that it met.", { cause: error, retryAfter: 1 });
  const message = error instanceof Error ? error.message : "";
  const state = typeof code === "string" && /^(08|28|3D|53|57|58)|^25006$/.test(code);
  const socket = typeof code === "string" && /^(ECONN|EPIPE|ENOENT|ENOTFOUND|EAI_|ETIMEDOUT|EHOST|ENET)/.test(code);
  const gone = /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Query read timeout)/.test(message);
  if (!state && !socket && !gone) return error;
  return new Failure("database_unavailable", "The database does not answer.", { cause: error, retryAfter: 5 });
}
