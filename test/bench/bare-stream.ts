/** The yardstick for uploads: an HTTP server that does nothing but write a body to a file and hash it. Prints its port. usage: bare-stream.ts FOLDER */
import { createHash, randomUUID } from "node:crypto";
import { open, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";

const folder = process.argv[2] ?? ".";

const server = createServer((request, response) => {
  void (async () => {
    const path = join(folder, randomUUID());
    await using file = await open(path, "wx");
    const hash = createHash("sha256");
    let position = 0;
    const write = async (chunks: readonly Buffer[]) => {
      const writing = file.writev(chunks, position);
      for (const chunk of chunks) hash.update(chunk);
      position += (await writing).bytesWritten;
    };
    const run = async (chunks: readonly Buffer[], done: (error?: Error) => void) => {
      try {
        await write(chunks);
      } catch (error) {
        return done(error instanceof Error ? error : new Error(String(error)));
      }
      done();
    };
    const sink = new Writable({
      highWaterMark: 1 << 20,
      write: (chunk: Buffer, _encoding, done) => void run([chunk], done),
      writev: (chunks, done) =>
        void run(
          chunks.map(({ chunk }: { chunk: Buffer }) => chunk),
          done,
        ),
    });
    await pipeline(request, sink);
    await file.sync();
    await rm(path);
    response.end(hash.digest("hex"));
  })();
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.stdout.write(`${typeof address === "object" ? address?.port : ""}\n`);
});
