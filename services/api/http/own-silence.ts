/**
 * A connection on which nothing moves is closed after a while. While a whole body is being worked on, or its rest is left unread
 * until what came first is done, the silence is ours: the connection's clock is set back. A client that stopped sending has no
 * such excuse, and its connection ends as before.
 */
import type { IncomingMessage } from "node:http";

const everyMs = 10_000;

type Request = Pick<IncomingMessage, "complete" | "readableLength" | "isPaused" | "socket">;

export function ownSilence(request: Request): Disposable {
  const timer = setInterval(() => {
    const { socket } = request;
    const ours = request.complete || request.readableLength > 0 || request.isPaused();
    if (ours && socket.timeout !== undefined) socket.setTimeout(socket.timeout);
  }, everyMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
