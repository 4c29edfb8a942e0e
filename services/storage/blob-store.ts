/**
 * Where bytes live: cores, binaries, attachments.
 *
 * Blobs are named by the server only, written once and never changed. A writer collects the bytes in a private local
 * file while their SHA-256 runs, so that intake can look at them before anything is kept; `commit` gives them their
 * name in one step, and a writer that is disposed without it leaves nothing behind. The file system is the first kind,
 * S3 the second; nothing outside this room knows which.
 */
import type { Readable, Writable } from "node:stream";

/** A server-made name: `cores/0193…`, `binaries/ab/cdef…`. Lower case, digits, `-`, `_`, `.` and `/` between segments. */
export type BlobKey = string;

export interface BlobRange {
  /** First byte, from 0. */
  readonly start: number;
  /** Last byte, included; up to the end when left out. */
  readonly end?: number;
}

/** One blob in the making. Disposing it before `commit` removes what was written. */
export interface BlobWriter extends AsyncDisposable {
  /** Takes the bytes, hashes and writes them. Errors are `Failure`s: `store_full`, `store_unavailable`. */
  readonly stream: Writable;
  /** The local file that the bytes are in until `commit`; complete once `stream` has finished. */
  readonly path: string;
  /** Bytes taken so far. */
  readonly size: number;
  /** Lower-case hex; only once `stream` has finished. */
  readonly sha256: string;
  /** Gives the descriptor back once `stream` has finished, for a request with thousands of files; `commit` still works. */
  park(): Promise<void>;
  /** Makes the bytes durable under their name. An older blob of the same name is replaced as a whole. */
  commit(key: BlobKey): Promise<void>;
}

/** A blob as a file that other programs can open; disposing it releases what was made for it. */
export interface LocalFile extends AsyncDisposable {
  readonly path: string;
}

export interface BlobStore {
  readonly kind: "file" | "s3";
  create(): Promise<BlobWriter>;
  has(key: BlobKey): Promise<boolean>;
  /** Bytes; null when there is no such blob. */
  size(key: BlobKey): Promise<number | null>;
  /** True when there was something to remove. */
  remove(key: BlobKey): Promise<boolean>;
  /** Keys that begin with the prefix, in no particular order. */
  list(prefix: string): AsyncIterable<BlobKey>;
  /** Rejects with `blob_not_found` when there is no such blob. */
  open(key: BlobKey, range?: BlobRange): Promise<Readable>;
  localFile(key: BlobKey): Promise<LocalFile>;
  /** Removes what writers of processes that are gone left behind; how many files that were. */
  sweepPartials(): Promise<number>;
  /** Bytes that can still be written; null when the kind cannot tell. */
  freeBytes(): Promise<number | null>;
}
