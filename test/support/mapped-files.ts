/** The ELF files that a core maps, as seen from here: what a user would upload beside it. Read with gdb-free means from NT_FILE. */
import { existsSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";

/** The bytes of the first PT_NOTE, which the kernel writes at a core's begin and gdb at its end; little-endian cores. (elf(5)) */
async function notes(handle: FileHandle): Promise<Buffer> {
  const header = Buffer.alloc(64);
  await handle.read(header, 0, header.length, 0);
  const wide = header[4] === 2;
  const at = wide ? Number(header.readBigUInt64LE(32)) : header.readUInt32LE(28);
  const size = header.readUInt16LE(wide ? 54 : 42);
  const headers = Buffer.alloc(size * header.readUInt16LE(wide ? 56 : 44));
  await handle.read(headers, 0, headers.length, at);
  for (let entry = 0; entry < headers.length; entry += size) {
    if (headers.readUInt32LE(entry) !== 4) continue;
    const offset = wide ? Number(headers.readBigUInt64LE(entry + 8)) : headers.readUInt32LE(entry + 4);
    const length = wide ? Number(headers.readBigUInt64LE(entry + 32)) : headers.readUInt32LE(entry + 16);
    const bytes = Buffer.alloc(length);
    const { bytesRead } = await handle.read(bytes, 0, length, offset);
    return bytes.subarray(0, bytesRead);
  }
  return Buffer.alloc(0);
}

/** Paths of NT_FILE, found as text in the core's notes, since the tests must not lean on the code they test. */
export async function mappedFiles(core: string, root: string | null): Promise<string[]> {
  await using handle = await open(core);
  const paths = new Set<string>();
  for (const match of (await notes(handle)).toString("latin1").matchAll(/\0(\/[^\0]{1,500})(?=\0)/g)) {
    const path = Buffer.from(match[1] ?? "", "latin1").toString("utf8");
    const here = root === null ? path : join(root, path);
    if (existsSync(here) && (await isElf(here))) paths.add(here);
  }
  return [...paths];
}

async function isElf(path: string): Promise<boolean> {
  try {
    await using handle = await open(path);
    const magic = Buffer.alloc(4);
    await handle.read(magic, 0, 4, 0);
    return magic.toString("latin1") === "\x7fELF";
  } catch {
    return false;
  }
}
