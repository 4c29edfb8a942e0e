/**
 * Brings the schema up to date. The migrations are listed here by hand, in order; one that was released is never changed.
 *
 * All pending ones run in one transaction under a lock (SQLite's write lock, an advisory lock on PostgreSQL): of several
 * processes that start together one migrates and the others find the work done; a failed one leaves the old schema.
 */
import type { Kysely } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import type { DatabaseKind } from "./database-kind.ts";
import { createFirstSchema } from "./migrations/0001-first-schema.ts";
import { extendBinaryStore } from "./migrations/0002-binary-store.ts";
import { createGroups } from "./migrations/0003-groups.ts";
import { addJobOptions } from "./migrations/0004-job-options.ts";
import { createSearchIndex } from "./migrations/0005-search.ts";
import { createWebhooks } from "./migrations/0006-webhooks.ts";
import { createBulks } from "./migrations/0007-bulk.ts";
import { indexMovedSignatures } from "./migrations/0008-moved-signatures.ts";
import { createBulkChanges } from "./migrations/0009-bulk-changes.ts";
import { indexChanges } from "./migrations/0010-list-of-changes.ts";
import { addBinaryHeads } from "./migrations/0011-binary-heads.ts";
import { countBlockChanges } from "./migrations/0012-block-changes.ts";
import type { Schema } from "./schema.ts";

const migrations: Readonly<Record<string, (query: Kysely<unknown>, kind: DatabaseKind) => Promise<void>>> = {
  "0001-first-schema": createFirstSchema,
  "0002-binary-store": extendBinaryStore,
  "0003-groups": createGroups,
  "0004-job-options": addJobOptions,
  "0005-search": createSearchIndex,
  "0006-webhooks": createWebhooks,
  "0007-bulk": createBulks,
  "0008-moved-signatures": indexMovedSignatures,
  "0009-bulk-changes": createBulkChanges,
  "0010-list-of-changes": indexChanges,
  "0011-binary-heads": addBinaryHeads,
  "0012-block-changes": countBlockChanges,
};

export async function migrate(query: Kysely<Schema>, kind: DatabaseKind): Promise<void> {
  const listed = Object.entries(migrations).map(([name, up]): [string, Migration] => [name, { up: (transaction: Kysely<unknown>) => up(transaction, kind) }]);
  const migrator = new Migrator({ db: query, provider: { getMigrations: () => Promise.resolve(Object.fromEntries(listed)) } });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}
