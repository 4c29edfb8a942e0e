/** The bytes of a finished upload, taken as if they had come in one request: a core, or a form. */
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { Failure } from "../../contract/failure.ts";
import type { Limits } from "../../contract/limits.ts";
import type { BlobStore } from "../../storage/blob-store.ts";
import type { FormRequest } from "../multipart/form-parts.ts";
import { receiveUpload } from "../receive.ts";
import { ReceivedParts } from "../receive/received-parts.ts";
import { requireDigest } from "../receive/sent-digest.ts";
import { StreamChunks } from "../receive/stream-chunks.ts";
import type { ReceivedUpload } from "../received-upload.ts";
import { formType, readMetadata, type UploadMetadata } from "./upload-metadata.ts";

export interface FinishedUpload {
  readonly path: string;
  readonly metadata: UploadMetadata;
  /** Lower-case hex, of all that was sent: from the last request of a client that could not know it before. */
  readonly toldAtEnd: string | null;
  readonly idempotencyKey: string;
}

export interface Taking {
  readonly blobs: BlobStore;
  readonly limits: Limits;
  /** A body of this Content-Type as a request that a form can be read of. */
  readonly formRequest: (body: Readable, contentType: string) => FormRequest;
}

async function* bytesOf(path: string): AsyncGenerator<Buffer> {
  try {
    yield* createReadStream(path, { highWaterMark: 1 << 20 });
  } catch (error) {
    throw new Failure("store_unavailable", "the upload's bytes cannot be read", { cause: error });
  }
}

async function receiveForm(body: Readable, contentType: string, { idempotencyKey, toldAtEnd }: FinishedUpload, taking: Taking): Promise<ReceivedUpload> {
  if (toldAtEnd !== null) {
    throw new Failure("digest_invalid", "the digest would be of the whole form", { hint: "In a form, send the core's digest as the field sha256." });
  }
  const { blobs, limits, formRequest } = taking;
  const request = formRequest(body, contentType);
  return { ...(await receiveUpload({ request, filename: null, blobs, limits })), idempotencyKey };
}

async function receiveCore(body: Readable, { metadata, toldAtEnd, idempotencyKey }: FinishedUpload, { blobs, limits }: Taking): Promise<ReceivedUpload> {
  const { filename, fields, sha256 } = readMetadata(metadata, limits);
  const received = new ReceivedParts(blobs, limits);
  try {
    await received.addCore(new StreamChunks(body, (error) => error ?? new Failure("store_unavailable", "the upload's bytes cannot be read")), filename);
    const { core } = received;
    if (core === null) throw new Failure("core_missing", "the upload holds no core");
    for (const told of [sha256, toldAtEnd]) requireDigest(told, core.sentSha256);
    return { core, binaries: [], attachments: [], ...fields, idempotencyKey, [Symbol.asyncDispose]: () => received[Symbol.asyncDispose]() };
  } catch (error) {
    await received[Symbol.asyncDispose]();
    throw error;
  }
}

export async function receiveFinished(upload: FinishedUpload, taking: Taking): Promise<ReceivedUpload> {
  const body = Readable.from(bytesOf(upload.path), { objectMode: false });
  const contentType = formType(upload.metadata);
  try {
    return await (contentType === null ? receiveCore(body, upload, taking) : receiveForm(body, contentType, upload, taking));
  } finally {
    body.destroy();
  }
}
