/**
 * multipart/form-data, part by part, as @fastify/multipart reads it.
 *
 * Every part is a stream here, fields too: so a field is never held beyond its limit, its bytes are seen before they are
 * text, and what follows it in the body waits until it has been read. The library's own limits are left open, because it
 * ends a file at its limit as if all were well; intake counts.
 */
import type { Readable } from "node:stream";
import type { Multipart } from "@fastify/multipart";
import type { FastifyRequest } from "fastify";
import { Failure } from "../../contract/failure.ts";
import type { ChunkSource } from "../receive/chunk-source.ts";
import { StreamChunks } from "../receive/stream-chunks.ts";
import { cleanFileName, cleanPath } from "./file-names.ts";
import { formFailure } from "./form-failure.ts";

export interface FormRequest extends Pick<FastifyRequest, "headers" | "parts"> {
  /** The body: a request's own stream, or one that stands for it. */
  readonly raw: Readable;
}

export interface Part {
  readonly name: string;
  /** True when the client sent it as a file, with or without a name. */
  readonly isFile: boolean;
  readonly filename: string | null;
  /** Where the file name is an absolute path: the whole of it. */
  readonly path: string | null;
  /** The part's bytes; to be read to the end before the next part is asked for. */
  readonly body: ChunkSource;
}

/** Between the start of the body and its first part there is nothing that anybody needs. */
const MOST_STRAY_BYTES = 64 * 1024;
const plainEncodings = new Set(["7bit", "8bit", "binary"]);

function partOf(part: Multipart, body: ChunkSource): Part {
  const { fieldname: name, encoding, mimetype } = part;
  if (!plainEncodings.has(encoding)) {
    throw new Failure("multipart_malformed", `a part has the Content-Transfer-Encoding ${JSON.stringify(encoding.slice(0, 50))}; send its bytes as they are`);
  }
  // The library's types promise a name that the body need not have.
  if (typeof name !== "string" || name === "") throw new Failure("multipart_malformed", "a part has no name");
  const filename = "filename" in part && typeof part.filename === "string" ? part.filename : null;
  const isFile = filename !== null || mimetype === "application/octet-stream";
  return { name, isFile, filename: cleanFileName(filename), path: cleanPath(filename), body };
}

/** Rejects when the body goes on and on without its first part; `stop` when that has come. */
function watchPreamble({ raw }: FormRequest): { readonly overrun: Promise<never>; readonly stop: () => void } {
  const { promise, reject } = Promise.withResolvers<never>();
  let skipped = 0;
  const count = (chunk: Buffer) => {
    // A chunk is counted before its first boundary is found, and may be of any size: only what came before it is certain.
    if (skipped > 2 * MOST_STRAY_BYTES) reject(new Failure("multipart_malformed", "the body does not hold the boundary that the Content-Type announces"));
    skipped += chunk.length;
  };
  promise.catch(() => {});
  raw.on("data", count);
  return { overrun: promise, stop: () => raw.off("data", count) };
}

/** Throws `multipart_malformed`, `upload_truncated` and `upload_aborted`; whoever stops asking leaves the rest unread and paused. */
export async function* formParts(request: FormRequest): AsyncGenerator<Part> {
  const { raw } = request;
  // The library takes an empty one and then finds it nowhere.
  if (!/;\s*boundary\s*=\s*(?:"[^"]|[^\s;"])/i.test(request.headers["content-type"] ?? "")) {
    throw new Failure("multipart_malformed", "the Content-Type has no boundary");
  }
  let file: StreamChunks | null = null;
  let destroy = () => {};
  const preamble = watchPreamble(request);
  try {
    const parts = request.parts();
    for (;;) {
      const next = await Promise.race([parts.next(), preamble.overrun]);
      preamble.stop();
      if (next.done === true) return;
      if (next.value.type !== "file") throw new TypeError("a part came as a field");
      const stream = next.value.file;
      file = new StreamChunks(stream, formFailure);
      destroy = () => stream.destroy();
      yield partOf(next.value, file);
      if (!file.ended) throw new TypeError("the part before has not been read to its end");
      file.release();
    }
  } catch (error) {
    throw formFailure(error);
  } finally {
    preamble.stop();
    if (file !== null && !file.ended) {
      raw.unpipe();
      file.release();
      destroy();
    }
    raw.pause();
  }
}
