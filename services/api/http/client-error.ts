/** What is not HTTP at all gets an answer too: problem details, written to the socket by hand. */
import type { Socket } from "node:net";
import { v7 as uuid } from "uuid";
import { Failure } from "../../contract/failure.ts";
import { problemOf, problemType } from "./problem.ts";

const reasons: Readonly<Record<string, { readonly status: number; readonly phrase: string; readonly detail: string }>> = {
  HPE_HEADER_OVERFLOW: { status: 431, phrase: "Request Header Fields Too Large", detail: "The request's headers are too large." },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, phrase: "Request Timeout", detail: "The request's headers did not arrive in time." },
};

export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, phrase, detail } = reasons[error.code ?? ""] ?? { status: 400, phrase: "Bad Request", detail: "The request is not well-formed HTTP." };
  const id = uuid();
  const body = JSON.stringify(problemOf(new Failure("bad_request", detail, { status }), id));
  const head = [
    `HTTP/1.1 ${status} ${phrase}`,
    `Content-Type: ${problemType}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${id}`,
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}
