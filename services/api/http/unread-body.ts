/**
 * What becomes of a body that nobody will read.
 *
 * A refusal may come while the client is still sending. Closing the connection at once would make the kernel answer the
 * rest with a reset, and a reset overtakes the answer in the client's hands. So the whole answer goes out, and what still
 * arrives is read and thrown away until the client has stopped or its time is up; only then is the connection closed.
 * A client that asked first (`Expect: 100-continue`) is told to go on only when the body is wanted, so there it costs nothing.
 */
import type { IncomingMessage, Server } from "node:http";
import { Socket } from "node:net";
import type { FastifyReply, FastifyRequest } from "fastify";

export interface DrainLimits {
  /**
   * How long nothing may come. Packets lost three times in a row keep a slow link silent for 1 + 2 + 4 s (RFC 6298: the timer of
   * retransmissions doubles), and a client that was cut off then loses the answer; what waits costs one socket.
   */
  readonly idleMs: number;
  /** For a body that was refused. One that is merely not needed (the same Idempotency-Key again) may take as long as it keeps coming. */
  readonly wholeMs: number;
}

const usual: DrainLimits = { idleMs: 10_000, wholeMs: 60_000 };

/** Requests whose client waits for `100 Continue`. */
const waiting = new WeakSet<IncomingMessage>();

/** Routes requests with `Expect: 100-continue` like all others, instead of telling each one to go on. */
export function holdContinue(server: Server): void {
  server.on("checkContinue", (request, response) => {
    waiting.add(request);
    server.emit("request", request, response);
  });
  // Any other expectation is none of ours; the request is answered as if it had none. (RFC 9110, 10.1.1)
  server.on("checkExpectation", (request, response) => server.emit("request", request, response));
}

/** The body is wanted: lets a waiting client send it. */
export function sendContinue(request: FastifyRequest, reply: FastifyReply): void {
  if (waiting.delete(request.raw)) reply.raw.writeContinue();
}

const announcesBody = ({ headers }: IncomingMessage) => headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;

/** Throws away what still arrives; a connection that takes too long over it is closed. */
function drain(body: IncomingMessage, { idleMs, wholeMs }: DrainLimits, options: { readonly refused: boolean; readonly closeAfter: boolean }): void {
  if (body.destroyed) return;
  const { socket } = body;
  const close = () => socket.destroy();
  const whole = options.refused ? setTimeout(close, wholeMs) : undefined;
  // Not by `data`: Node throws a body away unheard once the answer to it is out.
  let seen = socket.bytesRead;
  const idle = setInterval(() => {
    if (socket.bytesRead === seen) close();
    seen = socket.bytesRead;
  }, idleMs);
  const end = () => {
    clearTimeout(whole);
    clearInterval(idle);
    if (options.closeAfter) socket.end();
  };
  body.unpipe();
  body.once("end", end).once("close", end).on("error", end).resume();
}

/** `onSend` hook: an answer to a request whose body has not all arrived. */
export function closeGently(limits: DrainLimits = usual) {
  return async (request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<unknown> => {
    const { raw } = request;
    // An injected request has no connection.
    if (raw.complete || !announcesBody(raw) || !(raw.socket instanceof Socket)) return payload;
    if (waiting.has(raw)) {
      // Nothing was sent yet, so nothing can be reset.
      reply.header("connection", "close");
    } else {
      // Otherwise Node would close as soon as the answer is written.
      const closeAfter = !reply.raw.shouldKeepAlive;
      reply.raw.shouldKeepAlive = true;
      reply.removeHeader("connection");
      const refused = reply.statusCode >= 300;
      reply.raw.once("finish", () => drain(raw, limits, { refused, closeAfter }));
    }
    return payload;
  };
}
