/** A listening HTTP server that receives uploads into a store of its own, and a client that writes what it wants to a socket. */
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Fastify from "fastify";
import { readConfig } from "../../../services/config/environment.ts";
import type { Limits } from "../../../services/contract/limits.ts";
import { acceptUploads } from "../../../services/intake/multipart/accept-uploads.ts";
import type { FormRequest } from "../../../services/intake/multipart/form-parts.ts";
import { openFileBlobStore } from "../../../services/storage/file-blob-store.ts";
import type { BlobStore } from "../../../services/storage/blob-store.ts";

export interface Receiver<T> extends AsyncDisposable {
  readonly port: number;
  readonly blobs: BlobStore;
  /** What became of each request, in the order they ended: a result or an error. */
  readonly outcomes: (T | Error)[];
  nextOutcome(): Promise<T | Error>;
  /** Names of partial files that are there now. */
  partials(): Promise<string[]>;
}

export interface Received {
  readonly request: FormRequest;
  readonly blobs: BlobStore;
  readonly limits: Limits;
}

export async function startReceiver<T>(
  receive: (received: Received) => Promise<T>,
  limits: Partial<Limits> = {},
  wrap = (store: BlobStore) => store,
): Promise<Receiver<T>> {
  const folder = await mkdtemp(join(tmpdir(), "inquest-receive-"));
  const blobs = wrap(await openFileBlobStore(folder));
  const outcomes: (T | Error)[] = [];
  const waiting: (() => void)[] = [];
  const settle = (outcome: T | Error) => {
    outcomes.push(outcome);
    for (const each of waiting.splice(0)) each();
  };
  const app = Fastify();
  acceptUploads(app);
  app.post("/", async (request, reply) => {
    try {
      settle(await receive({ request, blobs, limits: { ...readConfig({}).limits, free_disk_bytes: 0, ...limits } }));
      return {};
    } catch (error) {
      settle(error instanceof Error ? error : new Error(String(error)));
      return reply.code(400).header("connection", "close").send({});
    }
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
  const address = app.server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  let seen = 0;
  return {
    port: address.port,
    blobs,
    outcomes,
    nextOutcome: async () => {
      while (outcomes.length <= seen) await new Promise<void>((resolve) => waiting.push(resolve));
      const outcome = outcomes[seen];
      seen += 1;
      if (outcome === undefined) throw new Error("no outcome");
      return outcome;
    },
    partials: () => readdir(join(folder, "tmp")),
    [Symbol.asyncDispose]: async () => {
      app.server.closeAllConnections();
      await app.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export const boundary = "----inquest";

export interface SentPart {
  readonly name: string;
  readonly filename?: string;
  readonly body: Buffer | string;
}

export function multipart(parts: readonly SentPart[], tail = `--${boundary}--\r\n`): Buffer {
  const encoded = parts.flatMap(({ name, filename, body }) => [
    Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"${filename === undefined ? "" : `; filename="${filename}"`}\r\n\r\n`),
    Buffer.from(body),
    Buffer.from("\r\n"),
  ]);
  return Buffer.concat([...encoded, Buffer.from(tail)]);
}

export const multipartHead = (length: number | null, more = "") =>
  `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=${boundary}\r\n${more}${
    length === null ? "Transfer-Encoding: chunked" : `Content-Length: ${length}`
  }\r\n\r\n`;

export const rawHead = (length: number) => `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nContent-Length: ${length}\r\n\r\n`;

/** Sends the bytes; the socket stays open. Errors of the connection are the server's business. */
export async function send(port: number, ...bytes: readonly (Buffer | string)[]): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  for (const each of bytes) socket.write(each);
  return socket;
}
