/** What two files have in common that are one: the first page, but for what strip changes of it. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { inspectBinaryFile } from "../../../services/intake/binary/inspect-binary.ts";
import { HEAD_BYTES, headDigest } from "../../../services/intake/elf/file-head.ts";

const run = promisify(execFile);

test("is the same of a file and of its stripped copy", async () => {
  const folder = await mkdtemp(join(tmpdir(), "inquest-head-"));
  try {
    const [whole, stripped] = [join(folder, "whole"), join(folder, "stripped")];
    await copyFile(process.execPath, whole);
    await run("strip", ["-o", stripped, whole]);
    const [one, other] = [await inspectBinaryFile(whole), await inspectBinaryFile(stripped)];
    expect(one.head).toMatch(/^[0-9a-f]{64}$/);
    expect(other.head).toBe(one.head);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("differs with any other byte, and needs the whole page", () => {
  const page = randomBytes(HEAD_BYTES);
  const changed = (at: number) => Buffer.from(page).fill((page[at] ?? 0) ^ 1, at, at + 1);
  const head = headDigest(page, { bits: 64 });
  for (const at of [0, 24, 32, 48, 56, 64, 200, HEAD_BYTES - 1]) expect(headDigest(changed(at), { bits: 64 })).not.toBe(head);
  for (const at of [40, 47, 58, 63]) expect(headDigest(changed(at), { bits: 64 })).toBe(head);
  for (const at of [32, 35, 46, 51]) expect(headDigest(changed(at), { bits: 32 })).toBe(headDigest(page, { bits: 32 }));
  expect(headDigest(page.subarray(1), { bits: 64 })).toBeNull();
});
