import { describe, expect, test } from "vitest";
import { inspectCore } from "../../../services/intake/core/inspect-core.ts";
import { bufferSource } from "../../../services/intake/elf/byte-source.ts";
import { auxiliaryVector, buildCore, firstPage, mappedFiles, page, processInfo, processStatus, signalInfo } from "../support/core-builder.ts";
import { buildElf, encoder, type Form, note } from "../support/elf-builder.ts";

const form: Form = { bits: 64, byteOrder: "little" };
const X86_64 = 62;
const inspect = (bytes: Buffer) => inspectCore(bufferSource(bytes));

const layouts: readonly (readonly [string, number, Form, boolean])[] = [
  ["x86_64", 62, { bits: 64, byteOrder: "little" }, false],
  ["i386", 3, { bits: 32, byteOrder: "little" }, false],
  ["aarch64", 183, { bits: 64, byteOrder: "little" }, false],
  ["arm", 40, { bits: 32, byteOrder: "little" }, false],
  ["riscv32", 243, { bits: 32, byteOrder: "little" }, true],
  ["s390x", 22, { bits: 64, byteOrder: "big" }, false],
  ["ppc", 20, { bits: 32, byteOrder: "big" }, true],
];

describe.each(layouts)("a core of %s", (machine, number, shape, wide) => {
  const { word } = encoder(shape);
  const core = buildCore(
    shape,
    number,
    [
      processStatus(shape, 4711, 11),
      processInfo(shape, { pid: 4711, uid: 1000, gid: 100, name: "python3", psargs: "python3 app.py --fast ", wide }),
      signalInfo(shape, 11, 1, word(0xdead0000n)),
      processStatus(shape, 4712, 11),
      mappedFiles(shape, [
        { path: "/usr/bin/python3", start: 0x400000n, end: 0x402000n, offset: 0 },
        { path: "/usr/bin/python3", start: 0x402000n, end: 0x403000n, offset: 2 },
        { path: "/data/table.bin", start: 0x500000n, end: 0x501000n, offset: 0 },
      ]),
      note(shape, "CORE", 6, auxiliaryVector(shape, { 6: 4096n, 9: 0x401234n })),
    ],
    [
      { vaddr: 0x400000n, bytes: firstPage(shape, number, "00112233445566778899aabbccddeeff00112233", 3), memsz: 0x2000n, flags: 5 },
      { vaddr: 0x402000n, bytes: Buffer.alloc(page, 1), flags: 6 },
      { vaddr: 0x500000n, bytes: Buffer.alloc(page, 2), flags: 4 },
    ],
  );

  test("tells who died, of what, and in which thread", async () => {
    const facts = await inspect(core);
    expect(facts).toMatchObject({ machine, bits: shape.bits, byteOrder: shape.byteOrder, pid: 4711, uid: 1000, gid: 100, name: "python3" });
    expect(facts.signal).toMatchObject({ number: 11, name: "SIGSEGV", code: "SEGV_MAPERR", address: "0xdead0000", sender_pid: null });
    expect(facts.crashedLwp).toBe(4711);
    expect(facts.threads.map((thread) => thread.lwp)).toEqual([4711, 4712]);
    expect(facts).toMatchObject({ commandLine: ["python3", "app.py", "--fast"], commandLineSource: "psargs" });
    expect(facts.warnings).toEqual([]);
  });

  test("tells its modules with their build-ids, and the mapped files that are none", async () => {
    const facts = await inspect(core);
    expect(facts.executable).toBe("/usr/bin/python3");
    expect(facts.modules).toEqual([
      {
        path: "/usr/bin/python3",
        deleted: false,
        buildId: "00112233445566778899aabbccddeeff00112233",
        head: expect.stringMatching(/^[0-9a-f]{64}$/),
        start: "0x400000",
        end: "0x403000",
        mappings: [
          { start: "0x400000", end: "0x402000", offset: 0 },
          { start: "0x402000", end: "0x403000", offset: 2 * page },
        ],
        kind: "executable",
      },
    ]);
    expect(facts.otherFiles).toEqual([{ path: "/data/table.bin", start: "0x500000", end: "0x501000", offset: 0 }]);
  });
});

describe("the signal", () => {
  const core = (...notes: Buffer[]) => inspect(buildCore(form, X86_64, notes, []));
  const { u32, word } = encoder(form);

  test("that a process sent tells its sender and no address", async () => {
    const { signal } = await core(processStatus(form, 1, 6), signalInfo(form, 6, -6, Buffer.concat([u32(77), u32(1000)])));
    expect(signal).toMatchObject({ number: 6, code: "SI_TKILL", sender_pid: 77, sender_uid: 1000, address: null });
  });

  test("of a general protection fault has no address, and says so", async () => {
    const { signal } = await core(processStatus(form, 1, 11), signalInfo(form, 11, 128, word(0)));
    expect(signal).toMatchObject({ code: "SI_KERNEL", address: null });
    expect(signal?.description).toContain("not canonical");
  });

  test("is known by NT_PRSTATUS where NT_SIGINFO is missing or tells another one", async () => {
    expect((await core(processStatus(form, 1, 7))).signal).toMatchObject({ number: 7, name: "SIGBUS", code: null });
    expect((await core(processStatus(form, 1, 7), signalInfo(form, 11, 1, word(0)))).signal).toMatchObject({ number: 7, code: null });
  });

  test("that only stopped a live process for gcore is none", async () => {
    const facts = await core(
      processInfo(form, { pid: 1, uid: 0, gid: 0, name: "a", psargs: "a" }),
      processStatus(form, 1, 0),
      signalInfo(form, 19, 128, word(0)),
    );
    expect(facts).toMatchObject({ signal: null, processAlive: true });
  });
});

describe("the maker", () => {
  const info = processInfo(form, { pid: 0, uid: 0, gid: 0, name: "a", psargs: "" });
  const status = processStatus(form, 7, 11);
  const auxv = note(form, "CORE", 6, auxiliaryVector(form, { 6: 4096n }));
  const files = mappedFiles(form, [{ path: "/a", start: 0x1000n, end: 0x2000n, offset: 0 }]);

  test.each([
    ["kernel", [status, info, auxv, files]],
    ["gcore", [info, status, auxv, files, note(form, "GDB", 0xff000000, Buffer.from("<target/>"))]],
    ["qemu", [status, info, auxv]],
    ["unknown", [status]],
  ])("%s is told by the notes that it writes", async (maker, notes) => {
    expect((await inspect(buildCore(form, X86_64, notes, []))).madeBy).toBe(maker);
  });

  test("that leaves the pid zero, as valgrind does, leaves it to the only thread", async () => {
    expect(await inspect(buildCore(form, X86_64, [info, status], []))).toMatchObject({ pid: 7, uid: null, gid: null, name: "a" });
  });
});

describe("modules", () => {
  const id = (byte: number) => Buffer.alloc(20, byte).toString("hex");
  const row = (path: string, start: bigint, pages: number, offset: number) => ({ path, start, end: start + BigInt(pages * page), offset });
  const load = (start: bigint, bytes: Buffer, pages: number, flags: number) => ({ vaddr: start, bytes, memsz: BigInt(pages * page), flags });

  test("mapped twice, once to run and once to be read, are one module and one file", async () => {
    const first = firstPage(form, X86_64, id(1), 2);
    const facts = await inspect(
      buildCore(
        form,
        X86_64,
        [mappedFiles(form, [row("/lib/a.so", 0x10000n, 1, 0), row("/lib/a.so", 0x11000n, 1, 1), row("/lib/a.so", 0x90000n, 2, 0)])],
        [load(0x10000n, first, 1, 4), load(0x11000n, Buffer.alloc(0), 1, 5), load(0x90000n, first, 2, 4)],
      ),
    );
    expect(facts.modules.map((module) => [module.path, module.start, module.end])).toEqual([["/lib/a.so", "0x10000", "0x12000"]]);
    expect(facts.otherFiles.map((file) => file.start)).toEqual(["0x90000"]);
  });

  test.each([0x8000n, 0x20000n])("of which a page is mapped once more at %s, as libffi's trampolines are, are one module with that page", async (extra) => {
    const rows = [row("/lib/a.so", 0x10000n, 1, 0), row("/lib/a.so", 0x11000n, 2, 1), row("/lib/a.so", extra, 1, 2)];
    const loads = [load(0x10000n, firstPage(form, X86_64, id(1), 3), 1, 4), load(0x11000n, Buffer.alloc(0), 2, 5), load(extra, Buffer.alloc(0), 1, 5)];
    const facts = await inspect(buildCore(form, X86_64, [mappedFiles(form, rows)], loads));
    expect(facts.modules).toMatchObject([{ path: "/lib/a.so", buildId: id(1), start: "0x10000", end: "0x13000" }]);
    expect(facts.modules[0]?.mappings).toHaveLength(3);
    expect(facts.modules[0]?.mappings).toContainEqual({ start: `0x${extra.toString(16)}`, end: `0x${(extra + 0x1000n).toString(16)}`, offset: 0x2000 });
  });

  test("loaded twice to run are two modules", async () => {
    const first = firstPage(form, X86_64, id(1), 1);
    const rows = [row("/lib/a.so", 0x10000n, 1, 0), row("/lib/a.so", 0x20000n, 1, 0)];
    const facts = await inspect(buildCore(form, X86_64, [mappedFiles(form, rows)], [load(0x10000n, first, 1, 5), load(0x20000n, first, 1, 5)]));
    expect(facts.modules.map((module) => module.start)).toEqual(["0x10000", "0x20000"]);
  });

  test("whose data segment begins in page 0 too are one module", async () => {
    const rows = [row("/lib/tiny.so", 0x10000n, 1, 0), row("/lib/tiny.so", 0x11000n, 1, 0)];
    const loads = [load(0x10000n, firstPage(form, X86_64, id(2), 2), 1, 5), load(0x11000n, Buffer.alloc(page), 1, 6)];
    const facts = await inspect(buildCore(form, X86_64, [mappedFiles(form, rows)], loads));
    expect(facts.modules).toMatchObject([{ buildId: id(2), start: "0x10000", end: "0x12000" }]);
  });

  test("whose first page was not dumped are there without a build-id", async () => {
    const rows = [row("/lib/a.so", 0x10000n, 1, 0), row("/lib/a.so", 0x11000n, 2, 1)];
    const facts = await inspect(
      buildCore(form, X86_64, [mappedFiles(form, rows)], [load(0x10000n, Buffer.alloc(0), 1, 4), load(0x11000n, Buffer.alloc(0), 2, 5)]),
    );
    expect(facts.modules).toMatchObject([{ path: "/lib/a.so", buildId: null, end: "0x13000" }]);
  });

  test("that were replaced while mapped lose the kernel's mark from their path and are marked by us", async () => {
    const facts = await inspect(
      buildCore(form, X86_64, [mappedFiles(form, [row("/lib/a.so (deleted)", 0x10000n, 1, 0)])], [load(0x10000n, firstPage(form, X86_64, id(3), 1), 1, 5)]),
    );
    expect(facts.modules).toMatchObject([{ path: "/lib/a.so", deleted: true, buildId: id(3) }]);
  });

  test("include the kernel's own library, and tell the dynamic linker", async () => {
    const auxv = note(form, "CORE", 6, auxiliaryVector(form, { 33: 0x70000n, 7: 0x10000n }));
    const facts = await inspect(
      buildCore(
        form,
        X86_64,
        [auxv, mappedFiles(form, [row("/lib/ld.so", 0x10000n, 1, 0)])],
        [load(0x10000n, firstPage(form, X86_64, id(4), 1), 1, 5), load(0x70000n, firstPage(form, X86_64, id(5), 1), 1, 5)],
      ),
    );
    expect(facts.modules).toMatchObject([
      { path: "/lib/ld.so", kind: "interpreter" },
      { path: "linux-vdso.so.1", kind: "vdso", buildId: id(5) },
    ]);
  });

  test("of paths with any letters keep them", async () => {
    const path = "/opt/Größe/日本/app.so";
    const facts = await inspect(buildCore(form, X86_64, [mappedFiles(form, [row(path, 0x10000n, 1, 0)])], [load(0x10000n, Buffer.alloc(0), 1, 5)]));
    expect(facts.modules[0]?.path).toBe(path);
  });
});

describe("what goes wrong", () => {
  test("an empty file is core_empty", () => expect(inspect(Buffer.alloc(0))).rejects.toMatchObject({ code: "core_empty" }));
  test("a text is not_a_core", () => expect(inspect(Buffer.from("hello".repeat(40)))).rejects.toMatchObject({ code: "not_a_core" }));
  test("an executable is not_a_core", () => expect(inspect(buildElf({ ...form, type: 2, machine: X86_64 }))).rejects.toMatchObject({ code: "not_a_core" }));
  test("a header that is cut off is core_malformed", () =>
    expect(inspect(buildCore(form, X86_64, [], []).subarray(0, 40))).rejects.toMatchObject({ code: "core_malformed" }));
  test("a core without program headers is core_malformed", () =>
    expect(inspect(buildElf({ ...form, type: 4, machine: X86_64 }))).rejects.toMatchObject({ code: "core_malformed" }));
  test("an unknown class is core_malformed", () => {
    const core = buildCore(form, X86_64, [], []);
    core[4] = 7;
    return expect(inspect(core)).rejects.toMatchObject({ code: "core_malformed" });
  });

  test("a truncated core says how many bytes are missing", async () => {
    const core = buildCore(form, X86_64, [processStatus(form, 5, 11)], [{ vaddr: 0x1000n, bytes: Buffer.alloc(10_000) }]);
    const facts = await inspect(core.subarray(0, core.length - 1234));
    expect(facts).toMatchObject({ missingBytes: 1234, crashedLwp: 5 });
    expect(facts.warnings.map((warning) => warning.code)).toContain("truncated_core");
  });

  test("a table of mapped files that promises more rows than it has bytes is passed over", async () => {
    const facts = await inspect(buildCore(form, X86_64, [mappedFiles(form, [{ path: "/a", start: 1n, end: 2n, offset: 0 }], 2 ** 40)], []));
    expect(facts.modules).toEqual([]);
    expect(facts.warnings.map((warning) => warning.code)).toContain("mapped_files_missing");
  });

  test("more program headers than a header can count are all read", async () => {
    const loads = Array.from({ length: 200_000 }, (_, index) => ({ vaddr: BigInt(index + 1) * 0x1000n, memsz: 0x1000n }));
    const facts = await inspect(buildCore(form, X86_64, [processStatus(form, 5, 11)], loads, { manyHeaders: true }));
    expect(facts.segments).toHaveLength(200_000);
    expect(facts.crashedLwp).toBe(5);
  });

  test("more mappings of one file than any system allows are read once each, up to a cap", async () => {
    const rows = Array.from({ length: 140_000 }, (_, index) => ({
      path: "/a",
      start: BigInt(index) * 0x2000n,
      end: BigInt(index) * 0x2000n + 0x1000n,
      offset: 0,
    }));
    const facts = await inspect(buildCore(form, X86_64, [processStatus(form, 5, 11), mappedFiles(form, rows)], []));
    expect(facts.modules.length + facts.otherFiles.length).toBe(131_072);
  });

  test("more notes than any process has are cut, with a warning", async () => {
    const many = Buffer.concat(Array.from<Buffer>({ length: 600_000 }).fill(note(form, "CORE", 99, Buffer.alloc(0))));
    const facts = await inspect(buildCore(form, X86_64, [processStatus(form, 5, 11), many], []));
    expect(facts.crashedLwp).toBe(5);
    expect(facts.warnings.map((warning) => warning.code)).toContain("notes_truncated");
  });

  test("an entry size of nothing does not hang", async () => {
    const core = buildCore(form, X86_64, [processStatus(form, 5, 11)], []);
    core.writeUInt16LE(0, 54);
    await expect(inspect(core)).rejects.toMatchObject({ code: "core_malformed" });
  });
});
