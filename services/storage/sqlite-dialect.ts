/**
 * Kysely's SQLite dialect over `node:sqlite`.
 *
 * Kysely's own driver does the work; three things differ here. Transactions begin `immediate`: a deferred one that reads
 * first and writes later fails at once when another process wrote between. Migrations run in one such transaction, so that
 * several processes may start together. Errors come out as failures with a code.
 */
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Kysely,
  SqliteAdapter,
  type SqliteDatabase,
  SqliteDriver,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type SqliteStatement,
} from "kysely";
import { isBusy, sqliteFailure } from "./database-failure.ts";

const busyMilliseconds = 5_000;

/** Statements that are kept prepared: to prepare one costs more than most take to run, and a job comes to be by some forty. */
const mostPrepared = 400;

function coded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw sqliteFailure(error);
  }
}

function toInput(value: unknown): SQLInputValue {
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "bigint" || value instanceof Uint8Array) return value;
  throw new TypeError(`SQLite takes no ${typeof value}`);
}

/** What Kysely's driver expects of better-sqlite3, on top of `DatabaseSync`. */
class SqliteConnectionAdapter implements SqliteDatabase {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, SqliteStatement>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  get inTransaction(): boolean {
    return this.#database.isTransaction;
  }

  close(): void {
    this.#prepared.clear();
    this.#database.close();
  }

  prepare(sql: string): SqliteStatement {
    // Taken out and put back, so that the one that was used the longest time ago is the first.
    const known = this.#prepared.get(sql);
    this.#prepared.delete(sql);
    const prepared = known ?? this.#prepareAnew(sql);
    this.#prepared.set(sql, prepared);
    const [oldest] = this.#prepared.keys();
    if (this.#prepared.size > mostPrepared && oldest !== undefined) this.#prepared.delete(oldest);
    return prepared;
  }

  #prepareAnew(sql: string): SqliteStatement {
    const statement = coded(() => this.#database.prepare(sql));
    const values = (parameters: readonly unknown[]) => parameters.map(toInput);
    return {
      reader: statement.columns().length > 0,
      all: (parameters) => coded(() => statement.all(...values(parameters))),
      run: (parameters) => coded(() => statement.run(...values(parameters))),
      // A statement of its own: whoever iterates may be between two rows when the same text is run again.
      iterate: (parameters) => coded(() => this.#database.prepare(sql).iterate(...values(parameters))),
    };
  }
}

class NodeSqliteDriver extends SqliteDriver {
  readonly #database: SqliteConnectionAdapter;

  constructor(database: SqliteConnectionAdapter) {
    super({ database });
    this.#database = database;
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("begin immediate"));
  }

  /** SQLite rolls back by itself after some errors (a full disk); a second rollback would hide the first error. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#database.inTransaction) await super.rollbackTransaction(connection);
  }
}

class NodeSqliteAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

export class NodeSqliteDialect implements Dialect {
  readonly #database: SqliteConnectionAdapter;

  constructor(database: DatabaseSync) {
    this.#database = new SqliteConnectionAdapter(database);
  }

  createDriver = () => new NodeSqliteDriver(this.#database);
  createQueryCompiler = () => new SqliteQueryCompiler();
  createAdapter = () => new NodeSqliteAdapter();
  createIntrospector = (query: Kysely<unknown>) => new SqliteIntrospector(query);
}

/** SQLite does not wait for its lock when the journal mode changes, so processes that start together try again here. */
async function useWriteAheadLog(database: DatabaseSync): Promise<void> {
  const deadline = Date.now() + busyMilliseconds;
  for (;;) {
    try {
      database.exec("pragma journal_mode = wal");
      return;
    } catch (error) {
      if (!isBusy(error) || Date.now() > deadline) throw error;
      await sleep(20);
    }
  }
}

/**
 * `path` may be `:memory:`. The file is for its owner alone (command lines and values of locals are in it).
 *
 * `synchronous = full` syncs the log at each commit: an accepted job outlives a power cut. There are some ten commits in
 * a job's life, so the price is small.
 */
export async function openSqliteFile(path: string): Promise<DatabaseSync> {
  let database: DatabaseSync | null = null;
  try {
    if (path !== ":memory:") {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      closeSync(openSync(path, "a", 0o600));
    }
    database = new DatabaseSync(path, { timeout: busyMilliseconds, enableForeignKeyConstraints: true });
    await useWriteAheadLog(database);
    database.exec("pragma synchronous = full; pragma journal_size_limit = 67108864; pragma temp_store = memory");
    return database;
  } catch (error) {
    database?.close();
    throw sqliteFailure(error);
  }
}
