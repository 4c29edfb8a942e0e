/**
 * Receiving many cores in one request: parts named `core`, and archives of cores in parts named `archive`.
 *
 * Cores are handed over some at a time, for what makes a job durable (a sync of its file, a commit of the database) costs little
 * more for many than for one; they wait in files, so memory stays flat. A file that is no core, or a damaged one, is told and the
 * others go on; what breaks the request itself, or the store, ends it, and what had come before stands.
 */
import { Failure, type FailureCode } from "../contract/failure.ts";
import { type ArchiveKind, archiveKind } from "./archive/archive-kind.ts";
import { eachEntry } from "./archive/unpack-archive.ts";
import { cleanFileName } from "./multipart/file-names.ts";
import { formParts, type Part } from "./multipart/form-parts.ts";

import type { ReceiveOptions } from "./receive.ts";
import type { ChunkSource } from "./receive/chunk-source.ts";
import { receiveFile } from "./receive/receive-file.ts";
import { ReceivedParts } from "./receive/received-parts.ts";
import { RoomWatch } from "./receive/room-watch.ts";
import { FormFields, fieldNames, isFieldName } from "./receive/submission-fields.ts";
import type { ReceivedUpload } from "./received-upload.ts";

export type BulkFile = { readonly filename: string | null } & ({ readonly upload: ReceivedUpload } | { readonly failure: Failure });

/** Takes files in the order in which they came; what it does not keep of them is gone when it has ended. */
export type BulkTaker = (files: readonly BulkFile[]) => Promise<void>;

/** Whoever sends one core does not wait behind many. */
const usualOfMany = { priority: "low" } as const;

/** So many files are handed over at once, or fewer that have so many bytes, or have waited so long. */
const filesAtOnce = 48;
const bytesAtOnce = 256 << 20;
const longestWaitMs = 1_000;

/** Of the request or the archive as a whole, not of one file in it. */
const ofTheWhole: ReadonlySet<FailureCode> = new Set(["upload_aborted", "upload_truncated", "multipart_malformed", "archive_malformed", "archive_too_large"]);

const concernsFile = (error: unknown): error is Failure => error instanceof Failure && !error.retry && !ofTheWhole.has(error.code);

/** The same file of the same request sent again is the same job; no key of a single job has a blank in it. */
function fileKey({ request }: ReceiveOptions, position: number): string | null {
  const key = request.headers["idempotency-key"];
  return typeof key === "string" && key !== "" ? `${key} ${position}` : null;
}

class BulkReceiver {
  #fields: FormFields;
  #files = 0;
  #waiting: { readonly file: BulkFile; readonly parts: ReceivedParts | null }[] = [];
  #waitingBytes = 0;
  #waitingSince = 0;
  readonly #options: ReceiveOptions;
  readonly #taker: BulkTaker;

  constructor(options: ReceiveOptions, taker: BulkTaker) {
    this.#options = options;
    this.#taker = taker;
    this.#fields = new FormFields(options.limits);
  }

  get files(): number {
    return this.#files;
  }

  async take(part: Part): Promise<void> {
    if (isFieldName(part.name)) {
      if (this.#files > 0)
        throw new Failure("invalid_body", `the part ${part.name} came after the first core; it holds for all of them.`, {
          hint: "Send it before the first core.",
        });
      return await this.#fields.take(part, part.name);
    }
    if (part.name !== "core" && part.name !== "archive")
      throw new Failure("unknown_part", `the part ${JSON.stringify(part.name.slice(0, 100))} is not known`, {
        hint: `The parts are core, archive, ${fieldNames.join(", ")}; binaries go to POST /v1/binaries before.`,
      });
    if (!part.isFile) throw new Failure("part_not_a_file", `the part ${JSON.stringify(part.name)} came as a text field`);
    await (part.name === "core" ? this.#core(part.filename, part.body) : this.#archive(part));
  }

  /** Hands over what waits. */
  async flush(): Promise<void> {
    const some = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (some.length === 0) return;
    try {
      await this.#taker(some.map(({ file }) => file));
    } finally {
      await Promise.all(some.flatMap(({ parts }) => (parts === null ? [] : [parts[Symbol.asyncDispose]()])));
    }
  }

  async #add(file: BulkFile, parts: ReceivedParts | null): Promise<void> {
    if (this.#waiting.length === 0) this.#waitingSince = performance.now();
    this.#waiting.push({ file, parts });
    this.#waitingBytes += parts?.core?.writer.size ?? 0;
    const late = performance.now() - this.#waitingSince > longestWaitMs;
    if (late || this.#waiting.length >= filesAtOnce || this.#waitingBytes >= bytesAtOnce) await this.flush();
  }

  async #core(name: string | null, body: ChunkSource): Promise<void> {
    const { blobs, limits } = this.#options;
    this.#files += 1;
    if (this.#files > limits.archive_entries) throw new Failure("too_many_parts", `more than ${limits.archive_entries} files came in one request`);
    const idempotencyKey = fileKey(this.#options, this.#files);
    const parts = new ReceivedParts(blobs, limits);
    const filename = cleanFileName(name);
    try {
      await parts.addCore(body, filename);
    } catch (error) {
      await parts[Symbol.asyncDispose]();
      if (!concernsFile(error)) throw error;
      await this.#add({ filename: name, failure: error }, null);
      // The next part comes when this one has been read.
      while ((await body.next()) !== null);
      return;
    }
    const [core, fields] = [parts.core, this.#fields.fields(usualOfMany)];
    const nothing = { binaries: [], attachments: [], idempotencyKey, [Symbol.asyncDispose]: () => Promise.resolve() };
    await this.#add({ filename: name, upload: { core, ...nothing, ...fields } }, parts);
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
      await this.#add({ filename, failure: error }, null);
      while ((await part.body.next()) !== null);
    }
  }
}

export async function receiveBulk(options: ReceiveOptions, taker: BulkTaker): Promise<void> {
  const receiver = new BulkReceiver(options, taker);
  try {
    for await (const part of formParts(options.request)) await receiver.take(part);
  } finally {
    await receiver.flush();
  }
  if (receiver.files === 0) throw new Failure("core_missing", "the request has no core, neither as a part named `core` nor in an `archive`");
}
