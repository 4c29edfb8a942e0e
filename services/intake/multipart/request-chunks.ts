/**
 * A request's body as chunks that are asked for, one by one.
 *
 * Neither `for await` nor `pipe` will do: the first destroys the socket when a refusal stops the reading, and with it the
 * answer; the second goes on when nobody waits. Here the body rests when nobody asks, and `release` leaves it paused for
 * whoever wants to throw the rest away.
 */
import type { IncomingMessage } from "node:http";
import { Failure } from "../../contract/failure.ts";

export interface ChunkSource {
  /** The next bytes, never an empty buffer; null at the end. */
  next(): Promise<Buffer | null>;
}

/** Held at most, besides what Node holds itself. */
const HOLD = 512 * 1024;

export class RequestChunks implements ChunkSource {
  readonly #request: IncomingMessage;
  readonly #held: Buffer[] = [];
  #heldBytes = 0;
  #end: "open" | "ended" | Failure = "open";
  #waiting: (() => void) | null = null;

  constructor(request: IncomingMessage) {
    this.#request = request;
    request.on("error", () => {}); // stays: an abort must not end the process
    request.on("data", this.#onData).on("end", this.#onEnd).on("close", this.#onClose);
    if (request.destroyed && !request.complete) this.#onClose();
    else if (request.readableEnded) this.#onEnd();
  }

  /** Most bytes held at once so far, for tests. */
  peak = 0;

  readonly #onData = (chunk: Buffer) => {
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    this.peak = Math.max(this.peak, this.#heldBytes);
    if (this.#heldBytes >= HOLD) this.#request.pause();
    this.#wake();
  };

  readonly #onEnd = () => {
    if (this.#end === "open") this.#end = "ended";
    this.#wake();
  };

  readonly #onClose = () => {
    if (this.#end === "open") this.#end = new Failure("upload_aborted", "the connection was closed before the body was complete");
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
        if (this.#request.isPaused()) this.#request.resume();
        await promise;
      }
    }
  }

  release(): void {
    this.#request.off("data", this.#onData).off("end", this.#onEnd).off("close", this.#onClose);
    this.#request.pause();
    this.#held.length = 0;
    this.#heldBytes = 0;
  }
}
