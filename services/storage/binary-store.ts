/**
 * The binaries of a project: by build-id for those who look for one, by SHA-256 beneath.
 *
 * A build-id is what a file says of itself, so two different files may claim the same one: both are kept, newest first.
 * Nothing is ever found across projects.
 */
import type { SelectQueryBuilder, Transaction } from "kysely";
import type { Binary, BinaryKind, NamelessFile } from "../contract/binary.ts";
import type { BlobKey } from "./blob-store.ts";
import { discardBlobs, keepBlobs } from "./blob-trash.ts";
import type { Database } from "./database.ts";
import type { BinaryTable, Schema } from "./schema.ts";
import { storable } from "./search-text.ts";

export interface NewBinary extends Binary {
  /** Where its bytes are already committed. */
  readonly blob: BlobKey;
  /** Of gdb's index, once one was made. */
  readonly index_blob?: BlobKey | null;
  /** SHA-256 of the first page, the same of a stripped copy; null of debug files. */
  readonly head: string | null;
}

export interface StoredBinary extends NewBinary {
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
  /** The same for many, in their order: all in one transaction. */
  addAll(projectId: string, binaries: readonly NewBinary[]): Promise<readonly AddedBinary[]>;
  /** Newest first. More than one of a kind under one build-id means that the files differ. */
  byBuildId(projectId: string, buildId: string, kinds?: readonly BinaryKind[]): Promise<StoredBinary[]>;
  byBuildIds(projectId: string, buildIds: readonly string[], kinds?: readonly BinaryKind[]): Promise<StoredBinary[]>;
  /** Newest first: debug files of these names, for those that no build-id finds. */
  debugFilesNamed(projectId: string, names: readonly string[]): Promise<StoredBinary[]>;
  /** Newest first: files with these first pages. */
  byHeads(projectId: string, heads: readonly string[]): Promise<StoredBinary[]>;
  /** Newest first: files without a build-id that came from these paths. */
  byPaths(projectId: string, paths: readonly string[]): Promise<StoredBinary[]>;
  bySha256(projectId: string, sha256: string): Promise<StoredBinary | null>;
  /** Those of the build-ids that the project does not have, in the order given. */
  missing(projectId: string, buildIds: readonly string[], kinds?: readonly BinaryKind[]): Promise<string[]>;
  /** The same for files without a build-id: those that are not what a job would find at their paths. */
  missingFiles(projectId: string, files: readonly NamelessFile[]): Promise<NamelessFile[]>;
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
  path: row.path,
  origin: row.origin,
  debug_link: row.debug_link === null || row.debug_link_crc === null ? null : { name: row.debug_link, crc: row.debug_link_crc },
  alt_link: row.alt_build_id === null ? null : { name: row.alt_name ?? "", build_id: row.alt_build_id },
  crc: row.crc,
  index_blob: row.index_blob,
  head: row.head,
});

const clean = (text: string | null): string | null => (text === null ? null : storable(text));

export async function addBinary(transaction: Transaction<Schema>, projectId: string, binary: NewBinary): Promise<AddedBinary> {
  const inserted = await transaction
    .insertInto("binaries")
    .values({
      project_id: projectId,
      sha256: binary.sha256,
      build_id: binary.build_id,
      kind: binary.kind,
      size: binary.size,
      filename: clean(binary.filename),
      has_symbols: Number(binary.has_symbols),
      has_debug_info: Number(binary.has_debug_info),
      blob: binary.blob,
      created_at: new Date().toISOString(),
      path: clean(binary.path),
      origin: binary.origin,
      debug_link: clean(binary.debug_link?.name ?? null),
      debug_link_crc: binary.debug_link?.crc ?? null,
      alt_build_id: binary.alt_link?.build_id ?? null,
      alt_name: clean(binary.alt_link?.name ?? null),
      crc: binary.crc,
      head: binary.head,
      index_state: null,
      index_since: null,
      index_blob: null,
      index_detail: null,
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
  // What was stored before heads were kept.
  if (known.head === null && binary.head !== null) {
    await transaction.updateTable("binaries").set({ head: binary.head }).where("project_id", "=", projectId).where("sha256", "=", binary.sha256).execute();
  }
  if (known.build_id !== null || binary.path === null) return { binary: toBinary({ ...known, head: binary.head }), created: false };
  // Known by its path, where the newest counts: it is what lies there now.
  const moved = { path: clean(binary.path), created_at: new Date().toISOString() };
  await transaction.updateTable("binaries").set(moved).where("project_id", "=", projectId).where("sha256", "=", binary.sha256).execute();
  return { binary: toBinary({ ...known, ...moved }), created: false };
}

type BinaryQuery = SelectQueryBuilder<Schema, "binaries", BinaryTable>;

/** Parameters of one statement are limited, build-ids of one request are not. */
const slice = 500;

export function createBinaryStore(database: Database): BinaryStore {
  const inSlices = async (
    projectId: string,
    column: "build_id" | "filename" | "path" | "head",
    values: readonly string[],
    narrow: (query: BinaryQuery) => BinaryQuery = (query) => query,
  ): Promise<StoredBinary[]> => {
    const found: StoredBinary[] = [];
    const wanted = [...new Set(values)];
    for (let start = 0; start < wanted.length; start += slice) {
      const query = database.query
        .selectFrom("binaries")
        .selectAll()
        .where("project_id", "=", projectId)
        .where(column, "in", wanted.slice(start, start + slice));
      found.push(...(await narrow(query).orderBy("created_at", "desc").orderBy("sha256").execute()).map(toBinary));
    }
    return found;
  };
  const byBuildIds: BinaryStore["byBuildIds"] = (projectId, buildIds, kinds) =>
    inSlices(projectId, "build_id", buildIds, (query) => (kinds === undefined ? query : query.where("kind", "in", kinds)));
  const byPaths: BinaryStore["byPaths"] = (projectId, paths) =>
    inSlices(projectId, "path", paths.map(storable), (query) => query.where("build_id", "is", null));

  return {
    byBuildIds,
    debugFilesNamed: (projectId, names) => inSlices(projectId, "filename", names.map(storable), (query) => query.where("kind", "=", "debug")),
    byHeads: (projectId, heads) => inSlices(projectId, "head", heads),
    byPaths,
    add: (projectId, binary) => database.query.transaction().execute((transaction) => addBinary(transaction, projectId, binary)),
    addAll: (projectId, binaries) =>
      database.query.transaction().execute(async (transaction) => {
        const added = new Map<NewBinary, AddedBinary>();
        // One order for all writers, so that two transactions never wait for each other's rows crosswise.
        const sorted = binaries.toSorted((one, other) => (one.sha256 < other.sha256 ? -1 : 1));
        for (const binary of sorted) added.set(binary, await addBinary(transaction, projectId, binary));
        return binaries.flatMap((binary) => added.get(binary) ?? []);
      }),
    byBuildId: (projectId, buildId, kinds) => byBuildIds(projectId, [buildId], kinds),
    bySha256: async (projectId, sha256) => {
      const row = await database.query.selectFrom("binaries").selectAll().where("project_id", "=", projectId).where("sha256", "=", sha256).executeTakeFirst();
      return row === undefined ? null : toBinary(row);
    },
    missing: async (projectId, buildIds, kinds) => {
      const known = new Set((await byBuildIds(projectId, buildIds, kinds)).map((binary) => binary.build_id));
      return buildIds.filter((buildId) => !known.has(buildId));
    },
    missingFiles: async (projectId, files) => {
      const found = await byPaths(projectId, [...new Set(files.map((file) => file.path))]);
      return files.filter(({ path, sha256 }) => found.find((each) => each.path === storable(path))?.sha256 !== sha256);
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
