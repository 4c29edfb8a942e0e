/**
 * The database: the truth about jobs, reports and binaries.
 *
 * SQLite in WAL mode is embedded; PostgreSQL serves several machines. The same schema, migrations and queries run on
 * both, through Kysely. Stores are built on a `Database` and on nothing else.
 */
import { type CompiledQuery, Kysely, sql } from "kysely";
import { Failure } from "../contract/failure.ts";
import type { DatabaseKind } from "./database-kind.ts";
import { migrate } from "./migrate.ts";
import { CodedPostgresDialect, openPostgresPool } from "./postgres-dialect.ts";
import type { Schema } from "./schema.ts";
import { NodeSqliteDialect, openSqliteFile } from "./sqlite-dialect.ts";

export interface Database extends AsyncDisposable {
  readonly kind: DatabaseKind;
  readonly query: Kysely<Schema>;
  /** Rejects with `database_unavailable` when the database does not answer. */
  ping(): Promise<void>;
}

async function dialectOf(url: string): Promise<Pick<Database, "kind"> & { dialect: NodeSqliteDialect | CodedPostgresDialect }> {
  if (url.startsWith("sqlite:")) return { kind: "sqlite", dialect: new NodeSqliteDialect(await openSqliteFile(url.slice("sqlite:".length))) };
  if (/^postgres(ql)?:\/\//.test(url)) return { kind: "postgres", dialect: new CodedPostgresDialect({ pool: openPostgresPool(url) }) };
  throw new Failure("configuration_invalid", "The database URL begins with neither sqlite: nor postgres://.");
}

export interface DatabaseOptions {
  /** Told of each statement after it ran. */
  readonly observe?: (query: CompiledQuery) => void;
}

/** Opens `sqlite:PATH` or `postgres://…` and brings its schema up to date. Several processes may do so at once. */
export async function openDatabase(url: string, { observe }: DatabaseOptions = {}): Promise<Database> {
  const { kind, dialect } = await dialectOf(url);
  const query = new Kysely<Schema>({ dialect, ...(observe === undefined ? {} : { log: (event) => observe(event.query) }) });
  const close = () => query.destroy();
  try {
    await migrate(query, kind);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    kind,
    query,
    ping: async () => {
      await sql`select 1`.execute(query);
    },
    [Symbol.asyncDispose]: close,
  };
}
