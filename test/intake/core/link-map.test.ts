import { describe, expect, test } from "vitest";
import { inspectCore } from "../../../services/intake/core/inspect-core.ts";
import { bufferSource } from "../../../services/intake/elf/byte-source.ts";
import { auxiliaryVector, buildCore, firstPage, page, processStatus } from "../support/core-builder.ts";
import { encoder, type Form, note } from "../support/elf-builder.ts";

const AARCH64 = 183;
const PT_DYNAMIC = 2;
const PT_PHDR = 6;
const DT_DEBUG = 21;

/** A core without NT_FILE: an executable at 0x10000, two libraries, and the linker's list in a page of data at 0x50000. */
function core(form: Form, next: (index: number) => bigint, dumped = true): Buffer {
  const { word } = encoder(form);
  const size = form.bits / 8;
  const data = Buffer.alloc(page);
  const dataAt = 0x50000n;
  const put = (offset: number, ...words: bigint[]) => Buffer.concat(words.map((each) => word(each))).copy(data, offset);
  const text = (offset: number, value: string) => {
    data.write(`${value}\0`, offset);
    return dataAt + BigInt(offset);
  };
  put(0, BigInt(DT_DEBUG), dataAt + 0x100n, 0n, 0n); // the dynamic section
  put(0x100, 1n, dataAt + 0x200n); // r_debug: r_version, r_map
  const entryAt = (index: number) => 0x200 + index * 0x80;
  const names = [text(0x800, ""), text(0x810, "/lib/libpython3.13.so.1.0"), text(0x840, "/lib/libc.so.6")];
  const bases = [0x10000n, 0x20000n, 0x30000n];
  for (const [index, base] of bases.entries()) put(entryAt(index), index === 0 ? 0n : base, names[index] ?? 0n, index === 0 ? dataAt : 0n, next(index));
  text(0x900, "/usr/bin/python3.13");

  const phdrAt = form.bits === 64 ? 64 : 52;
  const executable = firstPage(form, AARCH64, "aa".repeat(20), 1, [
    { type: PT_DYNAMIC, vaddr: dataAt - 0x10000n, memsz: BigInt(4 * size), filesz: 4 * size },
    { type: PT_PHDR, vaddr: BigInt(phdrAt), filesz: 1, memsz: 1n },
  ]);
  const auxv = auxiliaryVector(form, { 3: 0x10000n + BigInt(phdrAt), 4: BigInt(form.bits === 64 ? 56 : 32), 5: 4n, 9: 0x10100n, 31: dataAt + 0x900n });
  return buildCore(
    form,
    AARCH64,
    [processStatus(form, 9, 11), note(form, "CORE", 6, auxv)],
    [
      { vaddr: 0x10000n, bytes: dumped ? executable : Buffer.alloc(0), memsz: BigInt(page), flags: 5 },
      { vaddr: 0x20000n, bytes: firstPage(form, AARCH64, "bb".repeat(20), 1), flags: 5 },
      { vaddr: 0x30000n, bytes: Buffer.alloc(page), flags: 5 },
      { vaddr: dataAt, bytes: data },
    ],
  );
}

const entry = (index: number) => 0x50000n + 0x200n + BigInt(index) * 0x80n;

describe.each<Form>([
  { bits: 64, byteOrder: "little" },
  { bits: 32, byteOrder: "big" },
])("a core without NT_FILE, %o", (form) => {
  test("gets its modules from the dynamic linker's list", async () => {
    const facts = await inspectCore(bufferSource(core(form, (index) => (index < 2 ? entry(index + 1) : 0n))));
    expect(facts.modulesSource).toBe("link_map");
    expect(facts.executable).toBe("/usr/bin/python3.13");
    expect(facts.modules.map(({ path, buildId, kind }) => [path, buildId, kind])).toEqual([
      ["/usr/bin/python3.13", "aa".repeat(20), "executable"],
      ["/lib/libpython3.13.so.1.0", "bb".repeat(20), "library"],
      ["/lib/libc.so.6", null, "library"],
    ]);
    expect(facts.warnings.map((warning) => warning.code)).toContain("mapped_files_from_link_map");
  });

  test("and without the executable's pages, as qemu leaves it, finds that list by a scan", async () => {
    const facts = await inspectCore(bufferSource(core(form, (index) => (index < 2 ? entry(index + 1) : 0n), false)));
    expect(facts.madeBy).toBe("unknown");
    expect(facts.modules.map(({ path, buildId, kind, start }) => [path, buildId, kind, start])).toEqual([
      ["/usr/bin/python3.13", null, "executable", "0x10000"],
      ["/lib/libpython3.13.so.1.0", "bb".repeat(20), "library", "0x20000"],
      ["/lib/libc.so.6", null, "library", "0x30000"],
    ]);
  });

  test("whose list runs in a circle ends, each module once", async () => {
    const facts = await inspectCore(bufferSource(core(form, (index) => entry((index + 1) % 3))));
    expect(facts.modules).toHaveLength(3);
  });

  test("whose list leads into nothing keeps what came before", async () => {
    const facts = await inspectCore(bufferSource(core(form, () => 0x7777_0000n)));
    expect(facts.modules.map((module) => module.path)).toEqual(["/usr/bin/python3.13"]);
  });
});
