/**
 * The core inside an apport crash report.
 *
 * The report is a list of fields, `Name: value`, whose further lines begin with a blank. `CoreDump: base64` is followed by
 * lines of base64, each encoded on its own; joined, they are a gzip file (a zstd file since Ubuntu 24.04).
 */
import { Failure } from "../../contract/failure.ts";
import type { ChunkSource } from "../receive/chunk-source.ts";

const field = Buffer.from("\nCoreDump: base64\n");
const newLine = 0x0a;
const blank = 0x20;

const damaged = (detail: string) => new Failure("core_compressed_damaged", detail);

class ApportCore implements ChunkSource {
  readonly #report: ChunkSource;
  /** The first line begins as if a line had ended before it. */
  #rest: Buffer = Buffer.from("\n");
  #state: "before" | "line start" | "line" | "after" = "before";

  constructor(report: ChunkSource) {
    this.#report = report;
  }

  /** False when the report has no more bytes. */
  async #more(): Promise<boolean> {
    const chunk = await this.#report.next();
    if (chunk === null) return false;
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    return true;
  }

  async #findField(): Promise<void> {
    for (;;) {
      const at = this.#rest.indexOf(field);
      if (at >= 0) {
        this.#rest = this.#rest.subarray(at + field.length);
        this.#state = "line start";
        return;
      }
      this.#rest = this.#rest.subarray(Math.max(0, this.#rest.length - field.length));
      if (!(await this.#more())) throw new Failure("not_a_core", "the apport crash report has no field CoreDump with base64");
    }
  }

  /** What of the current line can be decoded now: whole groups of four characters, or all of it when it ends. */
  #decodeLine(last: boolean): Buffer {
    const end = this.#rest.indexOf(newLine);
    const whole = end >= 0 || last;
    const length = end >= 0 ? end : last ? this.#rest.length : this.#rest.length & ~3;
    const text = this.#rest.toString("latin1", 0, length);
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw damaged("the report's CoreDump holds what is no base64");
    this.#rest = this.#rest.subarray(Math.min(length + (end >= 0 ? 1 : 0), this.#rest.length));
    if (whole) this.#state = "line start";
    return Buffer.from(text, "base64");
  }

  async next(): Promise<Buffer | null> {
    if (this.#state === "before") await this.#findField();
    for (;;) {
      if (this.#state === "after") return null;
      if (this.#state === "line start") {
        if (this.#rest.length === 0 && !(await this.#more())) this.#state = "after";
        else if (this.#rest[0] !== blank) this.#state = "after";
        else {
          this.#rest = this.#rest.subarray(1);
          this.#state = "line";
        }
        continue;
      }
      const last = this.#rest.indexOf(newLine) < 0 && this.#rest.length < 4 ? !(await this.#more()) : false;
      const bytes = this.#decodeLine(last);
      if (bytes.length > 0) return bytes;
    }
  }
}

/** The bytes of the report's compressed core. */
export const apportCore = (report: ChunkSource): ChunkSource => new ApportCore(report);
