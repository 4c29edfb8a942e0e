/**
 * Inflates a stream with the system's own programs, in the sandbox.
 *
 * The input is hostile and so may be what it does to a decompressor: each runs without network, files or privileges, within
 * limits of memory and time, and what comes out is counted while it comes. Zeros are not: they become holes of the stored
 * file, and a sparse core compresses as well as a bomb does.
 */
import { once } from "node:events";
import type { Writable } from "node:stream";
import { realpathSync } from "node:fs";
import { Failure } from "../../contract/failure.ts";
import type { Limits } from "../../contract/limits.ts";
import { requireProgram } from "../../sandbox/sandbox.ts";
import { killSandboxed, type SandboxedProcess, startSandboxed } from "../../sandbox/sandboxed-process.ts";
import type { ChunkSource } from "../receive/chunk-source.ts";
import { StreamChunks } from "../receive/stream-chunks.ts";
import type { Compression } from "./packing.ts";

const MiB = 1024 * 1024;

/** Programs and arguments: from standard input to standard output, quietly, in one thread. */
const programs: Readonly<Record<Compression, readonly [string, ...string[]]>> = {
  gzip: ["gzip", "-dcq"],
  zstd: ["zstd", "-dcq", "--no-progress", "--single-thread"],
  lz4: ["lz4", "-dcq"],
  xz: ["xz", "-dcq", "--threads=1", "--memlimit-decompress=400MiB"],
};

/** So much may come out whatever went in. */
const freely = 64 * MiB;
const zeros = Buffer.alloc(64 * 1024);
const isZero = (chunk: Buffer) => chunk[0] === 0 && chunk.length <= zeros.length && chunk.compare(zeros, 0, chunk.length) === 0;

export interface InflateOptions {
  readonly compression: Compression;
  readonly limits: Pick<Limits, "core_bytes" | "core_inflate_ratio" | "inflate_memory_bytes">;
  /** Bytes that have gone in so far, as they were sent. */
  readonly sentSize: () => number;
}

export interface Inflating extends ChunkSource, AsyncDisposable {}

/** Feeds the program; resolves when it has all of it, or does not want more. Rejects with the source's own failure. */
async function feed(source: ChunkSource, stdin: Writable): Promise<void> {
  for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) {
    if (stdin.destroyed || stdin.errored !== null) return;
    if (!stdin.write(chunk)) await once(stdin, "drain").catch(() => undefined);
  }
  stdin.end();
}

class SandboxedInflater implements Inflating {
  readonly #options: InflateOptions;
  readonly #process: SandboxedProcess;
  readonly #out: StreamChunks;
  readonly #closed: Promise<unknown[]>;
  readonly #fed: Promise<Error | null>;
  #failed: Error | null = null;
  #stderr = "";
  #size = 0;
  #data = 0;

  constructor(source: ChunkSource, options: InflateOptions) {
    this.#options = options;
    const [name, ...args] = programs[options.compression];
    const program = realpathSync(requireProgram(name, "sandbox_unavailable"));
    this.#process = startSandboxed({
      command: [program, ...args],
      limits: { addressSpace: options.limits.inflate_memory_bytes, data: options.limits.inflate_memory_bytes, cpuSeconds: 7_200, fileSize: MiB },
      readOnly: [[program, program]],
      writable: [],
      hidden: [],
    });
    const { child } = this.#process;
    this.#closed = once(child, "close").catch((error: unknown) => [error]);
    child.stdin.on("error", () => undefined);
    child.stderr.on("data", (chunk: Buffer) => void (this.#stderr = (this.#stderr + chunk.toString("latin1")).slice(-1_000)));
    this.#out = new StreamChunks(child.stdout, (error) => error ?? new Failure("core_compressed_damaged", "the program that inflates it was ended"));
    this.#fed = feed(source, child.stdin).then(
      () => null,
      (error: unknown) => {
        this.#failed = error instanceof Error ? error : new Error(String(error));
        killSandboxed(this.#process);
        return this.#failed;
      },
    );
  }

  async next(): Promise<Buffer | null> {
    const chunk = await this.#out.next();
    if (chunk === null) {
      await this.#end();
      return null;
    }
    this.#count(chunk);
    return chunk;
  }

  #count(chunk: Buffer): void {
    const { limits, sentSize } = this.#options;
    this.#size += chunk.length;
    if (!isZero(chunk)) this.#data += chunk.length;
    if (this.#size > limits.core_bytes) throw new Failure("decompression_bomb", `it inflates to more than the ${limits.core_bytes} bytes that a core may have`);
    if (this.#data > freely && this.#data > sentSize() * limits.core_inflate_ratio) {
      throw new Failure("decompression_bomb", `${sentSize()} bytes inflated to ${this.#data} so far, more than ${limits.core_inflate_ratio} times as many`);
    }
  }

  async #end(): Promise<void> {
    const [status] = await this.#closed;
    if (this.#failed !== null) throw this.#failed;
    const { compression } = this.#options;
    // gzip ends with 2 for a warning, such as zeros behind the end.
    if (status !== 0 && !(compression === "gzip" && status === 2)) {
      const sandbox = /bwrap|prlimit|unshare|setpriv/.exec(this.#stderr);
      if (sandbox !== null) throw new Failure("sandbox_unavailable", "the sandbox for inflating cannot be started", { cause: new Error(this.#stderr) });
      throw new Failure("core_compressed_damaged", `${compression} cannot inflate it to its end (${reason(this.#stderr)})`);
    }
    const failed = await this.#fed;
    if (failed !== null) throw failed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#out.release();
    killSandboxed(this.#process);
    this.#process.child.stdout.destroy();
    await this.#closed;
  }
}

/** The program's own words, without the names of files and programs. */
function reason(stderr: string): string {
  const last = stderr.trim().split("\n").at(-1) ?? "";
  const words = last
    .replace(/^.*?:\s*/, "")
    .replace(/\(?stdin\)?\s*:?|\/\*stdin\*\\?\s*:?|-:/g, "")
    .replace(/[^\x20-\x7e]/g, "")
    .trim();
  return words === "" ? "the file is damaged or cut off" : words.slice(0, 200);
}

/** Throws `decompression_bomb`, `core_compressed_damaged`, `sandbox_unavailable`, and whatever the source throws. */
export const inflate = (source: ChunkSource, options: InflateOptions): Inflating => new SandboxedInflater(source, options);
