/**
 * The lines of an uploaded log, one after the other, at constant memory.
 *
 * A log is hostile: it may be one line of many megabytes, or a million empty ones. Of a line only its begin is looked at, and every
 * reader of lines works in time that grows with the line's length alone.
 */

/** The longest line that a tool writes is a list of modules, or a file name of 500 characters with each of them escaped. */
const longestLine = 8 * 1024;
const lineFeed = 10;

/** Cuts what comes into lines without their ends: invalid UTF-8 becomes replacement characters, the rest of a line too long is left out. */
export class LogLines {
  readonly #take: (line: string) => void;
  #rest: Buffer[] = [];
  /** Of the line that goes on, what was left out included. */
  #size = 0;

  constructor(take: (line: string) => void) {
    this.#take = take;
  }

  push(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, start)) {
      if (this.#size === 0) this.#take(textOf(chunk.subarray(start, Math.min(end, start + longestLine))));
      else {
        this.#keep(chunk.subarray(start, end));
        this.end();
      }
      start = end + 1;
      // Empty lines in a row are one.
      while (chunk[start] === lineFeed && chunk[start + 1] === lineFeed) start += 1;
    }
    this.#keep(chunk.subarray(start));
  }

  /** What is there without a line end. */
  end(): void {
    if (this.#size > 0) this.#take(textOf(Buffer.concat(this.#rest)));
    this.#rest = [];
    this.#size = 0;
  }

  #keep(part: Buffer): void {
    const room = longestLine - this.#size;
    // A copy: a short line must not keep a large chunk.
    if (room > 0 && part.length > 0) this.#rest.push(Buffer.from(part.subarray(0, room)));
    this.#size += part.length;
  }
}

const textOf = (line: Buffer): string => (line.length === 0 ? "" : line.toString("utf8").replace(/\r$/, ""));
