/** Kysely's PostgreSQL dialect, with numbers as numbers and errors that carry a code. */
import {
  type AbortableOperationOptions,
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  PostgresDialect,
  type PostgresDialectConfig,
  PostgresDriver,
} from "kysely";
import { Pool, TypeOverrides } from "pg";
import { postgresFailure } from "./database-failure.ts";

class CodedPostgresDriver extends PostgresDriver {
  readonly #coded = new WeakSet<DatabaseConnection>();

  override async acquireConnection(...options: Parameters<PostgresDriver["acquireConnection"]>): Promise<DatabaseConnection> {
    let connection: DatabaseConnection;
    try {
      connection = await super.acquireConnection(...options);
    } catch (error) {
      throw postgresFailure(error);
    }
    if (!this.#coded.has(connection)) {
      this.#coded.add(connection);
      const execute = connection.executeQuery.bind<DatabaseConnection["executeQuery"]>(connection);
      connection.executeQuery = async <R>(query: CompiledQuery, settings?: AbortableOperationOptions) => {
        try {
          return await execute<R>(query, settings);
        } catch (error) {
          throw postgresFailure(error);
        }
      };
    }
    return connection;
  }
}

export class CodedPostgresDialect extends PostgresDialect {
  readonly #config: PostgresDialectConfig;

  constructor(config: PostgresDialectConfig) {
    super(config);
    this.#config = config;
  }

  override createDriver(): Driver {
    return new CodedPostgresDriver(this.#config);
  }
}

const bigint = 20;

export function openPostgresPool(url: string): Pool {
  const types = new TypeOverrides();
  types.setTypeParser(bigint, Number);
  const pool = new Pool({
    connectionString: url,
    max: 10,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 30_000,
    query_timeout: 60_000,
    // bigint and count() as numbers: nothing here comes near 2^53.
    types,
  });
  // An idle connection that breaks is replaced by the pool; without a listener its error would end the process.
  pool.on("error", () => undefined);
  return pool;
}
