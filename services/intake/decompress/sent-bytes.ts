/** The bytes as they were sent, counted and hashed on their way to the one who inflates them. */
import { createHash } from "node:crypto";
import { Failure } from "../../contract/failure.ts";
import type { ChunkSource } from "../receive/chunk-source.ts";

export class SentBytes implements ChunkSource {
  readonly #source: ChunkSource;
  readonly #limit: number;
  readonly #hash = createHash("sha256");
  size = 0;

  constructor(source: ChunkSource, limit: number) {
    this.#source = source;
    this.#limit = limit;
  }

  async next(): Promise<Buffer | null> {
    const chunk = await this.#source.next();
    if (chunk === null) return null;
    this.size += chunk.length;
    if (this.size > this.#limit) throw new Failure("upload_too_large", `the core is larger than ${this.#limit} bytes even as it is packed`);
    this.#hash.update(chunk);
    return chunk;
  }

  /** Lower-case hex; once, after the last byte. What a program did not want to read is read here. */
  async digest(): Promise<string> {
    while ((await this.next()) !== null);
    return this.#hash.digest("hex");
  }
}
