import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bufferSource, openFileSource } from "../../../services/intake/elf/byte-source.ts";
import { machineName, parseElfHeader } from "../../../services/intake/elf/elf-header.ts";
import { textAt } from "../../../services/intake/elf/fields.ts";
import { findBuildId, parseNotes } from "../../../services/intake/elf/notes.ts";
import { readProgramHeaders } from "../../../services/intake/elf/program-headers.ts";
import { readSections } from "../../../services/intake/elf/sections.ts";
import { buildElf, type Form, note } from "../support/elf-builder.ts";

const forms: readonly Form[] = [
  { bits: 64, byteOrder: "little" },
  { bits: 64, byteOrder: "big" },
  { bits: 32, byteOrder: "little" },
  { bits: 32, byteOrder: "big" },
];

describe.each(forms)("an ELF file of %o", (form) => {
  const file = buildElf({
    ...form,
    type: 2,
    machine: 62,
    entry: 0x401000n,
    segments: [{ type: 1, flags: 5, vaddr: 0x400000n, bytes: Buffer.from("code"), memsz: 0x3000n, align: 4096n }],
    sections: [{ name: ".text", type: 1, flags: 6, bytes: Buffer.from("code") }],
  });

  test("tells its header, segments and sections", async () => {
    const header = parseElfHeader(file);
    if (header === null) throw new Error("no header");
    expect(header).toMatchObject({ ...form, type: 2, machine: 62, entry: 0x401000n, phnum: 1 });
    const source = bufferSource(file);
    expect((await readProgramHeaders(source, header)).headers).toMatchObject([
      { type: 1, flags: 5, vaddr: 0x400000n, filesz: 4, memsz: 0x3000n, align: 4096n },
    ]);
    expect((await readSections(source, header)).map(({ name, size }) => [name, size])).toEqual([
      ["", 0],
      [".text", 4],
      [".shstrtab", 17],
    ]);
  });

  test("cut or changed anywhere is read without an error and within the budget", async () => {
    const change = fc.tuple(fc.nat(file.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 10 }), fc.nat(file.length), async (changes, length) => {
        const damaged = Buffer.from(file.subarray(0, length));
        for (const [at, value] of changes) if (at < length) damaged[at] = value;
        const header = parseElfHeader(damaged);
        if (header === null) return;
        const budget = { reads: 50, bytes: 1 << 20 };
        const source = bufferSource(damaged, budget);
        const { headers } = await readProgramHeaders(source, header);
        const sections = await readSections(source, header);
        expect(headers.length * 32 + sections.length * 40).toBeLessThanOrEqual(2 * damaged.length);
        expect(budget.reads).toBeGreaterThan(40);
      }),
    );
  });
});

describe("notes", () => {
  const form: Form = { bits: 64, byteOrder: "little" };

  test("come in file order with their names and bytes", () => {
    const bytes = Buffer.concat([note(form, "CORE", 1, Buffer.from("abcde")), note(form, "LINUX", 0x202, Buffer.alloc(0))]);
    expect([...parseNotes(bytes, form)].map(({ name, type, desc }) => [name, type, desc.toString()])).toEqual([
      ["CORE", 1, "abcde"],
      ["LINUX", 0x202, ""],
    ]);
  });

  test("a build-id is hex, and only of a plausible size", () => {
    expect(findBuildId(parseNotes(note(form, "GNU", 3, Buffer.from("0aff", "hex")), form))).toBe("0aff");
    expect(findBuildId(parseNotes(note(form, "GNU", 3, Buffer.alloc(65)), form))).toBeNull();
    expect(findBuildId(parseNotes(note(form, "GNU", 3, Buffer.alloc(20)).subarray(0, 20), form))).toBeNull();
    expect(findBuildId(parseNotes(note(form, "XYZ", 3, Buffer.alloc(20)), form))).toBeNull();
  });

  test("of any bytes come to an end", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.constantFrom<4 | 8>(4, 8), (bytes, align) => {
        const found = [...parseNotes(Buffer.from(bytes), form, align)];
        expect(found.length).toBeLessThanOrEqual(bytes.length / 12);
      }),
    );
  });
});

describe("a byte source", () => {
  test("gives what is there, and nothing outside the file or behind the budget", async () => {
    const budget = { reads: 4, bytes: 6 };
    const source = bufferSource(Buffer.from("0123456789"), budget);
    expect((await source.read(8, 100)).toString()).toBe("89");
    expect((await source.read(10, 1)).length).toBe(0);
    expect((await source.read(-1, 1)).length).toBe(0);
    expect((await source.read(Number.NaN, 1)).length).toBe(0);
    expect((await source.read(0, Number.POSITIVE_INFINITY)).toString()).toBe("0123");
    expect((await source.read(0, 1)).length).toBe(0);
  });

  test("of a file gives its bytes whatever was read before, and cuts small reads that lie together out of one", async () => {
    const folder = await mkdtemp(join(tmpdir(), "inquest-source-"));
    try {
      const path = join(folder, "file");
      const bytes = randomBytes(300_000);
      await writeFile(path, bytes);
      await using source = await openFileSource(path);
      const place = fc.tuple(fc.nat(bytes.length + 10_000), fc.oneof(fc.nat(200), fc.nat(40_000)));
      await fc.assert(
        fc.asyncProperty(place, async ([offset, length]) => {
          expect((await source.read(offset, length)).equals(bytes.subarray(offset, offset + length))).toBe(true);
        }),
        { numRuns: 300 },
      );
      expect((await source.read(64, 56)).buffer).toBe((await source.read(0, 64)).buffer);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

test("text ends at its NUL, its limit or the end, and never throws", () => {
  expect(textAt(Buffer.from("ab\0cd"), 0)).toBe("ab");
  expect(textAt(Buffer.from("abcd"), 1, 2)).toBe("bc");
  expect(textAt(Buffer.from("abcd"), 9)).toBe("");
  expect(textAt(Buffer.from([0xff, 0x41]), 0)).toBe("\ufffdA");
});

test("machines are told by their usual names, unknown ones by number", () => {
  expect([62, 3, 183, 40, 243, 9999].map((machine) => machineName({ machine, bits: 64 }))).toEqual(["x86_64", "i386", "aarch64", "arm", "riscv64", "em_9999"]);
});
