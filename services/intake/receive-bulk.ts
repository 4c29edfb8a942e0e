/**
 * Receiving many cores in one request: parts named `core`, and archives of cores in parts named `archive`.
 *
 * Each core is handed over as soon as it is there, so nothing is held but one. A file that is no core, or a damaged one, is told
 * and the others go on; what breaks the request itself, or the store, ends it.
 */
import { Failure, type FailureCode } from "../contract/failure.ts";
import { noOptions, parseOptions } from "../contract/job-options.ts";
import type { Limits } from "../contract/limits.ts";
import { type ArchiveKind, archiveKind } from "./archive/archive-kind.ts";
import { eachEntry } from "./archive/unpack-archive.ts";
import { cleanFileName } from "./multipart/file-names.ts";
import { formParts, type Part } from "./multipart/form-parts.ts";

import type { ReceiveOptions } from "./receive.ts";
import type { ChunkSource } from "./receive/chunk-source.ts";
import { fieldBytes, parseLabels, parseWhenMissing, readField } from "./receive/form-fields.ts";
import { receiveFile } from "./receive/receive-file.ts";
import { ReceivedParts } from "./receive/received-parts.ts";
import { RoomWatch } from "./receive/room-watch.ts";
import type { ReceivedUpload } from "./received-upload.ts";

export interface BulkTaker {
  accept(upload: ReceivedUpload): Promise<void>;
  refuse(filename: string | null, failure: Failure): Promise<void>;
}

type Fields = Pick<ReceivedUpload, "labels" | "whenMissing" | "options">;

/** Of the request or the archive as a whole, not of one file in it. */
const ofTheWhole: ReadonlySet<FailureCode> = new Set(["upload_aborted", "upload_truncated", "multipart_malformed", "archive_malformed", "archive_too_large"]);

const concernsFile = (error: unknown): error is Failure => error instanceof Failure && !error.retry && !ofTheWhole.has(error.code);

class BulkReceiver {
  #fields: Fields = { labels: {}, whenMissing: "analyze", options: noOptions };
  #files = 0;
  readonly #options: ReceiveOptions;
  readonly #taker: BulkTaker;

  constructor(options: ReceiveOptions, taker: BulkTaker) {
    this.#options = options;
    this.#taker = taker;
  }

  get files(): number {
    return this.#files;
  }

  async take(part: Part): Promise<void> {
    const { limits } = this.#options;
    switch (part.name) {
      case "core":
      case "archive":
        if (!part.isFile) throw new Failure("part_not_a_file", `the part ${JSON.stringify(part.name)} came as a text field`);
        return await (part.name === "core" ? this.#core(part.filename, part.body) : this.#archive(part));
      case "labels":
      case "when_missing":
      case "options":
        return await this.#field(part, limits);
      default:
        throw new Failure("unknown_part", `the part ${JSON.stringify(part.name.slice(0, 100))} is not known`, {
          hint: "The parts are core, archive, labels, when_missing and options; binaries go to POST /v1/binaries before.",
        });
    }
  }

  async #field(part: Part, limits: Limits): Promise<void> {
    if (this.#files > 0)
      throw new Failure("invalid_body", `the part ${part.name} came after the first core; it holds for all of them.`, {
        hint: "Send it before the first core.",
      });
    const text = await readField(part.body, part.name, fieldBytes(limits));
    if (part.name === "labels") this.#fields = { ...this.#fields, labels: parseLabels(text, limits) };
    else if (part.name === "options") this.#fields = { ...this.#fields, options: parseOptions(text) };
    else this.#fields = { ...this.#fields, whenMissing: parseWhenMissing(text) };
  }

  async #core(name: string | null, body: ChunkSource): Promise<void> {
    const { blobs, limits } = this.#options;
    this.#files += 1;
    if (this.#files > limits.archive_entries) throw new Failure("too_many_parts", `more than ${limits.archive_entries} files came in one request`);
    await using parts = new ReceivedParts(blobs, limits);
    try {
      await parts.addCore(body, cleanFileName(name));
      if (parts.core === null) throw new TypeError("a core was added and is not there");
      const { core } = parts;
      await this.#taker.accept({ core, binaries: [], attachments: [], ...this.#fields, idempotencyKey: null, [Symbol.asyncDispose]: () => Promise.resolve() });
    } catch (error) {
      if (!concernsFile(error)) throw error;
      await this.#taker.refuse(name, error);
      // The next part comes when this one has been read.
      while ((await body.next()) !== null);
    }
  }

  async #archive(part: Part): Promise<void> {
    const { blobs, limits } = this.#options;
    const { filename } = part;
    try {
      let kind: ArchiveKind | null = null;
      const judge = (first: Buffer) => {
        kind = archiveKind(first);
        if (kind === null) throw new Failure("archive_malformed", `${JSON.stringify(filename)} is neither tar, tar.gz, tar.zst nor zip.`);
      };
      await using archive = await receiveFile(
        part.body,
        filename,
        { part: "archive", limit: limits.archive_bytes, judge },
        blobs,
        new RoomWatch(blobs, limits),
      );
      if (kind === null) return;
      await eachEntry({ path: archive.path, size: archive.size, kind, filename }, limits, ({ name, body }) => this.#core(name, body));
    } catch (error) {
      // What the archive gave until it broke stands.
      if (!(error instanceof Failure) || !["archive_malformed", "archive_too_large"].includes(error.code)) throw error;
      await this.#taker.refuse(filename, error);
      while ((await part.body.next()) !== null);
    }
  }
}

export async function receiveBulk(options: ReceiveOptions, taker: BulkTaker): Promise<void> {
  const receiver = new BulkReceiver(options, taker);
  for await (const part of formParts(options.request)) await receiver.take(part);
  if (receiver.files === 0) throw new Failure("core_missing", "the request has no core, neither as a part named `core` nor in an `archive`");
}
