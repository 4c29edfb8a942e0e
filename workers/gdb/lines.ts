/**
 * Layer 1: bytes to lines.
 *
 * Works on buffers, so that a UTF-8 sequence cut by a chunk's end stays whole. A record may be tens of megabytes; the
 * pieces of an unfinished line are kept as they came and joined once. Beyond the cap the stream is given up: it comes
 * from a process that a hostile file may have taken over.
 */
import { Failure } from "../../services/contract/failure.ts";

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

export class LineSplitter {
  readonly #cap: number;
  #pieces: Buffer[] = [];
  #pending = 0;

  /** `cap`: bytes of the longest line, its line feed not counted. */
  constructor(cap: number) {
    this.#cap = cap;
  }

  /** The lines that `chunk` ends, without their line ends. Throws `debugger_protocol` when a line passes the cap. */
  push(chunk: Buffer): Buffer[] {
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, start)) {
      this.#keep(chunk.subarray(start, end));
      lines.push(this.#take());
      start = end + 1;
    }
    if (start < chunk.length) this.#keep(Buffer.from(chunk.subarray(start)));
    return lines;
  }

  /** What stands after the last line feed, at the stream's end. */
  rest(): Buffer {
    return this.#take();
  }

  #keep(piece: Buffer): void {
    this.#pending += piece.length;
    if (this.#pending > this.#cap) throw new Failure("debugger_protocol", `gdb sent a line of more than ${this.#cap} bytes`);
    this.#pieces.push(piece);
  }

  #take(): Buffer {
    const line = this.#pieces.length === 1 && this.#pieces[0] !== undefined ? this.#pieces[0] : Buffer.concat(this.#pieces, this.#pending);
    this.#pieces = [];
    this.#pending = 0;
    return line.at(-1) === carriageReturn ? line.subarray(0, -1) : line;
  }
}
