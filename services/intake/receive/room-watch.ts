/** Looks at the store's free room while an upload runs, so that a disk is never filled to its last byte. */
import { Failure } from "../../contract/failure.ts";
import type { Limits } from "../../contract/limits.ts";
import type { BlobStore } from "../../storage/blob-store.ts";

/** One look for so many bytes. */
const INTERVAL = 64 << 20;

export class RoomWatch {
  readonly #blobs: Pick<BlobStore, "freeBytes">;
  readonly #keepFree: number;
  #untilNextLook = INTERVAL;

  constructor(blobs: Pick<BlobStore, "freeBytes">, limits: Pick<Limits, "free_disk_bytes">) {
    this.#blobs = blobs;
    this.#keepFree = limits.free_disk_bytes;
  }

  /** Before an upload that announces so many bytes. */
  async check(announced: number): Promise<void> {
    const free = await this.#blobs.freeBytes();
    if (free === null || free - announced >= this.#keepFree) return;
    throw new Failure("store_full", `the store has ${free} bytes free, of which ${this.#keepFree} are kept free; the upload has at least ${announced}`);
  }

  async took(bytes: number): Promise<void> {
    this.#untilNextLook -= bytes;
    if (this.#untilNextLook > 0) return;
    this.#untilNextLook = INTERVAL;
    await this.check(0);
  }
}
