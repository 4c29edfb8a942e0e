/**
 * The blob store on a file system.
 *
 *     ROOT/tmp/PLACE.PID.START.RANDOM.part    being written
 *     ROOT/KEY                                kept
 *
 * Folders are 0700, files 0600; nothing is opened through a link. A partial file's name tells which process writes it, so
 * that those of dead processes can be swept, when the store is opened and now and then.
 */
import { constants, type Dirent } from "node:fs";
import { mkdir, open, opendir, rename, rmdir, statfs, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { Failure } from "../contract/failure.ts";
import type { BlobKey, BlobRange, BlobStore, BlobWriter, LocalFile } from "./blob-store.ts";
import { openHashingSink, type HashingSink } from "./hashing-sink.ts";
import { partialName, sweepPartials } from "./partial-files.ts";
import { isMissing, storageFailure } from "./storage-failure.ts";

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR } = constants;

/** Room for a read stream's chunks: fewer, larger reads keep up with the disk. */
const READ_CHUNK = 1 << 20;

const segment = "[a-z0-9][a-z0-9._-]{0,199}";
const keyForm = new RegExp(`^${segment}(?:/${segment})*$`);

/** Keys are made by the server; one that breaks the form is a defect of ours, not of a request. */
function checkedPath(root: string, key: BlobKey): string {
  if (key.length > 512 || !keyForm.test(key) || key === "tmp" || key.startsWith("tmp/")) throw new TypeError("not a blob key");
  return join(root, key);
}

export async function openFileBlobStore(root: string): Promise<BlobStore> {
  try {
    await mkdir(join(root, "tmp"), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw storageFailure(error);
  }
  const store = new FileBlobStore(root);
  await store.sweepPartials();
  return store;
}

class FileBlobStore implements BlobStore {
  readonly kind = "file";
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async sweepPartials(): Promise<number> {
    try {
      return await sweepPartials(join(this.#root, "tmp"));
    } catch (error) {
      throw storageFailure(error);
    }
  }

  async create(): Promise<BlobWriter> {
    const path = join(this.#root, "tmp", partialName());
    try {
      return new FileBlobWriter(this.#root, path, openHashingSink(await open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)));
    } catch (error) {
      throw storageFailure(error);
    }
  }

  async has(key: BlobKey): Promise<boolean> {
    return (await this.size(key)) !== null;
  }

  async size(key: BlobKey): Promise<number | null> {
    try {
      await using file = await open(checkedPath(this.#root, key), O_RDONLY | O_NOFOLLOW);
      const stat = await file.stat();
      return stat.isFile() ? stat.size : null;
    } catch (error) {
      if (isMissing(error)) return null;
      throw storageFailure(error);
    }
  }

  async remove(key: BlobKey): Promise<boolean> {
    const path = checkedPath(this.#root, key);
    try {
      await unlink(path);
    } catch (error) {
      if (isMissing(error)) return false;
      throw storageFailure(error);
    }
    await this.#removeEmptyFolders(dirname(path));
    return true;
  }

  async #removeEmptyFolders(folder: string): Promise<void> {
    for (let each = folder; each !== this.#root; each = dirname(each)) {
      try {
        await rmdir(each);
      } catch {
        return; // not empty, or already gone
      }
    }
  }

  async *list(prefix: string): AsyncIterable<BlobKey> {
    const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1);
    if (folder !== "") checkedPath(this.#root, folder.slice(0, -1));
    for await (const key of this.#walk(folder)) if (key.startsWith(prefix)) yield key;
  }

  async *#walk(folder: string): AsyncIterable<BlobKey> {
    const entries: Dirent[] = [];
    try {
      for await (const entry of await opendir(join(this.#root, folder))) entries.push(entry);
    } catch (error) {
      if (isMissing(error)) return;
      throw storageFailure(error);
    }
    for (const entry of entries) {
      const key = folder + entry.name;
      if (key === "tmp") continue;
      if (entry.isDirectory()) yield* this.#walk(`${key}/`);
      else if (entry.isFile()) yield key;
    }
  }

  async open(key: BlobKey, range?: BlobRange): Promise<Readable> {
    try {
      const file = await open(checkedPath(this.#root, key), O_RDONLY | O_NOFOLLOW);
      return file.createReadStream({ highWaterMark: READ_CHUNK, ...range });
    } catch (error) {
      throw isMissing(error) ? new Failure("blob_not_found", "nothing is stored under this name") : storageFailure(error);
    }
  }

  async localFile(key: BlobKey): Promise<LocalFile> {
    if (!(await this.has(key))) throw new Failure("blob_not_found", "nothing is stored under this name");
    return { path: checkedPath(this.#root, key), [Symbol.asyncDispose]: async () => {} };
  }

  async freeBytes(): Promise<number> {
    try {
      const { bavail, bsize } = await statfs(this.#root);
      return bavail * bsize;
    } catch (error) {
      throw storageFailure(error);
    }
  }
}

class FileBlobWriter implements BlobWriter {
  readonly path: string;
  readonly #root: string;
  readonly #sink: HashingSink;
  #committed = false;

  constructor(root: string, path: string, sink: HashingSink) {
    this.#root = root;
    this.path = path;
    this.#sink = sink;
  }

  get stream() {
    return this.#sink.stream;
  }

  get size(): number {
    return this.#sink.size;
  }

  get sha256(): string {
    return this.#sink.sha256;
  }

  async park(): Promise<void> {
    if (!this.stream.writableFinished) throw new TypeError("parked before the stream has finished");
    await this.#sink.close();
  }

  /** Through a descriptor of its own where the sink's is closed: what is made durable is the file's data, whoever wrote it. */
  async #sync(): Promise<void> {
    if (!this.stream.destroyed) return await this.#sink.file.sync();
    await using file = await open(this.path, O_RDONLY | O_NOFOLLOW);
    await file.sync();
  }

  async commit(key: BlobKey): Promise<void> {
    const target = checkedPath(this.#root, key);
    if (this.#committed) throw new TypeError("committed twice");
    if (!this.stream.writableFinished) throw new TypeError("committed before the stream has finished");
    try {
      await this.#sync();
      const made = await mkdir(dirname(target), { recursive: true, mode: 0o700 });
      await rename(this.path, target);
      this.#committed = true;
      await syncFolders(dirname(target), made === undefined ? dirname(target) : dirname(made));
    } catch (error) {
      throw storageFailure(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sink.close();
    if (this.#committed) return;
    try {
      await unlink(this.path);
    } catch (error) {
      if (!isMissing(error)) throw storageFailure(error);
    }
  }
}

/** A rename is durable once its folder is; so is each folder that was made for it. */
async function syncFolders(from: string, to: string): Promise<void> {
  for (let folder = from; ; folder = dirname(folder)) {
    await using handle = await open(folder, O_RDONLY | O_DIRECTORY);
    await handle.sync();
    if (folder === to || folder === dirname(folder)) return;
  }
}
