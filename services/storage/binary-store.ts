/**
 * The binaries of a project: by build-id for those who look for one, by SHA-256 beneath.
 *
 * A build-id is what a file says of itself, so two different files may claim the same one: both are kept, newest first.
 * Nothing is ever found across projects.
 */
import type { Binary, BinaryKind } from "../contract/binary.ts";
import type { BlobKey } from "./blob-store.ts";

export interface NewBinary extends Binary {
  /** Where its bytes are already committed. */
  readonly blob: BlobKey;
}

export interface StoredBinary extends Binary {
  readonly blob: BlobKey;
  readonly created_at: string;
}

/** `executable` and `shared_library` are what ran, `debug` is what explains it. */
export interface BinaryStore {
  /** `created` is false when the project has these bytes already; the new blob is then on its way out, unless it is the same one. */
  add(projectId: string, binary: NewBinary): Promise<{ readonly binary: StoredBinary; readonly created: boolean }>;
  /** Newest first. More than one of a kind under one build-id means that the files differ. */
  byBuildId(projectId: string, buildId: string, kinds?: readonly BinaryKind[]): Promise<StoredBinary[]>;
  byBuildIds(projectId: string, buildIds: readonly string[], kinds?: readonly BinaryKind[]): Promise<StoredBinary[]>;
  bySha256(projectId: string, sha256: string): Promise<StoredBinary | null>;
  /** Those of the build-ids that the project does not have, in the order given. */
  missing(projectId: string, buildIds: readonly string[], kinds?: readonly BinaryKind[]): Promise<string[]>;
  /** What came with the job, each under the file name of that upload. */
  ofJob(jobId: string): Promise<StoredBinary[]>;
}
