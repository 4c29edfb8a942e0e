/**
 * The binaries of a project: by build-id for those who look for one, by SHA-256 beneath.
 *
 * A build-id is what a file says of itself, so two different files may claim the same one: both are kept, newest first.
 * Nothing is ever found across projects.
 */
import type { Transaction } from "kysely";
import type { Binary, BinaryKind } from "../contract/binary.ts";
import type { BlobKey } from "./blob-store.ts";
import { discardBlobs, keepBlobs } from "./blob-trash.ts";
import type { Database } from "./database.ts";
import type { BinaryTable, Schema } from "./schema.ts";
import { storable } from "./search-text.ts";

export interface NewBinary extends Binary {
  /** Where its bytes are already committed. */
  readonly blob: BlobKey;
}

export interface StoredBinary extends Binary {
  readonly blob: BlobKey;
  readonly created_at: string;
}

export interface AddedBinary {
  readonly binary: StoredBinary;
  readonly created: boolean;
}

/** `executable` and `shared_library` are what ran, `debug` is what explains it. */
export interface BinaryStore {
  /** `created` is false when the project has these bytes already; the new blob is then on its way out, unless it is the same one. */
  add(projectId: string, binary: NewBinary): Promise<AddedBinary>;
  /** Newest first. More than one of a kind under one build-id means that the files differ. */
  byBuildId(projectId: string, buildId: string, kinds?: readonly BinaryKind[]): Promise<StoredBinary[]>;
  byBuildIds(projectId: string, buildIds: readonly string[], kinds?: readonly BinaryKind[]): Promise<StoredBinary[]>;
  bySha256(projectId: string, sha256: string): Promise<StoredBinary | null>;
  /** Those of the build-ids that the project does not have, in the order given. */
  missing(projectId: string, buildIds: readonly string[], kinds?: readonly BinaryKind[]): Promise<string[]>;
  /** What came with the job, in the order of the upload, each under the file name of that upload. */
  ofJob(jobId: string): Promise<StoredBinary[]>;
}

const toBinary = (row: BinaryTable): StoredBinary => ({
  build_id: row.build_id,
  kind: row.kind,
  size: row.size,
  sha256: row.sha256,
  filename: row.filename,
  has_symbols: row.has_symbols === 1,
  has_debug_info: row.has_debug_info === 1,
  blob: row.blob,
  created_at: row.created_at,
});

export async function addBinary(transaction: Transaction<Schema>, projectId: string, binary: NewBinary): Promise<AddedBinary> {
  const inserted = await transaction
    .insertInto("binaries")
    .values({
      project_id: projectId,
      sha256: binary.sha256,
      build_id: binary.build_id,
      kind: binary.kind,
      size: binary.size,
      filename: binary.filename === null ? null : storable(binary.filename),
      has_symbols: Number(binary.has_symbols),
      has_debug_info: Number(binary.has_debug_info),
      blob: binary.blob,
      created_at: new Date().toISOString(),
    })
    .onConflict((conflict) => conflict.columns(["project_id", "sha256"]).doNothing())
    .returningAll()
    .executeTakeFirst();
  if (inserted !== undefined) {
    await keepBlobs(transaction, [binary.blob]);
    return { binary: toBinary(inserted), created: true };
  }
  const known = await transaction
    .selectFrom("binaries")
    .selectAll()
    .where("project_id", "=", projectId)
    .where("sha256", "=", binary.sha256)
    .executeTakeFirstOrThrow();
  if (known.blob !== binary.blob) await discardBlobs(transaction, [binary.blob]);
  return { binary: toBinary(known), created: false };
}

/** Parameters of one statement are limited, build-ids of one request are not. */
const slice = 500;

export function createBinaryStore(database: Database): BinaryStore {
  const byBuildIds: BinaryStore["byBuildIds"] = async (projectId, buildIds, kinds) => {
    const found: StoredBinary[] = [];
    const wanted = [...new Set(buildIds)];
    for (let start = 0; start < wanted.length; start += slice) {
      let query = database.query
        .selectFrom("binaries")
        .selectAll()
        .where("project_id", "=", projectId)
        .where("build_id", "in", wanted.slice(start, start + slice));
      if (kinds !== undefined) query = query.where("kind", "in", kinds);
      found.push(...(await query.orderBy("created_at", "desc").orderBy("sha256").execute()).map(toBinary));
    }
    return found;
  };

  return {
    byBuildIds,
    add: (projectId, binary) => database.query.transaction().execute((transaction) => addBinary(transaction, projectId, binary)),
    byBuildId: (projectId, buildId, kinds) => byBuildIds(projectId, [buildId], kinds),
    bySha256: async (projectId, sha256) => {
      const row = await database.query.selectFrom("binaries").selectAll().where("project_id", "=", projectId).where("sha256", "=", sha256).executeTakeFirst();
      return row === undefined ? null : toBinary(row);
    },
    missing: async (projectId, buildIds, kinds) => {
      const known = new Set((await byBuildIds(projectId, buildIds, kinds)).map((binary) => binary.build_id));
      return buildIds.filter((buildId) => !known.has(buildId));
    },
    ofJob: async (jobId) => {
      const rows = await database.query
        .selectFrom("job_binaries")
        .innerJoin("binaries", (join) => join.onRef("binaries.project_id", "=", "job_binaries.project_id").onRef("binaries.sha256", "=", "job_binaries.sha256"))
        .selectAll("binaries")
        .select("job_binaries.filename as job_filename")
        .where("job_binaries.job_id", "=", jobId)
        .orderBy("job_binaries.position")
        .execute();
      return rows.map((row) => ({ ...toBinary(row), filename: row.job_filename ?? row.filename }));
    },
  };
}
