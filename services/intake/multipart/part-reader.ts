/**
 * multipart/form-data, part by part (RFC 2046, 5.1; RFC 7578).
 *
 * Pull, not push: a part's bytes are asked for, and the next part comes when they are through, so nothing runs ahead of the
 * disk and a refusal just stops asking. What is held is one chunk and what may be the start of a delimiter. A body that
 * ends before its closing delimiter is `upload_truncated`, everything else that breaks the form `multipart_malformed`.
 */
import { Failure } from "../../contract/failure.ts";
import { parseHeaderParameters } from "./header-parameters.ts";
import { type PartHeader, parsePartHeader } from "./part-header.ts";
import type { ChunkSource } from "./request-chunks.ts";

const MOST_HEADER_BYTES = 16 * 1024;
/** Before the first delimiter and behind the last there is nothing that anybody needs. */
const MOST_STRAY_BYTES = 64 * 1024;

export interface Part extends PartHeader {
  /** The part's bytes; to be read to the end before the next part is asked for. */
  readonly body: ChunkSource;
}

/** The boundary of a Content-Type; throws `multipart_malformed` when there is none of the form that RFC 2046 allows. */
export function boundaryOf(contentType: string): string {
  const boundary = parseHeaderParameters(contentType)?.parameters.get("boundary");
  if (boundary === undefined) throw new Failure("multipart_malformed", "the Content-Type has no boundary");
  if (!/^[\w'()+,\-./:=? ]{0,199}[\w'()+,\-./:=?]$/.test(boundary))
    throw new Failure("multipart_malformed", "the boundary in the Content-Type is not well formed");
  return boundary;
}

const nothing = Buffer.alloc(0);
const lineEnd = Buffer.from("\r\n");
const headerEnd = Buffer.from("\r\n\r\n");

export class PartReader {
  readonly #source: ChunkSource;
  readonly #delimiter: Buffer;
  /** Not looked at yet. The line end stands for the one that the first delimiter may lack. */
  #rest: Buffer = lineEnd;
  #state: "preamble" | "body" | "between" | "end" = "preamble";

  constructor(source: ChunkSource, boundary: string) {
    this.#source = source;
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, "latin1");
  }

  /** Null after the last part. */
  async next(): Promise<Part | null> {
    if (this.#state === "body") throw new TypeError("the part before has not been read to its end");
    if (this.#state === "preamble") await this.#skipPreamble();
    if (this.#state === "end" || (await this.#isClosing())) return await this.#finish();
    const header = parsePartHeader(await this.#readHeader());
    this.#state = "body";
    return { ...header, body: { next: () => this.#nextOfBody() } };
  }

  async #more(): Promise<void> {
    const chunk = await this.#source.next();
    if (chunk === null) throw new Failure("upload_truncated", "the body ends before its closing boundary");
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
  }

  /** Bytes before the next delimiter; null when it has been reached, and passed. */
  async #nextOfBody(): Promise<Buffer | null> {
    if (this.#state !== "body") return null;
    for (;;) {
      const at = this.#rest.indexOf(this.#delimiter);
      if (at === 0) {
        this.#rest = this.#rest.subarray(this.#delimiter.length);
        this.#state = "between";
        return null;
      }
      const safe = at > 0 ? at : this.#safeLength();
      if (safe > 0) {
        const bytes = this.#rest.subarray(0, safe);
        this.#rest = this.#rest.subarray(safe);
        return bytes;
      }
      await this.#more();
    }
  }

  /** How much of `#rest` cannot be the start of a delimiter, which begins with its only carriage return. */
  #safeLength(): number {
    const start = Math.max(0, this.#rest.length - this.#delimiter.length + 1);
    const at = this.#rest.indexOf(0x0d, start);
    return at < 0 ? this.#rest.length : at;
  }

  async #skipPreamble(): Promise<void> {
    this.#state = "body";
    let skipped = 0;
    for (let bytes = await this.#nextOfBody(); bytes !== null; bytes = await this.#nextOfBody()) {
      skipped += bytes.length;
      if (skipped > MOST_STRAY_BYTES) throw new Failure("multipart_malformed", "the body does not hold the boundary that the Content-Type announces");
    }
  }

  /** Behind a delimiter: `--` closes the body, blanks and a line end lead to a part. */
  async #isClosing(): Promise<boolean> {
    while (this.#rest.length < 2) await this.#more();
    if (this.#rest.toString("latin1", 0, 2) === "--") return true;
    for (;;) {
      const padding = /^[ \t]*(?:\r(?:\n|$)|$)/.exec(this.#rest.toString("latin1", 0, 256))?.[0];
      if (padding === undefined) throw new Failure("multipart_malformed", "a boundary is not followed by the end of its line");
      if (padding.endsWith("\n")) {
        this.#rest = this.#rest.subarray(padding.length);
        return false;
      }
      if (this.#rest.length > 128) throw new Failure("multipart_malformed", "a boundary is not followed by the end of its line");
      await this.#more();
    }
  }

  async #readHeader(): Promise<Buffer> {
    for (;;) {
      if (this.#rest.subarray(0, 2).equals(lineEnd)) throw new Failure("multipart_malformed", "a part has no header");
      const at = this.#rest.indexOf(headerEnd);
      if (at > MOST_HEADER_BYTES || (at < 0 && this.#rest.length > MOST_HEADER_BYTES)) {
        throw new Failure("multipart_malformed", `a part's header is longer than ${MOST_HEADER_BYTES} bytes`);
      }
      if (at >= 0) {
        const header = this.#rest.subarray(0, at);
        this.#rest = this.#rest.subarray(at + 4);
        return header;
      }
      await this.#more();
    }
  }

  /** Reads what follows the closing delimiter, so that the connection can be used again. */
  async #finish(): Promise<null> {
    this.#state = "end";
    let skipped = this.#rest.length;
    this.#rest = nothing;
    for (let chunk = await this.#source.next(); chunk !== null; chunk = await this.#source.next()) {
      skipped += chunk.length;
      if (skipped > MOST_STRAY_BYTES) throw new Failure("multipart_malformed", "the body goes on behind its closing boundary");
    }
    return null;
  }
}
