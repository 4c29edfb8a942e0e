/**
 * Unfinished uploads on disk, for the tus server: `ID.part`, whose length is how far the upload has come, and `ID.json`.
 *
 * So nothing but the files has to survive a restart. An id is `PROJECT~UUID`: who asks for another project's upload asks for
 * a file that is not there. Blocks of zeros are left out, as everywhere.
 */
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, opendir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { DataStore, Upload } from "@tus/server";
import { Failure, type FailureCode } from "../../contract/failure.ts";
import type { Limits } from "../../contract/limits.ts";
import type { BlobStore } from "../../storage/blob-store.ts";
import { storageFailure } from "../../storage/storage-failure.ts";
import { packingOf } from "../decompress/packing.ts";
import { RoomWatch } from "../receive/room-watch.ts";
import { requireCore, SNIFF_BYTES } from "../sniff.ts";
import { formType } from "./upload-metadata.ts";
import { readRecord, type UploadRecord, writeRecord } from "./upload-record.ts";

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR, O_WRONLY } = constants;
const idForm = /^[a-z0-9][a-z0-9._-]{0,62}~[0-9a-f-]{36}$/;
const zeros = Buffer.alloc(1 << 20);
const isZero = (chunk: Buffer) => chunk[0] === 0 && chunk.length <= zeros.length && chunk.compare(zeros, 0, chunk.length) === 0;

export const uploadId = (project: string, uuid: string) => `${project}~${uuid}`;

const noCore: ReadonlySet<FailureCode> = new Set(["not_a_core", "core_empty", "core_malformed"]);

type UploadLimits = Pick<Limits, "free_disk_bytes" | "unfinished_uploads" | "upload_expiry_seconds">;

const notThere = () => new Failure("upload_not_found", "there is no such upload; it may have expired");

async function writeWhole(file: FileHandle, chunk: Buffer, position: number): Promise<void> {
  for (let done = 0; done < chunk.length; ) done += (await file.write(chunk, done, chunk.length - done, position + done)).bytesWritten;
}

export class UploadFiles extends DataStore {
  readonly #folder: string;
  readonly #blobs: Pick<BlobStore, "freeBytes">;
  readonly #limits: UploadLimits;

  constructor(folder: string, blobs: Pick<BlobStore, "freeBytes">, limits: UploadLimits) {
    super();
    this.#folder = folder;
    this.#blobs = blobs;
    this.#limits = limits;
    this.extensions = ["creation", "creation-defer-length", "creation-with-upload", "expiration", "termination"];
  }

  bytesPath(id: string): string {
    if (!idForm.test(id)) throw notThere();
    return join(this.#folder, `${id}.part`);
  }

  #recordPath(id: string): string {
    return this.bytesPath(id).replace(/part$/, "json");
  }

  /** Null when there is no such upload. */
  async record(id: string): Promise<UploadRecord | null> {
    return idForm.test(id) ? await readRecord(this.#recordPath(id)) : null;
  }

  override async create(upload: Upload): Promise<Upload> {
    const { id, size } = upload;
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      const unfinished = await this.#count();
      if (unfinished >= this.#limits.unfinished_uploads) throw new Failure("rate_limited", `${unfinished} uploads are unfinished already`, { retryAfter: 60 });
      await new RoomWatch(this.#blobs, this.#limits).check(size ?? 0);
      await using file = await open(this.bytesPath(id), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      await writeRecord(this.#recordPath(id), { size: size ?? null, metadata: upload.metadata ?? {}, createdAt: new Date().toISOString(), job: null });
      void file;
      return upload;
    } catch (error) {
      await this.remove(id).catch(() => undefined);
      throw storageFailure(error);
    }
  }

  async #count(): Promise<number> {
    let count = 0;
    for await (const { name } of await opendir(this.#folder)) if (name.endsWith(".part")) count += 1;
    return count;
  }

  override async getUpload(id: string): Promise<Upload> {
    const record = await this.record(id);
    if (record === null) throw notThere();
    const { size, metadata, createdAt, job } = record;
    const offset = job === null || size === null ? (await stat(this.bytesPath(id)).catch(() => ({ size: 0 }))).size : size;
    return new Upload({ id, ...(size === null ? {} : { size }), offset, metadata, creation_date: createdAt });
  }

  /** Told by the last request of a client that did not know it before. */
  override async declareUploadLength(id: string, size: number): Promise<void> {
    const record = await this.record(id);
    if (record === null) throw notThere();
    await writeRecord(this.#recordPath(id), { ...record, size });
  }

  /** Keeps what comes, also when the link drops on the way; the new offset. */
  override async write(stream: Readable, id: string, offset: number): Promise<number> {
    const room = new RoomWatch(this.#blobs, this.#limits);
    const record = await this.record(id);
    const isForm = record !== null && formType(record.metadata) !== null;
    let position = offset;
    try {
      // Many short requests are one long upload.
      await room.check(0);
      await using file = await open(this.bytesPath(id), O_RDWR | O_NOFOLLOW);
      try {
        for await (const chunk of stream) {
          if (!Buffer.isBuffer(chunk)) continue;
          if (position === 0 && !isForm && chunk.length >= SNIFF_BYTES && packingOf(chunk.subarray(0, SNIFF_BYTES)) === null) {
            requireCore(chunk.subarray(0, SNIFF_BYTES), null);
          }
          await room.took(chunk.length);
          if (!isZero(chunk)) await writeWhole(file, chunk, position);
          position += chunk.length;
        }
      } finally {
        if (position > offset) await file.truncate(position);
      }
    } catch (error) {
      // What is no core will never be one.
      if (error instanceof Failure && noCore.has(error.code)) await this.remove(id);
      throw storageFailure(error);
    }
    return position;
  }

  override async remove(id: string): Promise<void> {
    const record = this.#recordPath(id);
    for (const path of [this.bytesPath(id), record, `${record}.new`]) await rm(path, { force: true });
  }

  /** The bytes have become a job: only which one is kept, for a client that missed the answer. */
  async finish(id: string, job: string): Promise<void> {
    const record = await this.record(id);
    if (record === null) throw notThere();
    await writeRecord(this.#recordPath(id), { ...record, job });
    await rm(this.bytesPath(id), { force: true });
  }

  override getExpiration(): number {
    return this.#limits.upload_expiry_seconds * 1_000;
  }

  /** Removes what has expired, finished or not; how many that was. */
  override async deleteExpired(): Promise<number> {
    let removed = 0;
    const names: string[] = [];
    try {
      for await (const { name } of await opendir(this.#folder)) names.push(name);
    } catch {
      return 0; // nothing was ever uploaded this way
    }
    for (const id of new Set(names.map((name) => name.replace(/\.(?:part|json|json\.new)$/, "")))) {
      if (!idForm.test(id)) continue;
      const record = await this.record(id);
      const since = record === null ? (await stat(this.bytesPath(id)).catch(() => null))?.mtimeMs : Date.parse(record.createdAt);
      if (since !== undefined && Date.now() - since < this.getExpiration()) continue;
      await this.remove(id);
      removed += 1;
    }
    return removed;
  }
}
