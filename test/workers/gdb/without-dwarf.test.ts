import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { copyWithoutDwarf, withoutDwarf } from "../../../workers/gdb/without-dwarf.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inquest-dwarf-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** A 64-bit little-endian ELF file that is all section headers; they begin at byte 64. */
function elf(names: readonly string[]): Buffer {
  const all = ["", ...names, ".shstrtab"];
  const strings = Buffer.from(all.map((name) => `${name}\0`).join(""));
  const file = Buffer.alloc(64 + 64 * all.length + strings.length);
  file.write("\x7fELF\x02\x01\x01", 0, "latin1");
  file.writeBigUInt64LE(64n, 40);
  file.writeUInt16LE(64, 58);
  file.writeUInt16LE(all.length, 60);
  file.writeUInt16LE(all.length - 1, 62);
  for (const [index, name] of all.entries()) {
    const at = 64 + 64 * index;
    file.writeUInt32LE(strings.indexOf(`${name}\0`), at);
    file.writeUInt32LE(name === "" ? 0 : 1, at + 4);
    if (index < all.length - 1) continue;
    file.writeBigUInt64LE(BigInt(64 + 64 * all.length), at + 24);
    file.writeBigUInt64LE(BigInt(strings.length), at + 32);
  }
  strings.copy(file, 64 + 64 * all.length);
  return file;
}

const typeOf = (file: Buffer, index: number) => file.readUInt32LE(64 + 64 * index + 4);

test("blanks the headers of debug sections and nothing else", async () => {
  const original = elf([".text", ".debug_info", ".eh_frame", ".symtab", ".zdebug_line", ".gnu_debuglink"]);
  await writeFile(join(folder, "a"), original);
  expect(await copyWithoutDwarf(join(folder, "a"), join(folder, "b"))).toBe(true);
  const copy = await readFile(join(folder, "b"));
  expect([0, 1, 2, 3, 4, 5, 6, 7].map((index) => typeOf(copy, index))).toEqual([0, 1, 0, 1, 1, 0, 0, 1]);
  for (const index of [2, 5, 6]) copy.writeUInt32LE(1, 64 + 64 * index + 4);
  expect(copy.equals(original)).toBe(true);
});

test("makes no copy of what has no debug sections", async () => {
  await writeFile(join(folder, "plain"), elf([".text", ".eh_frame"]));
  expect(await copyWithoutDwarf(join(folder, "plain"), join(folder, "none"))).toBe(false);
  await expect(readFile(join(folder, "none"))).rejects.toThrow("ENOENT");
});

test("mounts the copies over their originals", async () => {
  const jobDir = join(folder, "job");
  await mkdir(join(jobDir, "sysroot/usr/lib"), { recursive: true });
  await writeFile(join(jobDir, "sysroot/usr/lib/with.so"), elf([".debug_info"]));
  await writeFile(join(jobDir, "sysroot/usr/lib/without.so"), elf([".text"]));
  await writeFile(join(jobDir, "sysroot/text"), "no ELF");
  expect(await withoutDwarf(jobDir)).toEqual([[join(jobDir, "without-dwarf/0"), "/job/sysroot/usr/lib/with.so"]]);
});

test("a file with any headers is copied or left alone", async () => {
  const original = elf([".text", ".debug_info", ".debug_line"]);
  const change = fc.tuple(fc.nat(original.length - 1), fc.nat(255));
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 8 }), fc.nat(original.length), async (changes, length) => {
      const file = Buffer.from(original);
      for (const [at, byte] of changes) file[at] = byte;
      await writeFile(join(folder, "mutant"), file.subarray(0, length));
      const copied = await copyWithoutDwarf(join(folder, "mutant"), join(folder, "mutant-copy"));
      const { length: size } = await readFile(join(folder, copied ? "mutant-copy" : "mutant"));
      expect(size).toBe(length);
    }),
    { numRuns: 200 },
  );
});
