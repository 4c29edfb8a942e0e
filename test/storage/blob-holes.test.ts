import { createHash } from "node:crypto";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BLOCK, cutIntoRuns, openHashingSink } from "../../services/storage/hashing-sink.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inquest-holes-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let files = 0;
async function sink(chunks: Iterable<Buffer>) {
  files += 1;
  const path = join(folder, String(files));
  const sunk = openHashingSink(await open(path, "wx+"));
  await pipeline(Readable.from(chunks), sunk.stream);
  const { blocks, size } = await sunk.file.stat();
  const { sha256 } = sunk;
  await sunk.close();
  return { path, sha256, onDisk: blocks * 512, size };
}

function* inPieces(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

test("a hole takes no room on disk, and the digest is that of its zeros", async () => {
  const bytes = Buffer.alloc(8 << 20);
  bytes.write("start");
  bytes.write("end", bytes.length - 3);
  const { sha256, onDisk, size, path } = await sink(inPieces(bytes, [60_000]));
  expect(size).toBe(bytes.length);
  expect(onDisk).toBeLessThan(4 * BLOCK);
  expect(sha256).toBe(createHash("sha256").update(bytes).digest("hex"));
  expect(bytes.equals(await readFile(path))).toBe(true);
});

test("a hole at the end keeps its length", async () => {
  const { size, path } = await sink([Buffer.from("x"), Buffer.alloc(5 * BLOCK)]);
  expect(size).toBe(1 + 5 * BLOCK);
  expect((await readFile(path)).length).toBe(1 + 5 * BLOCK);
});

test("whatever is data and whatever is zero, cut anyhow, is read back the same", async () => {
  const piece = fc.record({ length: fc.integer({ min: 1, max: 3 * BLOCK }), zero: fc.boolean() });
  const sizes = fc.array(fc.integer({ min: 1, max: 2 * BLOCK }), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 8 }), sizes, async (pieces, cuts) => {
      const bytes = Buffer.concat(pieces.map(({ length, zero }) => Buffer.alloc(length, zero ? 0 : 7)));
      fc.pre(bytes.length / Math.min(...cuts) < 2_000);
      const { path, sha256 } = await sink(inPieces(bytes, cuts));
      expect(bytes.equals(await readFile(path))).toBe(true);
      expect(sha256).toBe(createHash("sha256").update(bytes).digest("hex"));
    }),
    { numRuns: 40 },
  );
});

test("chunks are cut, never copied or held beyond an unfinished block", () => {
  const chunk = Buffer.alloc(2 * BLOCK + 10, 1);
  const { runs, rest } = cutIntoRuns([chunk], 0);
  expect(runs.flatMap((run) => run.buffers).every((each) => each.buffer === chunk.buffer)).toBe(true);
  expect(rest.reduce((sum, each) => sum + each.length, 0)).toBe(10);
});
