/** The bytes of a finished upload, taken as if they had come in one request. */
import { createReadStream } from "node:fs";
import { noOptions, parseOptions } from "../../contract/job-options.ts";
import type { Limits } from "../../contract/limits.ts";
import type { BlobStore } from "../../storage/blob-store.ts";
import { cleanFileName } from "../multipart/file-names.ts";
import type { ReceivedUpload } from "../received-upload.ts";
import { parseLabels, parseWhenMissing } from "../receive/form-fields.ts";
import { ReceivedParts } from "../receive/received-parts.ts";
import { digestOfField, requireDigest } from "../receive/sent-digest.ts";
import { StreamChunks } from "../receive/stream-chunks.ts";
import { Failure } from "../../contract/failure.ts";

export type UploadMetadata = Readonly<Record<string, string | null>>;

const known = ["filename", "filetype", "name", "type", "labels", "when_missing", "options", "sha256"];

/** Throws for what the metadata of an upload may not say: before its first byte is sent. */
export function readMetadata(metadata: UploadMetadata, limits: Limits) {
  for (const name of Object.keys(metadata)) {
    if (!known.includes(name))
      throw new Failure("invalid_parameter", `the metadata ${JSON.stringify(name.slice(0, 50))} is not known; the known ones are ${known.join(", ")}`);
  }
  const { filename, name, labels, when_missing: whenMissing, options, sha256 } = metadata;
  return {
    filename: cleanFileName(filename ?? name ?? null),
    labels: typeof labels === "string" ? parseLabels(labels, limits) : {},
    whenMissing: typeof whenMissing === "string" ? parseWhenMissing(whenMissing) : ("analyze" as const),
    options: typeof options === "string" ? parseOptions(options) : noOptions,
    sha256: typeof sha256 === "string" ? digestOfField(sha256, "sha256") : null,
  };
}

/** `toldAtEnd`: the digest of all that was sent, from the last request of a client that could not know it before. */
export async function receiveFinished(
  path: string,
  metadata: UploadMetadata,
  toldAtEnd: string | null,
  idempotencyKey: string,
  parts: { readonly blobs: BlobStore; readonly limits: Limits },
): Promise<ReceivedUpload> {
  const { filename, labels, whenMissing, options, sha256 } = readMetadata(metadata, parts.limits);
  const received = new ReceivedParts(parts.blobs, parts.limits);
  const file = createReadStream(path, { highWaterMark: 1 << 20 });
  try {
    await received.addCore(new StreamChunks(file, (error) => error ?? new Failure("store_unavailable", "the upload's bytes cannot be read")), filename);
    const { core } = received;
    if (core === null) throw new Failure("core_missing", "the upload holds no core");
    for (const told of [sha256, toldAtEnd]) requireDigest(told, core.sentSha256);
    return { core, binaries: [], attachments: [], labels, whenMissing, options, idempotencyKey, [Symbol.asyncDispose]: () => received[Symbol.asyncDispose]() };
  } catch (error) {
    await received[Symbol.asyncDispose]();
    throw error;
  } finally {
    file.destroy();
  }
}
