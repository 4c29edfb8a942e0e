import { Readable } from "node:stream";
import * as fc from "fast-check";
import Fastify, { type FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Failure } from "../../../services/contract/failure.ts";
import { acceptUploads } from "../../../services/intake/multipart/accept-uploads.ts";
import { formParts } from "../../../services/intake/multipart/form-parts.ts";

const boundary = "----edge";

interface Sent {
  readonly name: string;
  readonly filename?: string;
  readonly body: Buffer;
}

interface Found {
  readonly name: string;
  readonly isFile: boolean;
  readonly filename: string | null;
  readonly body: Buffer;
}

const head = ({ name, filename }: Sent) => `Content-Disposition: form-data; name="${name}"${filename === undefined ? "" : `; filename="${filename}"`}`;

const encode = (parts: readonly Sent[], tail = `--${boundary}--\r\n`) =>
  Buffer.concat([...parts.flatMap((part) => [Buffer.from(`--${boundary}\r\n${head(part)}\r\n\r\n`), part.body, Buffer.from("\r\n")]), Buffer.from(tail)]);

let app: FastifyInstance;
let outcome: readonly Found[] | Error = [];

beforeAll(async () => {
  app = Fastify();
  acceptUploads(app);
  app.post("/", async (request) => {
    const parts: Found[] = [];
    outcome = parts;
    try {
      for await (const { name, isFile, filename, body } of formParts(request)) {
        const chunks: Buffer[] = [];
        for (let chunk = await body.next(); chunk !== null; chunk = await body.next()) chunks.push(chunk);
        parts.push({ name, isFile, filename, body: Buffer.concat(chunks) });
      }
    } catch (error) {
      outcome = error instanceof Error ? error : new Error(String(error));
    }
    return {};
  });
  await app.ready();
});
afterAll(() => app.close());

/** The body in chunks of the sizes, over and over. */
function* cut(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const chunk = bytes.subarray(at, at + (sizes[turn % sizes.length] ?? 1));
    at += chunk.length;
    yield chunk;
  }
}

async function decode(
  bytes: Buffer,
  sizes: readonly number[] = [bytes.length || 1],
  type = `multipart/form-data; boundary=${boundary}`,
): Promise<readonly Found[]> {
  await app.inject({ method: "POST", url: "/", headers: { "content-type": type }, payload: Readable.from(cut(bytes, sizes), { objectMode: false }) });
  if (outcome instanceof Error) throw outcome;
  return outcome;
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

  test("may have text before its first boundary and after its last", async () => {
    const body = Buffer.from(`This is MIME.\r\n--${boundary}\r\n${head({ name: "a", body: Buffer.alloc(0) })}\r\n\r\nx\r\n--${boundary}--\r\nepilogue`);
    expect((await decode(body)).map((part) => part.body.toString())).toEqual(["x"]);
  });

  test("may have empty parts, and none at all", async () => {
    expect((await decode(encode([{ name: "a", body: Buffer.alloc(0) }]))).map((part) => part.body.length)).toEqual([0]);
    expect(await decode(encode([]))).toEqual([]);
  });

  test("may name its files as curl and browsers do", async () => {
    const part = (parameters: string) => Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="core"; ${parameters}\r\n\r\nx\r\n--${boundary}--`);
    expect((await decode(part('filename="a\\"b"')))[0]?.filename).toBe('a"b');
    expect((await decode(part("filename*=UTF-8''na%C3%AFve.core")))[0]?.filename).toBe("naïve.core");
    expect((await decode(part('filename="naïve.core"')))[0]?.filename).toBe("naïve.core");
    expect((await decode(part('filename=""')))[0]).toMatchObject({ isFile: true, filename: null });
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
      { numRuns: 100 },
    );
  });

  test("cut off at any byte is upload_truncated", async () => {
    const whole = encode(two, `--${boundary}--`);
    for (let length = 1; length < whole.length; length += 1) {
      await expect(decode(whole.subarray(0, length), [7]), `the first ${length} bytes`).rejects.toMatchObject({ code: "upload_truncated" });
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
        const result = await decode(damaged, [11]).then(
          () => "parts",
          (error: unknown) => (error instanceof Failure ? error.code : error),
        );
        expect(result).toMatch(/^(parts|multipart_malformed|upload_truncated)$/);
      }),
      { numRuns: 200 },
    );
  });
});

describe("refused as multipart_malformed is", () => {
  test.each<[string, string]>([
    ["a part without a name", `--${boundary}\r\nContent-Disposition: form-data\r\n\r\nx\r\n--${boundary}--`],
    [
      "an encoded part",
      `--${boundary}\r\n${head(two[1] ?? { name: "", body: Buffer.alloc(0) })}\r\nContent-Transfer-Encoding: base64\r\n\r\nx\r\n--${boundary}--`,
    ],
    ["a body that goes on without its boundary", "x".repeat(300_000)],
  ])("%s", async (_name, body) => {
    await expect(decode(Buffer.from(body), [1000])).rejects.toMatchObject({ code: "multipart_malformed" });
  });

  test.each(["multipart/form-data", "multipart/form-data; boundary="])("the type %j", async (type) => {
    await expect(decode(encode(two), [1000], type)).rejects.toMatchObject({ code: "multipart_malformed" });
  });
});

test("a boundary may be quoted, in any place", async () => {
  expect(await decode(encode(two), [1000], `multipart/form-data; charset=utf-8; boundary="${boundary}"; x=y`)).toHaveLength(2);
});

test("a part named like a property of every object is unknown_part", async () => {
  await expect(decode(encode([{ name: "__proto__", filename: "a", body: Buffer.from("x") }]))).rejects.toMatchObject({ code: "unknown_part" });
});
