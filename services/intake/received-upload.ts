/** What one request brought, received and looked at, not yet kept. */
import type { BlobWriter } from "../storage/blob-store.ts";
import type { BinaryFacts } from "./binary/binary-facts.ts";
import type { CoreFacts } from "./core/core-facts.ts";
import type { CoreFileName } from "./core-file-name.ts";
import type { SubmissionFields } from "./receive/submission-fields.ts";

export interface ReceivedCore {
  readonly writer: BlobWriter;
  /** The last part of the name that the client gave; null when none. For showing only. */
  readonly filename: string | null;
  /** Lower-case hex, of the bytes as they were sent; the writer's own is of the core, inflated. */
  readonly sentSha256: string;
  /** What `filename` says; the core's own notes win. */
  readonly nameLabels: CoreFileName;
  readonly facts: CoreFacts;
}

export interface ReceivedBinary {
  readonly writer: BlobWriter;
  readonly filename: string | null;
  /** Where it lies on the machine it came from, if the upload told. */
  readonly path: string | null;
  readonly facts: BinaryFacts;
}

export interface ReceivedAttachment {
  readonly writer: BlobWriter;
  readonly filename: string | null;
}

/** Disposing it disposes every writer: what was not committed is removed. */
export interface ReceivedUpload extends SubmissionFields, AsyncDisposable {
  /** Null for logs alone; one of them tells something then. */
  readonly core: ReceivedCore | null;
  readonly binaries: readonly ReceivedBinary[];
  readonly attachments: readonly ReceivedAttachment[];
  /** The `Idempotency-Key` header. */
  readonly idempotencyKey: string | null;
}

export interface ReceivedBinaries extends AsyncDisposable {
  readonly binaries: readonly ReceivedBinary[];
}
