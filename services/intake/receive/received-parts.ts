/** The files of one upload as they come; owns their writers until it hands them over. */
import { Failure } from "../../contract/failure.ts";
import type { Limits } from "../../contract/limits.ts";
import type { BlobStore, BlobWriter } from "../../storage/blob-store.ts";
import { entryPath } from "../archive/archive-entry.ts";
import { type ArchiveKind, archiveKind } from "../archive/archive-kind.ts";
import { type Archive, eachEntry } from "../archive/unpack-archive.ts";
import { inspectBinaryFile } from "../binary/inspect-binary.ts";
import { inspectCoreFile } from "../core/inspect-core.ts";
import { parseCoreFileName } from "../core-file-name.ts";
import { type Packing, packingOf } from "../decompress/packing.ts";
import { SentBytes } from "../decompress/sent-bytes.ts";
import { unpackCore } from "../decompress/unpack-core.ts";
import { cleanFileName } from "../multipart/file-names.ts";
import { type ChunkSource, peek, withHead } from "./chunk-source.ts";
import type { ReceivedAttachment, ReceivedBinary, ReceivedCore } from "../received-upload.ts";
import { isBinary, requireBinary, requireCore, requireText, SNIFF_BYTES } from "../sniff.ts";
import { type FileRules, receiveFile } from "./receive-file.ts";
import { RoomWatch } from "./room-watch.ts";

interface ReceivedFile {
  readonly writer: BlobWriter;
  readonly sentSha256: string;
}

export class ReceivedParts implements AsyncDisposable {
  core: ReceivedCore | null = null;
  readonly binaries: ReceivedBinary[] = [];
  readonly attachments: ReceivedAttachment[] = [];
  #binaryParts = 0;
  readonly #writers: BlobWriter[] = [];
  readonly #blobs: BlobStore;
  readonly #limits: Limits;
  readonly #room: RoomWatch;

  constructor(blobs: BlobStore, limits: Limits) {
    this.#blobs = blobs;
    this.#limits = limits;
    this.#room = new RoomWatch(blobs, limits);
  }

  /** Throws `store_full` when the store has no room for so many bytes. */
  async requireRoom(announced: number): Promise<void> {
    await this.#room.check(announced);
  }

  async addCore(body: ChunkSource, filename: string | null): Promise<void> {
    if (this.core !== null) throw new Failure("core_repeated", "a second part named `core` came");
    const { first, whole } = await peek(body, SNIFF_BYTES);
    const packing = packingOf(first);
    const rules = { part: "core", limit: this.#limits.core_bytes, judge: requireCore };
    const { writer, sentSha256 } =
      packing === null
        ? await this.#receivePlain(whole, filename, rules)
        : await this.#receivePacked(new SentBytes(whole, rules.limit), packing, filename, rules);
    this.core = { writer, filename, sentSha256, nameLabels: parseCoreFileName(filename), facts: await inspectCoreFile(writer.path) };
  }

  async #receivePlain(body: ChunkSource, filename: string | null, rules: FileRules): Promise<ReceivedFile> {
    const writer = await this.#receive(body, filename, rules);
    return { writer, sentSha256: writer.sha256 };
  }

  async #receivePacked(sent: SentBytes, packing: Packing, filename: string | null, rules: FileRules): Promise<ReceivedFile> {
    await using core = await unpackCore(sent, packing, { limits: this.#limits, sentSize: () => sent.size });
    const writer = await this.#receive(core, `${filename ?? "the file"}, inflated`, rules);
    return { writer, sentSha256: await sent.digest() };
  }

  /** An ELF file, or an archive of them. */
  async addBinary(body: ChunkSource, filename: string | null, path: string | null = null): Promise<void> {
    const { binaries_per_job: most, binary_bytes: limit } = this.#limits;
    this.#binaryParts += 1;
    if (this.#binaryParts > most) throw new Failure("too_many_parts", `more than ${most} binaries came in one request`);
    let kind: ArchiveKind | null = null;
    const judge = (first: Buffer, name: string | null) => {
      kind = archiveKind(first);
      if (kind === null) requireBinary(first, name);
    };
    const writer = await receiveFile(body, filename, { part: "binary", limit, judge }, this.#blobs, this.#room);
    if (kind === null) return await this.#keepBinary(writer, filename, path);
    // The archive itself is not kept.
    await using archive = writer;
    await this.#addArchive({ path: archive.path, size: archive.size, kind, filename });
  }

  async #addArchive(archive: Archive): Promise<void> {
    const before = this.binaries.length;
    const { binary_bytes: limit } = this.#limits;
    await eachEntry(archive, this.#limits, async ({ name, body }) => {
      const first = await body.next();
      // Scripts, texts and links in a folder of binaries are no mistake of the sender's.
      if (first === null || !isBinary(first)) return;
      const whole = withHead([first], body);
      const filename = cleanFileName(name);
      const writer = await receiveFile(whole, filename, { part: "binary", limit, judge: requireBinary }, this.#blobs, this.#room);
      await this.#keepBinary(writer, filename, entryPath(name));
    });
    if (this.binaries.length === before) throw new Failure("not_a_binary", `the archive ${JSON.stringify(archive.filename)} holds no ELF file`);
  }

  /** Thousands of files may come in one request: their descriptors are given back. */
  async #keepBinary(writer: BlobWriter, filename: string | null, path: string | null): Promise<void> {
    this.#writers.push(writer);
    const [facts] = await Promise.all([inspectBinaryFile(writer.path), writer.park()]);
    this.binaries.push({ writer, filename, path, facts });
  }

  async addAttachment(body: ChunkSource, filename: string | null): Promise<void> {
    const { attachments_per_job: most, attachment_bytes: limit } = this.#limits;
    if (this.attachments.length >= most) throw new Failure("too_many_parts", `more than ${most} attachments came in one request`);
    const writer = await this.#receive(body, filename, { part: "attachment", limit, judge: requireText });
    this.attachments.push({ writer, filename });
  }

  async #receive(body: ChunkSource, filename: string | null, rules: FileRules): Promise<BlobWriter> {
    const writer = await receiveFile(body, filename, rules, this.#blobs, this.#room);
    this.#writers.push(writer);
    return writer;
  }

  /** Disposes every writer, even when one of them fails. */
  async [Symbol.asyncDispose](): Promise<void> {
    const results = await Promise.allSettled(this.#writers.splice(0).map((writer) => writer[Symbol.asyncDispose]()));
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }
}
