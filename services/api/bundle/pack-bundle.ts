/** A job's bundle as a tar stream: everything in one folder, files of the store streamed one after the other. */
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { type Pack, pack } from "tar-stream";
import { Failure } from "../../contract/failure.ts";
import type { PlannedFile, PlannedLink } from "../../intake/needs/view-plan.ts";
import type { BlobStore } from "../../storage/blob-store.ts";

const helperScripts = fileURLToPath(new URL("../../../gdb-scripts", import.meta.url));
const wanted = (path: string) => !/(^|\/)(__pycache__|tools)(\/|$)/.test(path);

export interface BundleContent {
  /** The one folder that the tar holds. */
  readonly folder: string;
  readonly mtime: Date;
  readonly texts: Readonly<Record<string, string>>;
  /** The core and the view's files. */
  readonly files: readonly PlannedFile[];
  readonly links: readonly PlannedLink[];
}

async function addText(tar: Pack, name: string, content: string | Buffer, mtime: Date): Promise<void> {
  const mode = name.endsWith(".sh") ? 0o755 : 0o644;
  await new Promise<void>((resolve, reject) => tar.entry({ name, mode, mtime }, content, (error) => (error ? reject(error) : resolve())));
}

async function addBlob(tar: Pack, name: string, blobs: Pick<BlobStore, "open" | "size">, { blob }: PlannedFile, mtime: Date): Promise<void> {
  const size = await blobs.size(blob);
  if (size === null) throw new Failure("blob_not_found", "a file of the bundle is gone");
  const source = await blobs.open(blob);
  const entry = tar.entry({ name, size, mode: 0o600, mtime });
  await pipeline(source, entry);
}

async function fill(tar: Pack, content: BundleContent, blobs: Pick<BlobStore, "open" | "size">): Promise<void> {
  const { folder, mtime } = content;
  for (const [name, text] of Object.entries(content.texts)) await addText(tar, `${folder}/${name}`, text, mtime);
  for (const entry of await readdir(helperScripts, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(helperScripts, path);
    if (entry.isFile() && wanted(name)) await addText(tar, `${folder}/gdb-scripts/${name}`, await readFile(path), mtime);
  }
  for (const { at, target } of content.links) {
    await new Promise<void>((resolve, reject) =>
      tar.entry({ name: `${folder}/${at}`, type: "symlink", linkname: target, mtime }, (error) => (error ? reject(error) : resolve())),
    );
  }
  for (const file of content.files) await addBlob(tar, `${folder}/${file.at}`, blobs, file, mtime);
  tar.finalize();
}

/** The stream fails when a file does: the client then sees a body that ends early. */
export function packBundle(content: BundleContent, blobs: Pick<BlobStore, "open" | "size">, onError: (error: unknown) => void): Readable {
  const tar = pack();
  fill(tar, content, blobs).catch((error: unknown) => {
    onError(error);
    tar.destroy(error instanceof Error ? error : new Error("the bundle could not be packed"));
  });
  return Readable.from(tar, { objectMode: false, highWaterMark: 1 << 20 });
}
