/** Collects a part's first bytes and has them judged as soon as there are enough of them. */
import { SNIFF_BYTES } from "../sniff.ts";

/** Throws a `Failure` for what is not taken. */
export type Judge = (firstBytes: Buffer, filename: string | null) => void;

export class FirstBytes {
  readonly #judge: Judge;
  readonly #filename: string | null;
  #bytes = Buffer.alloc(0);
  #judged = false;

  constructor(judge: Judge, filename: string | null) {
    this.#judge = judge;
    this.#filename = filename;
  }

  take(chunk: Buffer): void {
    if (this.#judged) return;
    this.#bytes = Buffer.concat([this.#bytes, chunk.subarray(0, SNIFF_BYTES - this.#bytes.length)]);
    if (this.#bytes.length === SNIFF_BYTES) this.end();
  }

  /** The part has ended: what is there has to do. */
  end(): void {
    if (this.#judged) return;
    this.#judged = true;
    this.#judge(this.#bytes, this.#filename);
  }
}
