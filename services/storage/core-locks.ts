/**
 * Who takes equal cores together, or lets the bytes of one go, holds their digest first: of an upload and a deletion that meet,
 * the later one sees what the earlier one did, and bytes never go that a new job was just put on.
 *
 * SQLite lets one transaction write at a time anyway. On PostgreSQL these are advisory locks that end with the transaction; they
 * come before any row's lock, several in one order, or are only tried for.
 */
import { PostgresAdapter, sql, type Transaction } from "kysely";
import type { Schema } from "./schema.ts";

const isPostgres = (transaction: Transaction<Schema>) => transaction.getExecutor().adapter instanceof PostgresAdapter;

const keyOf = (projectId: string, digest: string) => sql`hashtextextended(${`${projectId} ${digest}`}, 0)`;

/** Call it before anything else of the transaction. Jobs of logs alone have no core and an empty digest. */
export async function holdCores(transaction: Transaction<Schema>, cores: readonly { readonly projectId: string; readonly digest: string }[]): Promise<void> {
  if (!isPostgres(transaction)) return;
  const once = new Map(cores.filter(({ digest }) => digest !== "").map((core) => [`${core.projectId} ${core.digest}`, core]));
  for (const [, { projectId, digest }] of [...once].toSorted(([one], [other]) => (one < other ? -1 : 1)))
    await sql`select pg_advisory_xact_lock(${keyOf(projectId, digest)})`.execute(transaction);
}

/** That of a job, which may be gone. Call it before anything else of the transaction. */
export async function holdCoreOf(transaction: Transaction<Schema>, id: string): Promise<void> {
  const row = await transaction.selectFrom("jobs").select(["project_id as projectId", "core_sha256 as digest"]).where("id", "=", id).executeTakeFirst();
  if (row !== undefined) await holdCores(transaction, [row]);
}

/** False when another has it; nobody is waited for. */
export async function tryHoldCore(transaction: Transaction<Schema>, projectId: string, digest: string): Promise<boolean> {
  if (!isPostgres(transaction)) return true;
  const { rows } = await sql<{ held: boolean }>`select pg_try_advisory_xact_lock(${keyOf(projectId, digest)}) as held`.execute(transaction);
  return rows[0]?.held === true;
}
