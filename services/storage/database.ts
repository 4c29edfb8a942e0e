/**
 * The database: the truth about jobs, reports and binaries.
 *
 * SQLite in WAL mode is embedded; PostgreSQL serves several machines. The same schema, migrations and queries run on
 * both, through Kysely. Stores are built on a `Database` and on nothing else.
 */
import type { Kysely } from "kysely";
import type { Schema } from "./schema.ts";

export interface Database extends AsyncDisposable {
  readonly kind: "sqlite" | "postgres";
  readonly query: Kysely<Schema>;
  /** Rejects with `database_unavailable` when the database does not answer. */
  ping(): Promise<void>;
}
