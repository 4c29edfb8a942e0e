/**
 * A multipart body that is read from disk as the network takes it. Its length is told ahead, so that a service without room
 * refuses before the bytes are sent; a file that has another length or another time at its end than at its start fails the call.
 */
import { randomUUID } from "node:crypto";
import { open, stat } from "node:fs/promises";

export interface FilePart {
  readonly field: string;
  readonly path: string;
  /** As the service is told. */
  readonly filename: string;
}

export interface FormBody {
  readonly type: string;
  readonly length: number;
  readonly files: readonly { readonly path: string; readonly size: number }[];
  /** Once for each try. `sent` hears of all bytes that were handed on so far. */
  stream(sent?: (bytes: number) => void): ReadableStream<Uint8Array>;
}

export class FileChanged extends Error {
  constructor(path: string) {
    super(`${path} changed while it was sent`);
    this.name = "FileChanged";
  }
}

const CHUNK = 256 * 1024;

const quoted = (name: string) => name.replaceAll('"', "%22").replaceAll("\r", "%0D").replaceAll("\n", "%0A");

interface Measured {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
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

export async function formBody(fields: Readonly<Record<string, string>>, parts: readonly FilePart[]): Promise<FormBody> {
  const boundary = `inquest${randomUUID()}`;
  const measured = await Promise.all(
    parts.map(async ({ field, path, filename }) => {
      const { size, mtimeMs } = await stat(path);
      const head = `--${boundary}\r\nContent-Disposition: form-data; name="${field}"; filename="${quoted(filename)}"\r\nContent-Type: application/octet-stream\r\n\r\n`;
      return { path, size, mtimeMs, head: Buffer.from(head) };
    }),
  );
  const texts = Object.entries(fields).map(([name, value]) =>
    Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`),
  );
  const end = Buffer.from(`--${boundary}--\r\n`);
  const length = [...texts, end].reduce((sum, each) => sum + each.length, 0) + measured.reduce((sum, { head, size }) => sum + head.length + size + 2, 0);

  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield* texts;
    for (const file of measured) {
      yield file.head;
      yield* contents(file);
      yield Buffer.from("\r\n");
    }
    yield end;
  }

  return {
    type: `multipart/form-data; boundary=${boundary}`,
    length,
    files: measured.map(({ path, size }) => ({ path, size })),
    stream(sent = () => undefined) {
      const source = bytes();
      let total = 0;
      return new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            const { done, value } = await source.next();
            if (done === true) return controller.close();
            total += value.length;
            controller.enqueue(value);
            sent(total);
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
