/**
 * What becomes of a body that nobody will read.
 *
 * A refusal may come while the client is still sending. Closing the connection at once would make the kernel answer the
 * rest with a reset, and a reset overtakes the answer in the client's hands. So the whole answer goes out with its length
 * and `Connection: close`, and what still arrives is read and thrown away until the client has stopped or its time is up.
 * A client that asked first (`Expect: 100-continue`) is told to go on only when the body is wanted, so there it costs nothing.
 */
import type { IncomingMessage, Server } from "node:http";
import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";

const idleLimitMs = 2_000;
const wholeLimitMs = 30_000;

/** Requests whose client waits for `100 Continue`. */
const waiting = new WeakSet<IncomingMessage>();

/** Routes requests with `Expect: 100-continue` like all others, instead of telling each one to go on. */
export function holdContinue(server: Server): void {
  server.on("checkContinue", (request, response) => {
    waiting.add(request);
    server.emit("request", request, response);
  });
}

/** The body is wanted: lets a waiting client send it. */
export function sendContinue(request: FastifyRequest, reply: FastifyReply): void {
  if (waiting.delete(request.raw)) reply.raw.writeContinue();
}

const announcesBody = ({ headers }: IncomingMessage) => headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;

/** `text`, whose end comes only when the rest of the body has been thrown away. */
function untilDrained(text: string | Buffer, body: IncomingMessage): Readable {
  const answer = new Readable({ read: () => undefined });
  answer.push(text);
  let idle: NodeJS.Timeout | null = null;
  const whole = setTimeout(end, wholeLimitMs);
  function end() {
    clearTimeout(whole);
    if (idle !== null) clearTimeout(idle);
    body.off("data", touched).off("end", end).off("close", end);
    if (!answer.readableEnded && !answer.destroyed) answer.push(null);
  }
  function touched() {
    if (idle === null) idle = setTimeout(end, idleLimitMs);
    else idle.refresh();
  }
  answer.once("close", end);
  body.unpipe();
  if (body.destroyed) setImmediate(end);
  else body.on("data", touched).once("end", end).once("close", end).on("error", end).resume();
  touched();
  return answer;
}

/** `onSend` hook: a refusal to a request whose body has not all arrived closes the connection, but gently. */
export async function closeGently(request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<unknown> {
  const { raw } = request;
  if (reply.statusCode < 300 || raw.complete || !announcesBody(raw)) return payload;
  const text = payload === null || payload === undefined ? "" : payload;
  if (typeof text !== "string" && !Buffer.isBuffer(text)) return payload;
  reply.header("connection", "close").header("content-length", Buffer.byteLength(text));
  return untilDrained(text, raw);
}
