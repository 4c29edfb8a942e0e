import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Failure } from "../../../services/contract/failure.ts";
import { boundaryOf, PartReader } from "../../../services/intake/multipart/part-reader.ts";
import type { ChunkSource } from "../../../services/intake/multipart/request-chunks.ts";

const boundary = "----edge";

interface Sent {
  readonly name: string;
  readonly filename?: string;
  readonly body: Buffer;
}

const head = ({ name, filename }: Sent) => `Content-Disposition: form-data; name="${name}"${filename === undefined ? "" : `; filename="${filename}"`}`;

const encode = (parts: readonly Sent[], tail = `--${boundary}--\r\n`) =>
  Buffer.concat([...parts.flatMap((part) => [Buffer.from(`--${boundary}\r\n${head(part)}\r\n\r\n`), part.body, Buffer.from("\r\n")]), Buffer.from(tail)]);

/** Gives the bytes in chunks of the sizes, over and over. */
function chunksOf(bytes: Buffer, sizes: readonly number[]): ChunkSource {
  let at = 0;
  let turn = 0;
  return {
    next: async () => {
      if (at >= bytes.length) return null;
      const chunk = bytes.subarray(at, at + (sizes[turn % sizes.length] ?? 1));
      at += chunk.length;
      turn += 1;
      return chunk;
    },
  };
}

async function decode(bytes: Buffer, sizes: readonly number[] = [bytes.length || 1]) {
  const reader = new PartReader(chunksOf(bytes, sizes), boundary);
  const parts: { name: string; isFile: boolean; filename: string | null; body: Buffer }[] = [];
  for (let part = await reader.next(); part !== null; part = await reader.next()) {
    const chunks: Buffer[] = [];
    for (let chunk = await part.body.next(); chunk !== null; chunk = await part.body.next()) chunks.push(Buffer.from(chunk));
    parts.push({ name: part.name, isFile: part.isFile, filename: part.filename, body: Buffer.concat(chunks) });
  }
  return parts;
}

const two: readonly Sent[] = [
  { name: "core", filename: "core.1", body: Buffer.from("\x7fELF\r\n--\r\n----edge\r\n--- not the boundary") },
  { name: "labels", body: Buffer.from("{}") },
];

describe("a multipart body", () => {
  test("gives its parts in order with every byte", async () => {
    expect(await decode(encode(two))).toEqual([
      { name: "core", isFile: true, filename: "core.1", body: two[0]?.body },
      { name: "labels", isFile: false, filename: null, body: two[1]?.body },
    ]);
  });

  test("may have text before its first boundary and after its last, and blanks behind one", async () => {
    const body = Buffer.from(`This is MIME.\r\n--${boundary} \t\r\n${head({ name: "a", body: Buffer.alloc(0) })}\r\n\r\nx\r\n--${boundary}--\r\nepilogue`);
    expect((await decode(body)).map((part) => part.body.toString())).toEqual(["x"]);
  });

  test("may have empty parts, and none at all", async () => {
    expect((await decode(encode([{ name: "a", body: Buffer.alloc(0) }]))).map((part) => part.body.length)).toEqual([0]);
    expect(await decode(encode([]))).toEqual([]);
  });

  test("cut into chunks anywhere is the same", async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc
        .array(fc.constantFrom("\r", "\n", "-", `\r\n--${boundary.slice(0, -1)}`, `--${boundary}`, "x"), { maxLength: 30 })
        .map((all) => Buffer.from(all.join(""))),
    );
    const part = fc.record({ name: fc.constantFrom("core", "binary"), filename: fc.constantFrom("a", "b.so"), body: bytes.map((each) => Buffer.from(each)) });
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 4 }), fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }), async (parts, sizes) => {
        fc.pre(
          parts.every((each) => !each.body.includes(`\r\n--${boundary}`) && !each.body.subarray(0, boundary.length + 2).equals(Buffer.from(`--${boundary}`))),
        );
        const found = await decode(encode(parts), sizes);
        expect(found.map((each) => each.body.toString("hex"))).toEqual(parts.map((each) => each.body.toString("hex")));
      }),
      { numRuns: 300 },
    );
  });

  test("cut off at any byte is upload_truncated", async () => {
    const whole = encode(two, `--${boundary}--`);
    for (let length = 0; length < whole.length; length += 1) {
      await expect(decode(whole.subarray(0, length), [7])).rejects.toMatchObject({ code: "upload_truncated" });
    }
    expect(await decode(whole, [7])).toHaveLength(2);
  });

  test("with any bytes changed gives parts or a plain refusal", async () => {
    const whole = encode(two);
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 10 }), async (changes) => {
        const damaged = Buffer.from(whole);
        for (const [at, value] of changes) damaged[at] = value;
        const outcome = await decode(damaged, [11]).then(
          () => "parts",
          (error: unknown) => (error instanceof Failure ? error.code : error),
        );
        expect(outcome).toMatch(/^(parts|multipart_malformed|upload_truncated)$/);
      }),
      { numRuns: 300 },
    );
  });

  test("is read no further than asked for", async () => {
    let asked = 0;
    const source: ChunkSource = {
      next: async () => {
        asked += 1;
        return asked === 1 ? Buffer.from(`--${boundary}\r\n${head({ name: "core", filename: "c", body: Buffer.alloc(0) })}\r\n\r\n`) : Buffer.alloc(65_536, 1);
      },
    };
    const part = await new PartReader(source, boundary).next();
    expect(asked).toBe(1);
    for (let turn = 0; turn < 10; turn += 1) await part?.body.next();
    expect(asked).toBeLessThanOrEqual(11);
  });

  test("gives its bytes as they came, not copies, so that nothing piles up", async () => {
    const chunk = Buffer.alloc(65_536, 1);
    const start = Buffer.from(`--${boundary}\r\n${head({ name: "core", filename: "c", body: Buffer.alloc(0) })}\r\n\r\n`);
    let turn = 0;
    const part = await new PartReader({ next: async () => (turn++ === 0 ? start : chunk) }, boundary).next();
    expect((await part?.body.next())?.buffer).toBe(chunk.buffer);
  });
});

describe("refused as multipart_malformed is", () => {
  const bodies: readonly (readonly [string, string])[] = [
    ["a part without a header", `--${boundary}\r\n\r\nx\r\n--${boundary}--`],
    ["a part without Content-Disposition", `--${boundary}\r\nContent-Type: text/plain\r\n\r\nx\r\n--${boundary}--`],
    ["a part without a name", `--${boundary}\r\nContent-Disposition: form-data\r\n\r\nx\r\n--${boundary}--`],
    ["a header field twice", `--${boundary}\r\nA: 1\r\nA: 2\r\n\r\nx\r\n--${boundary}--`],
    ["a header line without a colon", `--${boundary}\r\nnonsense\r\n\r\nx\r\n--${boundary}--`],
    [
      "an encoded part",
      `--${boundary}\r\n${head(two[1] ?? { name: "", body: Buffer.alloc(0) })}\r\nContent-Transfer-Encoding: base64\r\n\r\nx\r\n--${boundary}--`,
    ],
    ["text behind a boundary", `--${boundary} x\r\n`],
    ["a header that does not end", `--${boundary}\r\nA: ${"x".repeat(20_000)}`],
    ["a body without its boundary", "x".repeat(100_000)],
    ["a body that goes on behind its end", `--${boundary}--\r\n${"x".repeat(100_000)}`],
  ];
  test.each(bodies)("%s", async (_name, body) => {
    await expect(decode(Buffer.from(body), [1000])).rejects.toMatchObject({ code: "multipart_malformed" });
  });

  test.each([
    "multipart/form-data",
    "multipart/form-data; boundary=",
    'multipart/form-data; boundary="a\r\nb"',
    `multipart/form-data; boundary=${"x".repeat(300)}`,
  ])("the type %j", (type) => expect(() => boundaryOf(type)).toThrow(expect.objectContaining({ code: "multipart_malformed" })));
});

test("a boundary may be quoted, in any place", () => {
  expect(boundaryOf('multipart/form-data; charset=utf-8; BOUNDARY="a b"; x=y')).toBe("a b");
  expect(boundaryOf("multipart/form-data;boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW")).toBe("----WebKitFormBoundary7MA4YWxkTrZu0gW");
});
