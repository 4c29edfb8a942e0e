import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { stat } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { afterEach, describe, expect, test } from "vitest";
import type { Limits } from "../../../services/contract/limits.ts";
import { receiveUpload } from "../../../services/intake/receive.ts";
import { buildCore, processStatus } from "../support/core-builder.ts";
import { multipart, multipartHead, rawHead, type Receiver, send, startReceiver } from "../support/receiver.ts";

const form = { bits: 64, byteOrder: "little" } as const;
const memory = (bytes: Buffer) => buildCore(form, 62, [processStatus(form, 41, 11)], [{ vaddr: 0x1000n, bytes }]);
const core = memory(Buffer.concat([randomBytes(200_000), Buffer.alloc(300_000), randomBytes(1_000)]));

const pack = (program: string, ...args: string[]) => execFileSync(program, args, { input: core, maxBuffer: 1 << 30 });

/** As apport writes it: each line of base64 stands for a piece of the compressed file. */
function apport(compressed: Buffer): Buffer {
  const lines = Array.from({ length: Math.ceil(compressed.length / 1000) }, (_, index) =>
    compressed.subarray(index * 1000, index * 1000 + 1000).toString("base64"),
  );
  return Buffer.from(`ProblemType: Crash\nArchitecture: amd64\nCoreDump: base64\n ${lines.join("\n ")}\nDate: Mon Nov 23 2026\nProcMaps:\n 1 2\n`);
}

let receiver: Receiver<unknown>;
afterEach(() => receiver[Symbol.asyncDispose]());

async function start(limits: Partial<Limits> = {}): Promise<void> {
  receiver = await startReceiver(async (received) => {
    await using result = await receiveUpload({ ...received, filename: "core" });
    const { core } = result;
    await core?.writer.commit("cores/received");
    return { size: core?.writer.size, sha256: core?.writer.sha256, sent: core?.sentSha256, pid: core?.facts.pid };
  }, limits);
}

async function post(body: Buffer, head = rawHead(body.length)): Promise<unknown> {
  const socket = await send(receiver.port, head, body);
  const outcome = await receiver.nextOutcome();
  socket.destroy();
  return outcome;
}

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

const packed: readonly (readonly [string, () => Buffer])[] = [
  ["gzip", () => pack("gzip", "-c")],
  ["zstd", () => pack("zstd", "-cq")],
  ["lz4", () => pack("lz4", "-cq")],
  ["xz", () => pack("xz", "-c", "-0")],
  ["an apport report with gzip", () => apport(gzipSync(core))],
  ["an apport report with zstd", () => apport(pack("zstd", "-cq"))],
];

describe("a packed core", () => {
  test.each(packed)("as %s is kept as the core itself", async (_name, make) => {
    const sent = make();
    await start();
    expect(await post(sent)).toEqual({ size: core.length, sha256: sha256(core), sent: sha256(sent), pid: 41 });
    expect(core.equals(await buffer(await receiver.blobs.open("cores/received")))).toBe(true);
    expect(await receiver.partials()).toEqual([]);
  });

  test.each(packed)("as %s that is cut off is core_compressed_damaged, and nothing is left", async (_name, make) => {
    const sent = make();
    await start();
    expect(await post(sent.subarray(0, sent.length >> 1))).toMatchObject({ code: "core_compressed_damaged" });
    expect(await receiver.partials()).toEqual([]);
  });

  test.each(packed.slice(0, 4))("as %s with bytes changed is core_compressed_damaged, or no core", async (_name, make) => {
    const sent = make();
    sent.fill(0x5a, sent.length >> 1, (sent.length >> 1) + 64);
    await start();
    expect(await post(sent)).toMatchObject({ code: expect.stringMatching(/^(core_compressed_damaged|core_malformed|not_a_core)$/) });
    expect(await receiver.partials()).toEqual([]);
  });

  test("that holds something else is not_a_core", async () => {
    await start();
    expect(await post(gzipSync("hello"))).toMatchObject({ code: "not_a_core" });
    expect(await post(Buffer.from("ProblemType: Crash\nDate: today\n"))).toMatchObject({ code: "not_a_core" });
    expect(await post(apport(Buffer.from("neither")))).toMatchObject({ code: "core_compressed_damaged" });
    expect(await receiver.partials()).toEqual([]);
  });

  test("that inflates beyond the ratio or the largest core is decompression_bomb", async () => {
    const bomb = gzipSync(memory(Buffer.alloc(80 << 20, 0x41)));
    await start();
    expect(await post(bomb)).toMatchObject({ code: "decompression_bomb" });
    expect(await receiver.partials()).toEqual([]);
    await receiver[Symbol.asyncDispose]();
    await start({ core_bytes: 300_000 });
    expect(await post(gzipSync(core))).toMatchObject({ code: "decompression_bomb" });
    expect(await receiver.partials()).toEqual([]);
  });

  test("that is sparse takes the room of its data, however far it inflates", async () => {
    const sparse = memory(Buffer.concat([Buffer.alloc(300 << 20), randomBytes(65_536)]));
    await start();
    expect(await post(gzipSync(sparse, { level: 1 }))).toMatchObject({ size: sparse.length });
    await using file = await receiver.blobs.localFile("cores/received");
    const { blocks } = await stat(join(file.path));
    expect(blocks * 512).toBeLessThan(1 << 20);
  });

  test("whose client goes away is upload_aborted", async () => {
    const sent = pack("zstd", "-cq");
    await start();
    const socket = await send(receiver.port, rawHead(sent.length), sent.subarray(0, sent.length - 1000));
    while ((await receiver.partials()).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    socket.resetAndDestroy();
    expect(await receiver.nextOutcome()).toMatchObject({ code: "upload_aborted" });
    expect(await receiver.partials()).toEqual([]);
  });
});

describe("a digest sent ahead", () => {
  const raw = (name: string, value: string, length: number) => rawHead(length).replace("\r\n\r\n", `\r\n${name}: ${value}\r\n\r\n`);
  const base64 = (bytes: Buffer) => `sha-256=:${createHash("sha256").update(bytes).digest("base64")}:`;

  test.each(["Repr-Digest", "Content-Digest"])("as %s is held against the bytes as they are sent", async (name) => {
    await start();
    const sent = pack("zstd", "-cq");
    expect(await post(sent, raw(name, base64(sent), sent.length))).toMatchObject({ size: core.length });
    expect(await post(core, raw(name, `unixsum=:AAAA:, ${base64(core)}`, core.length))).toMatchObject({ size: core.length });
    expect(await post(sent, raw(name, base64(core), sent.length))).toMatchObject({ code: "digest_mismatch" });
    expect(await receiver.partials()).toEqual([]);
  });

  test.each(["sha-256=abc", "sha-256=:AAAA:", "sha-512=:AAAA:"])("that reads %s is digest_invalid before a byte is read", async (value) => {
    await start();
    const socket = await send(receiver.port, raw("Repr-Digest", value, 1000));
    expect(await receiver.nextOutcome()).toMatchObject({ code: "digest_invalid" });
    socket.destroy();
  });

  test("as a field of the form counts in any order", async () => {
    await start();
    const parts = (digest: string) => [
      { name: "core", filename: "core", body: core },
      { name: "sha256", body: digest },
    ];
    for (const order of [parts(sha256(core)), parts(sha256(core)).toReversed()]) {
      const body = multipart(order);
      expect(await post(body, multipartHead(body.length))).toMatchObject({ size: core.length });
    }
    const wrong = multipart(parts("0".repeat(64)));
    expect(await post(wrong, multipartHead(wrong.length))).toMatchObject({ code: "digest_mismatch" });
    const none = multipart(parts("abc"));
    expect(await post(none, multipartHead(none.length))).toMatchObject({ code: "digest_invalid" });
    expect(await post(wrong, multipartHead(wrong.length, `Repr-Digest: ${base64(wrong)}\r\n`))).toMatchObject({ code: "digest_invalid" });
    expect(await receiver.partials()).toEqual([]);
  });
});
