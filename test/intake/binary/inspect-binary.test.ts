import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Failure } from "../../../services/contract/failure.ts";
import { inspectBinary, inspectBinaryFile } from "../../../services/intake/binary/inspect-binary.ts";
import { bufferSource, newReadBudget } from "../../../services/intake/elf/byte-source.ts";
import { defaultInterpreters } from "../../matrix/interpreters.ts";
import { buildIdNote } from "../support/core-builder.ts";
import { buildElf, encoder, type ElfShape, type Form, type SectionShape } from "../support/elf-builder.ts";

const form: Form = { bits: 64, byteOrder: "little" };
const id = "0123456789abcdef0123456789abcdef01234567";
const ALLOC = 2;
const NOBITS = 8;
const noteSection: SectionShape = { name: ".note.gnu.build-id", type: 7, flags: ALLOC, bytes: buildIdNote(form, id) };
const text: SectionShape = { name: ".text", type: 1, flags: ALLOC | 4, bytes: Buffer.from("code") };
const symbols: SectionShape = { name: ".symtab", type: 2, bytes: Buffer.alloc(48) };
const info: SectionShape = { name: ".debug_info", type: 1, bytes: Buffer.alloc(16) };

const inspect = (shape: Partial<ElfShape>) => inspectBinary(bufferSource(buildElf({ ...form, type: 3, machine: 62, ...shape })));

describe("a binary's kind", () => {
  test("is executable for ET_EXEC", async () => expect(await inspect({ type: 2, sections: [text] })).toMatchObject({ kind: "executable" }));

  test("is executable for a PIE: it asks for a dynamic linker and has no soname", async () => {
    const segments = [{ type: 3, bytes: Buffer.from("/lib64/ld-linux-x86-64.so.2\0") }];
    expect(await inspect({ segments, sections: [text] })).toMatchObject({ kind: "executable", interpreter: "/lib64/ld-linux-x86-64.so.2" });
  });

  test("is executable for a static PIE, by its flag", async () => {
    const { word } = encoder(form);
    const dynamic = Buffer.concat([word(0x6ffffffb), word(0x08000001), word(0), word(0)]);
    expect(await inspect({ segments: [{ type: 2, bytes: dynamic }], sections: [text] })).toMatchObject({ kind: "executable" });
  });

  test("is shared_library otherwise", async () => expect(await inspect({ sections: [text] })).toMatchObject({ kind: "shared_library" }));

  test("is debug when only notes and debug sections are really there", async () => {
    const stripped: SectionShape = { name: ".text", type: NOBITS, flags: ALLOC | 4, size: 4096 };
    expect(await inspect({ type: 2, sections: [noteSection, stripped, symbols, info] })).toMatchObject({
      kind: "debug",
      buildId: id,
      hasSymbols: true,
      hasDebugInfo: true,
    });
  });

  test("is debug for a supplementary file that holds nothing but debug sections", async () =>
    expect(await inspect({ sections: [noteSection, info] })).toMatchObject({ kind: "debug" }));
});

describe("what a binary carries", () => {
  test("is told from sections with bytes in this file", async () => {
    expect(await inspect({ sections: [text, noteSection, symbols, info] })).toMatchObject({ buildId: id, hasSymbols: true, hasDebugInfo: true });
    expect(await inspect({ sections: [text, { name: ".debug_info", type: NOBITS, size: 100 }] })).toMatchObject({ hasSymbols: false, hasDebugInfo: false });
  });

  test("of a file without sections is told from its program headers", async () =>
    expect(await inspect({ segments: [{ type: 4, bytes: buildIdNote(form, id) }] })).toMatchObject({ buildId: id, hasSymbols: false }));

  test("includes an embedded symbol table, apart from a true one", async () =>
    expect(await inspect({ sections: [text, { name: ".gnu_debugdata", type: 1, bytes: Buffer.alloc(8) }] })).toMatchObject({
      hasMiniDebugInfo: true,
      hasSymbols: false,
    }));

  test("includes the name and checksum of its debug file", async () => {
    const link = Buffer.concat([Buffer.from("libx.debug\0\0"), encoder(form).u32(0xdeadbeef)]);
    expect((await inspect({ sections: [text, { name: ".gnu_debuglink", type: 1, bytes: link }] })).debugLink).toEqual({ name: "libx.debug", crc: 0xdeadbeef });
  });

  test("includes a CPython, by its own section", async () =>
    expect(await inspect({ sections: [text, { name: ".PyRuntime", type: 1, flags: ALLOC, bytes: Buffer.alloc(8) }] })).toMatchObject({ holdsPython: true }));
});

describe("real binaries", () => {
  test("the Node that runs this is an executable", async () => {
    expect(await inspectBinaryFile(process.execPath)).toMatchObject({ kind: "executable", holdsPython: false, warnings: [] });
  });

  test("the C library is a shared library with a soname, although it can be run", async () => {
    const [, libc = ""] = /(\/\S*libc\.so\.6)$/m.exec(await readFile("/proc/self/maps", "utf8")) ?? [];
    expect(await inspectBinaryFile(libc)).toMatchObject({ kind: "shared_library", soname: "libc.so.6", buildId: expect.stringMatching(/^[0-9a-f]{40}$/) });
  });

  test("the interpreter, or the library it lives in, holds a CPython", async () => {
    const [interpreter] = await defaultInterpreters(process.env["PATH"] ?? "");
    const program = "import ctypes, os; open('/proc/self/maps').read(); print(open('/proc/self/maps').read())";
    const { stdout } = await promisify(execFile)(interpreter?.path ?? "", ["-c", program]);
    const files = new Set(stdout.match(/\/\S*(?:libpython|bin\/python)\S*$/gm));
    const facts = await Promise.all([...files].map((file) => inspectBinaryFile(file)));
    expect(facts.filter((each) => each.holdsPython)).toHaveLength(1);
  });
});

describe("what is no binary", () => {
  test.each([
    ["a text", Buffer.from("#!/bin/sh\n"), /a script/],
    ["nothing", Buffer.alloc(0), /an empty file/],
    ["a core", buildElf({ ...form, type: 4, machine: 62 }), /core dump/],
  ])("%s is refused with what it looks like", async (_name, bytes, detail) => {
    await expect(inspectBinary(bufferSource(bytes))).rejects.toMatchObject({ code: "not_a_binary", message: expect.stringMatching(detail) });
  });

  test("a truncated file is taken with a warning", async () => {
    const file = buildElf({ ...form, type: 3, machine: 62, sections: [text, symbols, { name: ".data", type: 1, bytes: Buffer.alloc(5000) }] });
    expect((await inspectBinary(bufferSource(file.subarray(0, 2000)))).warnings).toMatchObject([{ code: "truncated_binary" }]);
  });

  test("a file with any bytes changed gives facts or a plain refusal, within the budget", async () => {
    const file = buildElf({
      ...form,
      type: 3,
      machine: 62,
      segments: [
        { type: 2, bytes: Buffer.alloc(64) },
        { type: 3, bytes: Buffer.from("/lib/ld.so\0") },
        { type: 4, bytes: buildIdNote(form, id) },
      ],
      sections: [noteSection, text, symbols, info],
    });
    const change = fc.tuple(fc.nat(file.length - 1), fc.constantFrom(0, 1, 0x7f, 0xff));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 20 }), async (changes) => {
        const damaged = Buffer.from(file);
        for (const [at, value] of changes) damaged[at] = value;
        const budget = newReadBudget();
        const outcome = await inspectBinary(bufferSource(damaged, budget)).then(
          () => "facts",
          (error: unknown) => (error instanceof Failure ? error.code : error),
        );
        expect(outcome).toMatch(/^(facts|not_a_binary)$/);
        expect(budget.reads).toBeGreaterThan(newReadBudget().reads - 300);
      }),
      { numRuns: 300 },
    );
  });
});
