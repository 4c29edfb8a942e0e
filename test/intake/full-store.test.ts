/** A store whose file system runs full or is read-only: the real thing, where this process may mount a small one. */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { readConfig } from "../../services/config/environment.ts";
import { receiveUpload } from "../../services/intake/receive.ts";
import { UploadFiles } from "../../services/intake/resume/upload-files.ts";
import { openFileBlobStore } from "../../services/storage/file-blob-store.ts";
import { buildCore, processStatus } from "./support/core-builder.ts";
import { multipart, multipartHead, rawHead, send, startReceiver } from "./support/receiver.ts";

const form = { bits: 64, byteOrder: "little" } as const;
const core = (bytes: number) => buildCore(form, 62, [processStatus(form, 41, 11)], [{ vaddr: 0x1000n, bytes: randomBytes(bytes) }]);
const limits = { ...readConfig({}).limits, free_disk_bytes: 0 };
/** Tells of room that is not there, as a disk does that others fill meanwhile. */
const boundless = { freeBytes: async () => Number.MAX_SAFE_INTEGER };

const folder = mkdtempSync(join(tmpdir(), "inquest-full-"));
const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]).status === 0;
afterAll(() => {
  if (mounted) spawnSync("umount", [folder]);
  rmSync(folder, { recursive: true, force: true });
});

const upload = (size: number) => ({
  id: `default~${"a".repeat(36)}`,
  size,
  offset: 0,
  metadata: {},
  storage: undefined,
  creation_date: undefined,
  sizeIsDeferred: false,
});

test("a resumable upload that announces more than there is room for is store_full at once", async () => {
  const files = new UploadFiles(join(folder, "uploads"), { freeBytes: async () => 1000 }, limits);
  await expect(files.create(upload(5000))).rejects.toMatchObject({ code: "store_full" });
  expect(await readdir(join(folder, "uploads"))).toEqual([]);
});

test("a resumable upload in short pieces is store_full when others filled the disk meanwhile", async () => {
  let free = 10_000;
  const files = new UploadFiles(join(folder, "pieces"), { freeBytes: async () => free }, { ...limits, free_disk_bytes: 1000 });
  const { id } = await files.create(upload(5000));
  expect(await files.write(Readable.from([core(2000).subarray(0, 1000)]), id, 0)).toBe(1000);
  free = 999;
  await expect(files.write(Readable.from([Buffer.alloc(1000, 1)]), id, 1000)).rejects.toMatchObject({ code: "store_full" });
  expect((await files.getUpload(id)).offset).toBe(1000);
});

async function post(head: string, body: Buffer): Promise<unknown> {
  const store = await openFileBlobStore(join(folder, "blobs"));
  const full = Object.assign(store, boundless);
  await using receiver = await startReceiver(async ({ request }) => {
    await using result = await receiveUpload({ request, blobs: full, limits, filename: null });
    await result.core?.writer.commit("cores/kept");
    return result.core?.writer.size;
  });
  const socket = await send(receiver.port, head, body);
  const outcome = await receiver.nextOutcome();
  socket.destroy();
  return outcome;
}

const left = () => readdir(join(folder, "blobs", "tmp"));

describe.runIf(mounted)("a file system of 4 MB", () => {
  const large = core(8 << 20);
  const whole = multipart([{ name: "core", filename: "core", body: large }]);
  const packed = gzipSync(large, { level: 1 });

  test.each<[string, string, Buffer]>([
    ["a raw core", rawHead(large.length), large],
    ["a form", multipartHead(whole.length), whole],
    ["a packed core", rawHead(packed.length), packed],
  ])("refuses %s of 8 MB with store_full and keeps nothing of it", async (_what, head, body) => {
    expect(await post(head, body)).toMatchObject({ code: "store_full", status: 507 });
    expect(await left()).toEqual([]);
  });

  test("keeps what came of a resumable upload for when there is room", async () => {
    const files = new UploadFiles(join(folder, "uploads"), boundless, limits);
    const { id } = await files.create(upload(large.length));
    const pieces = Array.from({ length: 8 }, (_, index) => large.subarray(index << 20, (index + 1) << 20));
    await expect(files.write(Readable.from(pieces), id, 0)).rejects.toMatchObject({ code: "store_full" });
    expect((await files.getUpload(id)).offset).toBeGreaterThan(1 << 20);
    await files.remove(id);
  });

  test("made read-only refuses with store_unavailable, and takes cores again afterwards", async () => {
    const small = core(10_000);
    const store = await openFileBlobStore(join(folder, "blobs"));
    expect(spawnSync("mount", ["-o", "remount,ro", folder]).status).toBe(0);
    await expect(store.create()).rejects.toMatchObject({ code: "store_unavailable", status: 503 });
    expect(spawnSync("mount", ["-o", "remount,rw", folder]).status).toBe(0);
    expect(await post(rawHead(small.length), small)).toBe(small.length);
    expect(await left()).toEqual([]);
  });
});
