/**
 * A multipart body that is read from disk as the network takes it, the same bytes each time. Its length is told ahead unless a part
 * is packed on the way, so that a service without room refuses before the bytes are sent; a file that has another length or another
 * time at its end than at its start fails the call.
 */
import { createHash, randomUUID } from "node:crypto";
import { open, stat } from "node:fs/promises";
import { FileChanged } from "./file-changed.ts";
import type { Packer } from "./packing.ts";
import type { RequestBody } from "./requests.ts";

export interface FilePart {
  readonly field: string;
  readonly path: string;
  /** As the service is told. */
  readonly filename: string;
  /** The name of a field that follows the file, with the SHA-256 of its bytes as they are sent. */
  readonly digestField?: string;
  readonly packer?: Packer | null;
}

export interface FormBody extends RequestBody {
  readonly files: readonly { readonly path: string; readonly size: number }[];
  /** `sent` hears how much of what there is to read was handed on so far; the first `skipped` bytes of the body are left out. */
  stream(sent?: (bytes: number) => void, skipped?: number): ReadableStream<Uint8Array>;
  /** What `sent` comes to. */
  readonly total: number;
}

const CHUNK = 256 * 1024;
const digestLength = 64;

const quoted = (name: string) => name.replaceAll('"', "%22").replaceAll("\r", "%0D").replaceAll("\n", "%0A");

interface Measured extends FilePart {
  readonly size: number;
  readonly mtimeMs: number;
  readonly head: Buffer;
  readonly digestHead: Buffer | null;
}

async function* contents({ path, size, mtimeMs }: Measured): AsyncGenerator<Uint8Array> {
  await using handle = await open(path);
  for (let left = size; left > 0; ) {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(Math.min(CHUNK, left)));
    if (bytesRead === 0) throw new FileChanged(path);
    left -= bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
  const after = await handle.stat();
  if (after.size !== size || after.mtimeMs !== mtimeMs) throw new FileChanged(path);
}

async function* counted(chunks: AsyncGenerator<Uint8Array>, count: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    count(chunk.length);
    yield chunk;
  }
}

async function* after(chunks: AsyncGenerator<Uint8Array>, skipped: number): AsyncGenerator<Uint8Array> {
  let left = skipped;
  for await (const chunk of chunks) {
    if (chunk.length > left) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);

/** The length of a packed part cannot be told. */
function lengthOf(file: Measured): number | null {
  if (file.packer !== undefined && file.packer !== null) return null;
  return file.head.length + file.size + 2 + (file.digestHead === null ? 0 : file.digestHead.length + digestLength + 2);
}

export async function formBody(fields: Readonly<Record<string, string>>, parts: readonly FilePart[]): Promise<FormBody> {
  const boundary = `inquest${randomUUID()}`;
  const fieldHead = (name: string) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"`;
  const measured = await Promise.all(
    parts.map(async (part): Promise<Measured> => {
      const { size, mtimeMs } = await stat(part.path);
      const head = Buffer.from(`${fieldHead(part.field)}; filename="${quoted(part.filename)}"\r\nContent-Type: application/octet-stream\r\n\r\n`);
      return { ...part, size, mtimeMs, head, digestHead: part.digestField === undefined ? null : Buffer.from(`${fieldHead(part.digestField)}\r\n\r\n`) };
    }),
  );
  const texts = Buffer.from(
    Object.entries(fields)
      .map(([name, value]) => `${fieldHead(name)}\r\n\r\n${value}\r\n`)
      .join(""),
  );
  const newLine = Buffer.from("\r\n");
  const end = Buffer.from(`--${boundary}--\r\n`);
  const lengths = measured.map(lengthOf).filter((each) => each !== null);

  async function* file(each: Measured, read: (bytes: number) => void): AsyncGenerator<Uint8Array> {
    const hash = createHash("sha256");
    yield each.head;
    const raw = counted(contents(each), read);
    for await (const chunk of each.packer?.pack(raw) ?? raw) {
      if (each.digestHead !== null) hash.update(chunk);
      yield chunk;
    }
    yield newLine;
    if (each.digestHead !== null) yield Buffer.concat([each.digestHead, Buffer.from(`${hash.digest("hex")}\r\n`)]);
  }

  async function* bytes(read: (bytes: number) => void): AsyncGenerator<Uint8Array> {
    if (texts.length > 0) yield texts;
    for (const each of measured) yield* file(each, read);
    yield end;
  }

  return {
    type: `multipart/form-data; boundary=${boundary}`,
    length: lengths.length < measured.length ? null : texts.length + sum(lengths) + end.length,
    files: measured.map(({ path, size }) => ({ path, size })),
    total: sum(measured.map(({ size }) => size)),
    stream(sent = () => undefined, skipped = 0) {
      let total = 0;
      const source = after(
        bytes((more) => sent((total += more))),
        skipped,
      );
      return new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            const { done, value } = await source.next();
            if (done === true) return controller.close();
            controller.enqueue(value);
          },
          async cancel() {
            await source.return(undefined);
          },
        },
        { highWaterMark: 0 },
      );
    },
  };
}
