/**
 * Which Idempotency-Keys belong to an upload that this process is receiving.
 *
 * A client that sends its key again has given its first request up, often because the link fell silent: no reset tells the
 * server so, and the first would hold the key until its silence ends. So the first is let go once nothing more comes of it.
 */
import type { IncomingMessage } from "node:http";
import { Failure } from "../../contract/failure.ts";

const silentMs = 2_000;

interface Claim {
  readonly body: IncomingMessage;
  /** What had come of it when the key was last asked for. */
  seen: { readonly bytes: number; readonly at: number } | null;
}

export class KeyClaims {
  readonly #claims = new Map<string, Claim>();

  /** Throws `idempotency_conflict` while another request holds the key. */
  take(project: string, key: string, body: IncomingMessage): Disposable {
    const name = `${project} ${key}`;
    const holder = this.#claims.get(name);
    if (holder !== undefined) {
      this.#letGoWhenSilent(holder);
      throw new Failure("idempotency_conflict", `A request with the Idempotency-Key ${key} is still being received.`, { retryAfter: silentMs / 1_000 });
    }
    const claim: Claim = { body, seen: null };
    this.#claims.set(name, claim);
    return { [Symbol.dispose]: () => void this.#claims.delete(name) };
  }

  #letGoWhenSilent(claim: Claim): void {
    const { body, seen } = claim;
    if (body.complete) return;
    const { bytesRead: bytes } = body.socket;
    const now = performance.now();
    if (seen === null || seen.bytes !== bytes) claim.seen = { bytes, at: now };
    else if (now - seen.at >= silentMs * 0.9) body.socket.destroy();
  }
}
