/** Archives of binaries, as the tools of this machine make them. */
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, open, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Limits } from "../../../services/contract/limits.ts";
import { type ApiUnderTest, openApiUnderTest } from "../support/api-under-test.ts";

const execute = promisify(execFile);
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inquest-archives-"));
  const root = join(folder, "root/usr/bin");
  await mkdir(root, { recursive: true });
  for (const name of ["true", "false"]) await copyFile(`/bin/${name}`, join(root, name));
  await writeFile(join(root, "script"), "#!/bin/sh\n");
  // Before the link: this tool would follow it.
  await execute("python3", ["-m", "zipfile", "-c", join(folder, "small.zip"), "usr"], { cwd: join(folder, "root") });
  await symlink("true", join(root, "link"));
  const tar = (...words: string[]) => execute("tar", [...words, "-C", join(folder, "root"), "usr"]);
  await tar("-cf", join(folder, "plain.tar"));
  await tar("-czf", join(folder, "small.tar.gz"));
  await tar("--zstd", "-cf", join(folder, "small.tar.zst"));
  // Names that climb are labels like any other.
  await execute("tar", ["-cPf", join(folder, "climbing.tar"), "--transform", "s,.*,../../../../../../tmp/inquest-climbed,", "/bin/true"]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function upload(api: ApiUnderTest, content: Buffer, name: string) {
  const data = new FormData();
  data.append("binary", new Blob([Uint8Array.from(content)]), name);
  const encoded = new Response(data);
  return api.ask({
    method: "POST",
    url: "/v1/binaries",
    headers: { "content-type": encoded.headers.get("content-type") ?? "" },
    payload: Buffer.from(await encoded.arrayBuffer()),
  });
}

const leftovers = (api: ApiUnderTest) => readdir(join(api.folder, "blobs/tmp"));
const openWith = (limits: Partial<Limits> = {}) => openApiUnderTest({ limits });

test.each(["plain.tar", "small.tar.gz", "small.tar.zst", "small.zip"])("takes the ELF files of %s and passes over what is none", async (name) => {
  await using api = await openWith();
  const answer = await upload(api, await readFile(join(folder, name)), name);
  expect(answer.statusCode, answer.body).toBe(201);
  const items: { filename: string; path: string; size: number }[] = answer.json().items;
  expect(items.map(({ filename, path }) => `${filename} ${path}`).toSorted()).toEqual(["false /usr/bin/false", "true /usr/bin/true"]);
  expect(items.find(({ filename }) => filename === "true")?.size).toBe((await readFile("/bin/true")).length);
  expect(await leftovers(api)).toEqual([]);
});

test("takes a single compressed binary for what is in it", async () => {
  await using api = await openWith();
  const answer = await upload(api, gzipSync(await readFile("/bin/true")), "true.gz");
  expect(answer.json().items).toMatchObject([{ filename: "true", kind: "executable" }]);
});

test("never follows the names in an archive", async () => {
  await using api = await openWith();
  const answer = await upload(api, await readFile(join(folder, "climbing.tar")), "climbing.tar");
  expect(answer.json().items).toMatchObject([{ filename: "inquest-climbed", path: null }]);
  expect(await readdir("/tmp")).not.toContain("inquest-climbed");
});

test.each([
  ["more entries than are taken", "plain.tar", { archive_entries: 3 }, 413, "archive_too_large"],
  ["more bytes than are taken", "small.tar.zst", { archive_bytes: 10_000 }, 413, "archive_too_large"],
  ["a binary larger than is taken", "small.tar.gz", { binary_bytes: 20_000 }, 413, "upload_too_large"],
] as const)("refuses an archive with %s, and leaves nothing behind", async (_what, name, limits, status, code) => {
  await using api = await openWith(limits);
  const answer = await upload(api, await readFile(join(folder, name)), name);
  expect([answer.statusCode, answer.json().code]).toEqual([status, code]);
  expect(await leftovers(api)).toEqual([]);
  expect(await readdir(join(api.folder, "blobs"))).toEqual(["tmp"]);
});

test("passes over links, devices and archives inside an archive, and takes none of them for a binary", async () => {
  const hostile = join(folder, "hostile.tar");
  await execute("python3", [
    "-c",
    `
import io, sys, tarfile
with tarfile.open(sys.argv[1], "w") as tar:
    def add(name, type, data=b"", link=""):
        info = tarfile.TarInfo(name)
        info.type, info.size, info.linkname = type, len(data), link
        tar.addfile(info, io.BytesIO(data))
    program = open("/bin/true", "rb").read()
    add("lib/symbolic.so", tarfile.SYMTYPE, link="/etc/shadow")
    add("lib/hard.so", tarfile.LNKTYPE, link="/etc/shadow")
    add("lib/device.so", tarfile.CHRTYPE)
    add("lib/pipe.so", tarfile.FIFOTYPE)
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as nested:
        nested.add("/bin/false")
    add("lib/nested.tar.gz", tarfile.REGTYPE, inner.getvalue())
    add("/" + "deep/" * 60 + "ab.so", tarfile.REGTYPE, program)
    add("lib/" + "long" * 60, tarfile.REGTYPE, program)
`,
    hostile,
  ]);
  await using api = await openWith();
  const answer = await upload(api, await readFile(hostile), "hostile.tar");
  expect(answer.statusCode, answer.body).toBe(201);
  expect(answer.json().items).toHaveLength(2);
  expect(new Set(answer.json().items.map(({ sha256 }: { sha256: string }) => sha256)).size).toBe(1);
  expect(await leftovers(api)).toEqual([]);
  const few = await openWith({ archive_entries: 4 });
  expect((await upload(few, await readFile(hostile), "hostile.tar")).json()).toMatchObject({ status: 413, code: "archive_too_large" });
  expect([await leftovers(few), (await readdir(join(few.folder, "blobs"))).toSorted()]).toEqual([[], ["tmp"]]);
  await few[Symbol.asyncDispose]();
});

test("a zip that lies about the sizes of its entries, or about how many it has, is archive_malformed", async () => {
  await using api = await openWith();
  const whole = await readFile(join(folder, "small.zip"));
  const sizes = Buffer.from(whole);
  // The uncompressed size in each entry of the directory.
  for (let at = sizes.indexOf("PK\x01\x02", 0, "latin1"); at >= 0; at = sizes.indexOf("PK\x01\x02", at + 4, "latin1")) sizes.writeUInt32LE(7, at + 24);
  const count = Buffer.from(whole);
  const end = count.lastIndexOf("PK\x05\x06", undefined, "latin1");
  count.writeUInt16LE(60_000, end + 8);
  count.writeUInt16LE(60_000, end + 10);
  for (const lying of [sizes, count]) {
    const answer = await upload(api, lying, "lying.zip");
    expect(answer.json()).toMatchObject({ status: 422, code: "archive_malformed" });
  }
  expect(await leftovers(api)).toEqual([]);
});

test("ends a bomb early: bytes that come out are measured against those that went in", async () => {
  const bomb = join(folder, "bomb.tar");
  await using file = await open(bomb, "w");
  await file.truncate(300 << 20);
  await execute("tar", ["-czf", join(folder, "bomb.tar.gz"), "-C", folder, "bomb.tar"]);
  await using api = await openWith();
  const answer = await upload(api, await readFile(join(folder, "bomb.tar.gz")), "bomb.tar.gz");
  expect([answer.statusCode, answer.json().code]).toEqual([413, "archive_too_large"]);
  expect(await leftovers(api)).toEqual([]);
});

test.each(["small.tar.gz", "small.tar.zst", "small.zip", "plain.tar"])("refuses %s cut in the middle, and leaves nothing behind", async (name) => {
  await using api = await openWith();
  const whole = await readFile(join(folder, name));
  const answer = await upload(api, whole.subarray(0, whole.length >> 1), name);
  expect([answer.statusCode, answer.json().code], answer.body).toEqual([422, "archive_malformed"]);
  expect(await leftovers(api)).toEqual([]);
  expect(await readdir(join(api.folder, "blobs"))).toEqual(["tmp"]);
});

test("refuses an archive without a binary", async () => {
  await using api = await openWith();
  await execute("tar", ["-czf", join(folder, "texts.tar.gz"), "-C", join(folder, "root/usr/bin"), "script"]);
  const answer = await upload(api, await readFile(join(folder, "texts.tar.gz")), "texts.tar.gz");
  expect([answer.statusCode, answer.json().code]).toEqual([415, "not_a_binary"]);
});

test("takes 10,000 tiny binaries at once, more than a process may have open files", { timeout: 240_000 }, async () => {
  const many = join(folder, "many");
  await mkdir(many);
  const program = await readFile("/bin/true");
  // Differing files with one build-id: only the tail says which is which.
  await execute("python3", [
    "-c",
    `
import io, sys, tarfile
head = open("/bin/true", "rb").read()[:4096]
with tarfile.open(sys.argv[1], "w") as tar:
    for index in range(10_000):
        data = head + b"%d" % index
        info = tarfile.TarInfo("lib/%d.so" % index)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
`,
    join(many, "many.tar"),
  ]);
  expect(program.length).toBeGreaterThan(4_096);
  await using api = await openWith();
  const answer = await upload(api, await readFile(join(many, "many.tar")), "many.tar");
  expect(answer.statusCode, answer.body.slice(0, 300)).toBe(201);
  expect(answer.json().items).toHaveLength(10_000);
  expect(await leftovers(api)).toEqual([]);
});
