import { randomBytes } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { afterEach, describe, expect, test } from "vitest";
import type { Limits } from "../../services/contract/limits.ts";
import { receiveBinaries, receiveBinary, receiveUpload } from "../../services/intake/receive.ts";
import { requestChunks } from "../../services/intake/receive/stream-chunks.ts";
import type { BlobStore } from "../../services/storage/blob-store.ts";
import { buildCore, buildIdNote, processInfo, processStatus } from "./support/core-builder.ts";
import { buildElf, type Form } from "./support/elf-builder.ts";
import { boundary, multipart, multipartHead, rawHead, type Receiver, send, type SentPart, startReceiver } from "./support/receiver.ts";

const form: Form = { bits: 64, byteOrder: "little" };
const id = "ab".repeat(20);
const core = (memory = 5000) =>
  buildCore(
    form,
    62,
    [processStatus(form, 41, 11), processInfo(form, { pid: 41, uid: 1, gid: 1, name: "python3", psargs: "python3 a.py" })],
    [{ vaddr: 0x1000n, bytes: randomBytes(memory) }],
  );
const binary = buildElf({ ...form, type: 3, machine: 62, segments: [{ type: 4, bytes: buildIdNote(form, id) }] });

let receiver: Receiver<unknown>;
afterEach(() => receiver[Symbol.asyncDispose]());

/** Receives as the API does: takes what it needs, commits the core, disposes the rest. */
async function upload(limits: Partial<Limits> = {}, wrap?: (store: BlobStore) => BlobStore, filename: string | null = null): Promise<void> {
  receiver = await startReceiver(
    async (received) => {
      await using result = await receiveUpload({ ...received, filename });
      await result.core?.writer.commit("cores/received");
      const { core: own, binaries, attachments, labels, whenMissing, options, idempotencyKey } = result;
      return {
        core: own === null ? null : { filename: own.filename, size: own.writer.size, pid: own.facts.pid, name: own.nameLabels.executable_name },
        binaries: binaries.map((each) => [each.filename, each.facts.buildId, each.writer.size]),
        attachments: attachments.map((each) => [each.filename, each.writer.size]),
        labels,
        whenMissing,
        options,
        idempotencyKey,
      };
    },
    limits,
    wrap,
  );
}

async function post(parts: readonly SentPart[], head = ""): Promise<unknown> {
  const body = multipart(parts);
  const socket = await send(receiver.port, multipartHead(body.length, head), body);
  const outcome = await receiver.nextOutcome();
  socket.destroy();
  return outcome;
}

/** A store that says how much room it has. */
const withFreeBytes = (store: BlobStore, freeBytes: () => Promise<number>): BlobStore => ({
  kind: store.kind,
  create: () => store.create(),
  has: (key) => store.has(key),
  size: (key) => store.size(key),
  remove: (key) => store.remove(key),
  sweepPartials: () => store.sweepPartials(),
  list: (prefix) => store.list(prefix),
  open: (key, range) => store.open(key, range),
  localFile: (key) => store.localFile(key),
  freeBytes,
});

const corePart = (body: Buffer | string = core()): SentPart => ({ name: "core", filename: "core.python3.41", body });

describe("an upload", () => {
  test("brings its core, binaries, attachments and fields, parts in any order", async () => {
    await upload();
    const bytes = core(300_000);
    const parts: SentPart[] = [
      { name: "labels", body: '{"host":"web1","größe":"XL"}' },
      { name: "binary", filename: "libx.so", body: binary },
      { name: "attachment", filename: "stderr.log", body: "Fatal Python error" },
      corePart(bytes),
      { name: "when_missing", body: "wait" },
      { name: "options", body: "heap_check" },
      { name: "binary", filename: "liby.so", body: binary },
    ];
    for (const order of [parts, parts.toReversed()]) {
      expect(await post(order, "Idempotency-Key: abc\r\n")).toMatchObject({
        core: { filename: "core.python3.41", size: bytes.length, pid: 41, name: "python3" },
        binaries: expect.arrayContaining([
          ["libx.so", id, binary.length],
          ["liby.so", id, binary.length],
        ]),
        attachments: [["stderr.log", 18]],
        labels: { host: "web1", größe: "XL" },
        whenMissing: "wait",
        options: { heap_check: true, census: false },
        idempotencyKey: "abc",
      });
      expect(bytes.equals(await buffer(await receiver.blobs.open("cores/received")))).toBe(true);
      expect(await receiver.partials()).toEqual([]);
    }
  });

  test("may be the raw core, with its name beside it", async () => {
    await upload({}, undefined, "../coredump-gunicorn.77");
    const bytes = core();
    await send(receiver.port, rawHead(bytes.length), bytes);
    expect(await receiver.nextOutcome()).toMatchObject({
      core: { filename: "coredump-gunicorn.77", size: bytes.length, pid: 41, name: "gunicorn" },
      labels: {},
      whenMissing: "analyze",
      options: { heap_check: false, census: false },
      idempotencyKey: null,
    });
  });

  test("may come chunked, a few bytes at a time", async () => {
    await upload();
    const body = multipart([corePart(core(100))]);
    const chunks = Array.from({ length: Math.ceil(body.length / 7) }, (_, index) => body.subarray(index * 7, index * 7 + 7));
    const encoded = chunks.flatMap((chunk) => [`${chunk.length.toString(16)}\r\n`, chunk, "\r\n"]);
    await send(receiver.port, multipartHead(null), ...encoded, "0\r\n\r\n");
    expect(await receiver.nextOutcome()).toMatchObject({ core: { pid: 41 } });
  });

  test("may hold file inputs that a browser left empty", async () => {
    await upload();
    const empty = { filename: "", body: "" };
    expect(await post([{ name: "binary", ...empty }, corePart(), { name: "attachment", ...empty }])).toMatchObject({ binaries: [], attachments: [] });
  });

  test("may send labels as a file", async () => {
    await upload();
    expect(await post([corePart(), { name: "labels", filename: "labels.json", body: '{"a":"b"}' }])).toMatchObject({ labels: { a: "b" } });
  });
});

describe("refused", () => {
  const refusals: readonly (readonly [string, string, readonly SentPart[]])[] = [
    ["without a core", "core_missing", [{ name: "binary", filename: "a", body: binary }]],
    ["with nothing", "core_missing", []],
    ["with two cores", "core_repeated", [corePart(), corePart()]],
    ["with an unknown part", "unknown_part", [corePart(), { name: "__proto__", body: "x" }]],
    ["with a core that is a field", "part_not_a_file", [{ name: "core", body: "core" }]],
    ["with a binary that is a field", "part_not_a_file", [corePart(), { name: "binary", body: "x" }]],
    ["with a text as the core", "not_a_core", [corePart("hello")]],
    ["with an executable as the core", "not_a_core", [corePart(binary)]],
    ["with an empty core", "core_empty", [corePart("")]],
    ["with half a header as the core", "core_malformed", [corePart(core().subarray(0, 30))]],
    ["with a text as a binary", "not_a_binary", [corePart(), { name: "binary", filename: "a", body: "text" }]],
    ["with a binary as an attachment", "attachment_not_text", [corePart(), { name: "attachment", filename: "a", body: binary }]],
    ["with labels that are no object", "labels_invalid", [corePart(), { name: "labels", body: "[]" }]],
    ["with labels that are no JSON", "labels_invalid", [corePart(), { name: "labels", body: "{host:web1}" }]],
    ["with a label that is no string", "labels_invalid", [corePart(), { name: "labels", body: '{"a":1}' }]],
    ["with labels twice", "labels_invalid", [corePart(), { name: "labels", body: "{}" }, { name: "labels", body: "{}" }]],
    ["with labels that are no UTF-8", "labels_invalid", [corePart(), { name: "labels", body: Buffer.from([0x7b, 0xff, 0x7d]) }]],
    ["with options twice", "options_invalid", [corePart(), { name: "options", body: "" }, { name: "options", body: "" }]],
    ["with an unknown when_missing", "when_missing_invalid", [corePart(), { name: "when_missing", body: "later" }]],
    ["with a core above the limit", "upload_too_large", [corePart(core(60_000))]],
    ["with a binary above the limit", "upload_too_large", [corePart(), { name: "binary", filename: "a", body: Buffer.concat([binary, Buffer.alloc(40_000)]) }]],
    ["with too many binaries", "too_many_parts", [corePart(), ...[1, 2, 3].map(() => ({ name: "binary", filename: "a", body: binary }))]],
    ["with too many attachments", "too_many_parts", [corePart(), ...[1, 2].map(() => ({ name: "attachment", filename: "a", body: "x" }))]],
    ["with labels above the limit", "labels_invalid", [corePart(), { name: "labels", body: JSON.stringify({ a: "x".repeat(2000) }) }]],
  ];
  const limits = { core_bytes: 50_000, binary_bytes: 20_000, binaries_per_job: 2, attachments_per_job: 1 };

  test.each(refusals)("%s: %s, and nothing is left", async (_name, code, parts) => {
    await upload(limits);
    expect(await post(parts)).toMatchObject({ name: "Failure", code });
    expect(await receiver.partials()).toEqual([]);
  });

  test("at its first bytes, while the rest has not come", async () => {
    await upload();
    const start = multipart([corePart(Buffer.concat([Buffer.from("MDMP"), Buffer.alloc(1000)]))], "");
    const socket = await send(receiver.port, multipartHead(1e9), start);
    expect(await receiver.nextOutcome()).toMatchObject({ code: "not_a_core" });
    expect(await receiver.partials()).toEqual([]);
    socket.destroy();
  });

  test("when it announces more than the store has room for, before a byte is read", async () => {
    await upload({}, (store) => withFreeBytes(store, async () => 1000));
    const socket = await send(receiver.port, rawHead(5000));
    expect(await receiver.nextOutcome()).toMatchObject({ code: "store_full", status: 507 });
    socket.destroy();
  });

  test("when the store runs full on the way", async () => {
    let looks = 0;
    const shrinking = async () => (looks++ === 0 ? Number.MAX_SAFE_INTEGER : 10);
    await upload({ free_disk_bytes: 100 }, (store) => withFreeBytes(store, shrinking));
    const socket = await send(receiver.port, rawHead(1e9), core(70 << 20));
    expect(await receiver.nextOutcome()).toMatchObject({ code: "store_full" });
    expect(await receiver.partials()).toEqual([]);
    socket.destroy();
  });

  test("without a boundary in its type", async () => {
    await upload();
    await send(receiver.port, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data\r\nContent-Length: 3\r\n\r\nabc");
    expect(await receiver.nextOutcome()).toMatchObject({ code: "multipart_malformed" });
  });
});

describe("a body that ends early", () => {
  test("without its closing boundary is upload_truncated", async () => {
    await upload();
    const body = multipart([corePart()], "");
    await send(receiver.port, multipartHead(body.length), body);
    expect(await receiver.nextOutcome()).toMatchObject({ code: "upload_truncated" });
    expect(await receiver.partials()).toEqual([]);
  });

  test("because the client goes away is upload_aborted, and its partial file is removed", async () => {
    await upload();
    const body = multipart([corePart(core(200_000))]);
    const socket = await send(receiver.port, multipartHead(body.length), body.subarray(0, 100_000));
    while ((await receiver.partials()).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    socket.resetAndDestroy();
    expect(await receiver.nextOutcome()).toMatchObject({ code: "upload_aborted" });
    expect(await receiver.partials()).toEqual([]);
  });

  test("in a raw core is upload_aborted", async () => {
    await upload();
    const bytes = core(200_000);
    const socket = await send(receiver.port, rawHead(bytes.length), bytes.subarray(0, 150_000));
    while ((await receiver.partials()).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    socket.end();
    expect(await receiver.nextOutcome()).toMatchObject({ code: "upload_aborted" });
    expect(await receiver.partials()).toEqual([]);
  });

  test("leaves the next upload as if nothing had happened", async () => {
    await upload();
    const socket = await send(receiver.port, rawHead(1000), "x");
    socket.destroy();
    await receiver.nextOutcome();
    expect(await post([corePart()])).toMatchObject({ core: { pid: 41 } });
  });
});

describe("memory", () => {
  test("stays flat when the store is slower than the client: no more than a few chunks wait", async () => {
    let held = 0;
    let most = 0;
    receiver = await startReceiver(async (received) => {
      const chunks = requestChunks(received.request.raw);
      for (let chunk = await chunks.next(); chunk !== null; chunk = await chunks.next()) {
        held += chunk.length;
        most = Math.max(most, chunks.peak);
        if (held % (1 << 20) < chunk.length) await new Promise((resolve) => setTimeout(resolve, 1));
      }
      return held;
    });
    const size = 48 << 20;
    const block = Buffer.alloc(1 << 20, 1);
    const socket = await send(receiver.port, rawHead(size));
    for (let sent = 0; sent < size; sent += block.length) if (!socket.write(block)) await new Promise((resolve) => socket.once("drain", resolve));
    expect(await receiver.nextOutcome()).toBe(size);
    expect(most).toBeLessThanOrEqual(1 << 20);
  });
});

describe("binaries on their own", () => {
  const list = async () => {
    receiver = await startReceiver(async (received) => {
      await using result = await receiveBinaries(received);
      return result.binaries.map((each) => [each.filename, each.facts.buildId]);
    });
  };

  test("come as any number of parts", async () => {
    await list();
    const part = (filename: string): SentPart => ({ name: "binary", filename, body: binary });
    expect(await post([part("a.so"), part("b.so")])).toEqual([
      ["a.so", id],
      ["b.so", id],
    ]);
  });

  test.each<[string, string, SentPart[]]>([
    ["none", "invalid_body", []],
    ["a part of another name", "unknown_part", [{ name: "core", filename: "a", body: binary }]],
    ["a core", "not_a_binary", [{ name: "binary", filename: "a", body: core() }]],
  ])("are refused: %s", async (_name, code, parts) => {
    await list();
    expect(await post(parts)).toMatchObject({ code });
    expect(await receiver.partials()).toEqual([]);
  });

  test("come one by one as raw bodies", async () => {
    receiver = await startReceiver(async (received) => {
      await using result = await receiveBinary({ ...received, filename: "lib/a.so" });
      return result.binaries.map((each) => [each.filename, each.facts.buildId]);
    });
    await send(receiver.port, rawHead(binary.length), binary);
    expect(await receiver.nextOutcome()).toEqual([["a.so", id]]);
  });
});

test("the boundary of these tests is one that bodies do not hold", () => expect(binary.includes(boundary)).toBe(false));
