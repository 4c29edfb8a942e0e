/**
 * A stream as chunks that are asked for, one by one.
 *
 * Neither `for await` nor `pipe` will do for a request's body: the first destroys the socket when a refusal stops the
 * reading, and with it the answer; the second goes on when nobody waits. Here the body rests when nobody asks, and
 * `release` leaves it paused for whoever wants to throw the rest away.
 */
import type { Readable } from "node:stream";
import { Failure } from "../../contract/failure.ts";
import type { ChunkSource } from "./chunk-source.ts";

/**
 * Held at most, besides what Node holds itself. With 20 uploads at once what is on its way outlives two of V8's small collections when it is more, and
 * lies in the old generation until a whole one.
 */
const HOLD = 64 * 1024;

/** What to throw when the stream closes before its end; `error` is what it closed with, if anything. */
export type Broken = (error: Error | null) => Error;

const aborted: Broken = (error) => new Failure("upload_aborted", "the connection was closed before the body was complete", { cause: error ?? undefined });

export class StreamChunks implements ChunkSource {
  readonly #stream: Readable;
  readonly #broken: Broken;
  readonly #held: Buffer[] = [];
  #heldBytes = 0;
  #end: "open" | "ended" | Error = "open";
  #waiting: (() => void) | null = null;

  constructor(stream: Readable, broken: Broken) {
    this.#stream = stream;
    this.#broken = broken;
    stream.on("error", () => {}); // stays: a broken stream must not end the process
    stream.on("data", this.#onData).on("end", this.#onEnd).on("error", this.#onError).on("close", this.#onClose);
    if (stream.readableEnded) this.#onEnd();
    else if (stream.destroyed) this.#onClose();
  }

  /** Most bytes held at once so far, for tests. */
  peak = 0;

  /** True when every byte of the stream has arrived. */
  get ended(): boolean {
    return this.#end === "ended";
  }

  readonly #onData = (chunk: Buffer) => {
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    this.peak = Math.max(this.peak, this.#heldBytes);
    if (this.#heldBytes >= HOLD) this.#stream.pause();
    this.#wake();
  };

  readonly #onEnd = () => {
    if (this.#end === "open") this.#end = "ended";
    this.#wake();
  };

  readonly #onError = (error: Error) => {
    if (this.#end === "open") this.#end = this.#broken(error);
    this.#wake();
  };

  readonly #onClose = () => {
    if (this.#end === "open") this.#end = this.#broken(this.#stream.errored);
    this.#wake();
  };

  #wake(): void {
    this.#waiting?.();
    this.#waiting = null;
  }

  async next(): Promise<Buffer | null> {
    for (;;) {
      const chunk = this.#held.shift();
      if (chunk !== undefined) {
        this.#heldBytes -= chunk.length;
        if (chunk.length > 0) return chunk;
      } else if (this.#end === "ended") return null;
      else if (this.#end !== "open") throw this.#end;
      else {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#waiting = resolve;
        if (this.#stream.isPaused()) this.#stream.resume();
        await promise;
      }
    }
  }

  release(): void {
    this.#stream.off("data", this.#onData).off("end", this.#onEnd).off("error", this.#onError).off("close", this.#onClose);
    this.#stream.pause();
    this.#held.length = 0;
    this.#heldBytes = 0;
  }
}

export const requestChunks = (request: Readable) => new StreamChunks(request, aborted);
