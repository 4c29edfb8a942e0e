import { gzipSync, zstdCompressSync } from "node:zlib";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Failure } from "../../services/contract/failure.ts";
import { requireBinary, requireCore, requireText, sniff } from "../../services/intake/sniff.ts";
import { buildElf } from "./support/elf-builder.ts";

const elf = (type: number, bits: 32 | 64 = 64) => buildElf({ bits, byteOrder: "little", type, machine: 62 });
const hex = (text: string) => Buffer.concat([Buffer.from(text.replaceAll(" ", ""), "hex"), Buffer.alloc(64)]);
const tar = Buffer.concat([Buffer.from("core"), Buffer.alloc(253), Buffer.from("ustar\0"), Buffer.alloc(200)]);

const samples: readonly (readonly [string, Buffer])[] = [
  ["an empty file", Buffer.alloc(0)],
  ["an ELF core", elf(4)],
  ["an ELF core", elf(4, 32)],
  ["an ELF executable, not a core", elf(2)],
  ["an ELF executable or shared library, not a core", elf(3)],
  ["an ELF object file, not a core", elf(1)],
  ["an ELF file whose header is cut off or damaged", elf(4).subarray(0, 30)],
  ["a Windows minidump", Buffer.from("MDMP\x93\xa7\0\0\x0f", "latin1")],
  ["a Windows program (PE)", Buffer.from("MZ\x90\0\x03\0", "latin1")],
  ["a Windows kernel dump", Buffer.from("PAGEDU64\x0f\0")],
  ["a Mach-O core (macOS)", hex("cffaedfe 07000001 03000000 04000000")],
  ["a Mach-O core (macOS)", hex("feedface 00000012 00000000 00000004")],
  ["a Mach-O file (macOS), not a core", hex("cffaedfe 07000001 03000000 02000000")],
  ["a universal Mach-O file (macOS)", hex("cafebabe 00000002")],
  ["a Java class file", hex("cafebabe 00000041")],
  ["a gzip file", gzipSync(elf(4))],
  ["a zstd file", zstdCompressSync(elf(4))],
  ["an xz file", hex("fd377a585a00")],
  ["an lz4 file", hex("04224d18")],
  ["a bzip2 file", Buffer.from("BZh91AY&SY")],
  ["a zip archive", Buffer.from("PK\x03\x04")],
  ["a tar archive", tar],
  ["an ar archive (a .a or .deb file)", Buffer.from("!<arch>\ndebian-binary")],
  ["an HTML page (perhaps an error page instead of the file)", Buffer.from("\n <!DOCTYPE html><html>")],
  ["a JSON document", Buffer.from('{"error": "not found"}')],
  ["an apport crash report", Buffer.from("ProblemType: Crash\nArchitecture: amd64\n")],
  ["a script", Buffer.from("#!/usr/bin/env python3\n")],
  ["a Git LFS pointer instead of the file", Buffer.from("version https://git-lfs.github.com/spec/v1\n")],
  ["a text", Buffer.from("Fatal Python error: Ünïcode\n")],
  ["a text in UTF-16", Buffer.from("\ufeffhello", "utf16le")],
  ["zeros (a hole where the file should be)", Buffer.alloc(512)],
  ["unknown binary data", Buffer.from([1, 2, 3, 0, 200])],
];

test.each(samples)("%s is told by its first bytes", (what, bytes) => expect(sniff(bytes.subarray(0, 512)).what).toBe(what));

describe("only an ELF core is taken as a core", () => {
  test.each(samples.filter(([what]) => what === "an ELF core"))("%s", (_what, bytes) => expect(() => requireCore(bytes, "core.1")).not.toThrow());

  test.each(samples.filter(([what]) => what !== "an ELF core"))("not %s", (_what, bytes) => expect(() => requireCore(bytes, "core.1")).toThrow(Failure));

  test("the refusal names the file, what it looks like, and what to do", () => {
    const refusal = () => requireCore(gzipSync(elf(4)), "core.gz");
    expect(refusal).toThrow(expect.objectContaining({ code: "not_a_core", status: 415, message: expect.stringContaining('"core.gz" looks like a gzip file') }));
    expect(refusal).toThrow(expect.objectContaining({ hint: expect.stringContaining("uncompressed") }));
    expect(() => requireCore(elf(2), null)).toThrow(expect.objectContaining({ hint: expect.stringContaining("binary") }));
  });

  test("an empty one is core_empty, a damaged one core_malformed", () => {
    expect(() => requireCore(Buffer.alloc(0), "core")).toThrow(expect.objectContaining({ code: "core_empty" }));
    expect(() => requireCore(elf(4).subarray(0, 20), "core")).toThrow(expect.objectContaining({ code: "core_malformed" }));
  });
});

test("any ELF file but a core is taken as a binary", () => {
  for (const type of [1, 2, 3]) expect(() => requireBinary(elf(type), "x")).not.toThrow();
  expect(() => requireBinary(elf(4), "x")).toThrow(expect.objectContaining({ code: "not_a_binary", hint: expect.stringContaining("core") }));
  expect(() => requireBinary(Buffer.from("text"), "x")).toThrow(expect.objectContaining({ code: "not_a_binary" }));
});

test("texts of all tongues, and colours, are taken as attachments; binaries are not", () => {
  for (const text of ["", "log\r\n\tline", "\u001b[31mred\u001b[0m", "日本語", "caf\u00e9"]) expect(() => requireText(Buffer.from(text), "log")).not.toThrow();
  for (const bytes of [elf(3), gzipSync("log"), Buffer.from("a\0b")])
    expect(() => requireText(bytes, "log")).toThrow(expect.objectContaining({ code: "attachment_not_text" }));
});

test("any bytes are told to be something", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
      expect(sniff(Buffer.from(bytes)).what).not.toBe("");
    }),
  );
});
