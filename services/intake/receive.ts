/**
 * Receiving an upload: a request's body becomes files of the blob store, facts and fields.
 *
 * Nothing is kept until the caller commits it, and whatever goes wrong (a refusal, a client that goes away, a full disk)
 * leaves no partial file. A refusal comes as soon as its bytes are there; the rest of the body is left unread and paused.
 */
import { createReadStream } from "node:fs";
import { Failure } from "../contract/failure.ts";
import type { Limits } from "../contract/limits.ts";
import { isRecognised, readLog } from "../logs/read-log.ts";
import type { BlobStore } from "../storage/blob-store.ts";
import { cleanFileName, cleanPath } from "./multipart/file-names.ts";
import { formParts, type FormRequest, type Part } from "./multipart/form-parts.ts";
import { type ChunkSource, withHead } from "./receive/chunk-source.ts";
import { fieldBytes, readField } from "./receive/form-fields.ts";
import { digestOfField, digestOfHeaders, requireDigest } from "./receive/sent-digest.ts";
import { ReceivedParts } from "./receive/received-parts.ts";
import { requestChunks } from "./receive/stream-chunks.ts";
import { FormFields, isFieldName, type SubmissionFields } from "./receive/submission-fields.ts";
import type { ReceivedBinaries, ReceivedUpload } from "./received-upload.ts";

export interface ReceiveOptions {
  readonly request: FormRequest;
  readonly blobs: BlobStore;
  readonly limits: Limits;
}

export interface ReceiveRawOptions extends ReceiveOptions {
  /** What `?filename=` says of a raw body. */
  readonly filename: string | null;
  /** What the query says; a part of that name counts more. */
  readonly fields?: Partial<SubmissionFields>;
}

/** Reads the body with `read` and hands over what came; disposes it all when that fails. */
async function receive({ request, blobs, limits }: ReceiveOptions, read: (parts: ReceivedParts) => Promise<void>): Promise<ReceivedParts> {
  const parts = new ReceivedParts(blobs, limits);
  try {
    await parts.requireRoom(Number(request.headers["content-length"] ?? 0));
    await read(parts);
    return parts;
  } catch (error) {
    await parts[Symbol.asyncDispose]();
    throw error;
  }
}

/** Reads a body that is one file. */
async function wholeBody({ raw }: FormRequest, take: (body: ChunkSource) => Promise<void>): Promise<void> {
  const body = requestChunks(raw);
  try {
    await take(body);
  } finally {
    body.release();
  }
}

const isMultipart = ({ headers }: FormRequest) => /^multipart\/form-data\s*(?:;|$)/i.test(headers["content-type"] ?? "");
const shown = (name: string) => JSON.stringify(name.slice(0, 100));

function requireFile(part: Part): void {
  if (!part.isFile) throw new Failure("part_not_a_file", `the part ${shown(part.name)} came as a text field`);
}

/** The bytes of an optional file; null for a file input that a browser sends although no file was chosen: no name, no bytes. */
async function optionalFile(part: Part): Promise<ChunkSource | null> {
  requireFile(part);
  if (part.filename !== null) return part.body;
  const first = await part.body.next();
  return first === null ? null : withHead([first], part.body);
}

/** Of the core as it is sent; a form tells it once, or the headers of a raw body do. */
interface SentDigest {
  sha256: string | null;
}

async function takeDigest(part: Part, digest: SentDigest, limits: Limits): Promise<void> {
  const text = await readField(part.body, part.name, fieldBytes(limits));
  if (digest.sha256 !== null) throw new Failure("digest_invalid", "a second digest came");
  digest.sha256 = digestOfField(text, part.name);
}

async function takeJobPart(part: Part, parts: ReceivedParts, fields: FormFields, digest: SentDigest, limits: Limits): Promise<void> {
  if (isFieldName(part.name)) return await fields.take(part, part.name);
  switch (part.name) {
    case "core":
      requireFile(part);
      return await parts.addCore(part.body, part.filename);
    case "binary": {
      const body = await optionalFile(part);
      if (body !== null) await parts.addBinary(body, part.filename, part.path);
      return;
    }
    case "attachment": {
      const body = await optionalFile(part);
      if (body !== null) await parts.addAttachment(body, part.filename);
      return;
    }
    case "sha256":
    case "digest":
      return await takeDigest(part, digest, limits);
    default:
      throw new Failure("unknown_part", `the part ${shown(part.name)} is not known`);
  }
}

/** Without a core, one of the attachments must tell what a report can be made of. */
async function requireTellingLog({ attachments }: ReceivedParts): Promise<void> {
  for (const { writer } of attachments) if (isRecognised(await readLog(createReadStream(writer.path)))) return;
  const what = attachments.length === 0 ? "" : ", and no attachment holds a dump of faulthandler or a report of valgrind or AddressSanitizer";
  throw new Failure("core_missing", `the request has no part named \`core\`${what}`);
}

/** `POST /v1/jobs`: multipart/form-data, or the raw core. */
export async function receiveUpload(options: ReceiveRawOptions): Promise<ReceivedUpload> {
  const { request, limits, filename } = options;
  const form = isMultipart(request);
  const fields = new FormFields(limits);
  const digest: SentDigest = { sha256: digestOfHeaders(request.headers, form) };
  const parts = await receive(options, async (received) => {
    if (form) for await (const part of formParts(request)) await takeJobPart(part, received, fields, digest, limits);
    else await wholeBody(request, (body) => received.addCore(body, cleanFileName(filename)));
    if (received.core === null) await requireTellingLog(received);
    else requireDigest(digest.sha256, received.core.sentSha256);
  });
  const { core, binaries, attachments } = parts;
  const key = request.headers["idempotency-key"];
  return {
    core,
    binaries,
    attachments,
    ...fields.fields(options.fields),
    idempotencyKey: typeof key === "string" && key !== "" ? key : null,
    [Symbol.asyncDispose]: () => parts[Symbol.asyncDispose](),
  };
}

/** `POST /v1/binaries`: multipart/form-data with one or more parts named `binary`. */
export async function receiveBinaries(options: ReceiveOptions): Promise<ReceivedBinaries> {
  const parts = await receive(options, async (received) => {
    for await (const part of formParts(options.request)) {
      if (part.name !== "binary") throw new Failure("unknown_part", `the part ${shown(part.name)} is not known`, { hint: "The parts are all named binary." });
      const file = await optionalFile(part);
      if (file !== null) await received.addBinary(file, part.filename, part.path);
    }
    if (received.binaries.length === 0) throw new Failure("invalid_body", "the request has no part named `binary`", { hint: "Send curl -F binary=@PATH …" });
  });
  return { binaries: parts.binaries, [Symbol.asyncDispose]: () => parts[Symbol.asyncDispose]() };
}

/** `PUT /v1/binaries/{build_id}`: one raw file. */
export async function receiveBinary(options: ReceiveRawOptions): Promise<ReceivedBinaries> {
  const parts = await receive(options, (received) =>
    wholeBody(options.request, (body) => received.addBinary(body, cleanFileName(options.filename), cleanPath(options.filename))),
  );
  return { binaries: parts.binaries, [Symbol.asyncDispose]: () => parts[Symbol.asyncDispose]() };
}
