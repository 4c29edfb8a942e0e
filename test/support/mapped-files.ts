/** The ELF files that a core maps, as seen from here: what a user would upload beside it. Read with gdb-free means from NT_FILE. */
import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";

/** Paths of NT_FILE: found in the core's first megabytes as text, since the tests must not lean on the code they test. */
export async function mappedFiles(core: string, root: string | null): Promise<string[]> {
  await using handle = await open(core);
  const head = Buffer.alloc(1 << 20);
  const { bytesRead } = await handle.read(head, 0, head.length, 0);
  const paths = new Set<string>();
  for (const match of head
    .subarray(0, bytesRead)
    .toString("latin1")
    .matchAll(/\0(\/[^\0]{1,500})(?=\0)/g)) {
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
