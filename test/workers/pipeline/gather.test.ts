/** Gather on a real file system and a real blob store, with the ELF files of this machine as uploads. */
import { createReadStream } from "node:fs";
import { lstat, mkdtemp, readdir, readFile, readlink, realpath, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { noOptions } from "../../../services/contract/job-options.ts";
import { inspectBinaryFile } from "../../../services/intake/binary/inspect-binary.ts";
import type { CoreModule } from "../../../services/intake/core/core-facts.ts";
import type { StoredBinary } from "../../../services/storage/binary-store.ts";
import type { BlobStore } from "../../../services/storage/blob-store.ts";
import { openFileBlobStore } from "../../../services/storage/file-blob-store.ts";
import { gather, type GatherInput } from "../../../workers/pipeline/gather.ts";
import { makeJobFolder } from "../../../workers/pipeline/job-folder.ts";
import { coreFacts, coreModule, storedBinary } from "./sample-facts.ts";

let root: string;
let blobs: BlobStore;
let stored = 0;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "inquest-gather-"));
  blobs = await openFileBlobStore(join(root, "blobs"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function keep(source: NodeJS.ReadableStream | Iterable<Buffer>, key: string): Promise<string> {
  await using writer = await blobs.create();
  await pipeline(source, writer.stream);
  await writer.commit(key);
  return key;
}

/** A file of this machine as the store would have it. */
async function upload(path: string, some: Partial<StoredBinary> = {}): Promise<StoredBinary> {
  const real = await realpath(path);
  const facts = await inspectBinaryFile(real);
  stored += 1;
  const sha256 = stored.toString(16).padStart(64, "0");
  const blob = await keep(createReadStream(real), `binaries/${sha256}`);
  return storedBinary(path.slice(path.lastIndexOf("/") + 1), facts.buildId, { kind: facts.kind, blob, sha256, ...some });
}

async function gathered(modules: readonly CoreModule[], uploads: readonly StoredBinary[], some: Partial<GatherInput> = {}) {
  const folder = await makeJobFolder(join(root, "work"), "job");
  const coreBlob = await keep([Buffer.from("a core")], "cores/1");
  const executable = modules.find((each) => each.kind === "executable")?.path ?? null;
  const result = await gather({
    jobId: "job",
    projectId: "project",
    coreBlob,
    options: { ...noOptions, heap_check: true },
    facts: coreFacts({ modules, executable }),
    folder: folder.path,
    binaries: {
      ofJob: () => Promise.resolve([...uploads]),
      byBuildIds: () => Promise.resolve([]),
      byHeads: () => Promise.resolve([]),
      byPaths: () => Promise.resolve([]),
      debugFilesNamed: () => Promise.resolve([]),
    },
    blobs,
    limits: { frames_per_thread: 500, threads: 100 },
    signal: new AbortController().signal,
    ...some,
  });
  return { ...result, folder, sysroot: join(folder.path, "sysroot") };
}

const libc = "/lib/x86_64-linux-gnu/libc.so.6";
const linker = "/lib64/ld-linux-x86-64.so.2";
const idOf = async (path: string) => (await inspectBinaryFile(await realpath(path))).buildId;

describe("gather", () => {
  test("makes the folder that the sandbox sees, private, with the core linked and not copied", async () => {
    const { folder } = await gathered([], []);
    expect((await readdir(folder.path)).toSorted()).toEqual(["core", "debug", "index", "manifest.json", "out", "sysroot"]);
    expect((await stat(folder.path)).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder.path, "core"))).nlink).toBe(2);
  });

  test("puts a binary at the crashed machine's own path and names it in the manifest as the sandbox sees it", async () => {
    const { sysroot, manifest, folder } = await gathered([coreModule("/srv/old/libc.so.6", await idOf(libc))], [await upload(libc)]);
    expect((await stat(join(sysroot, "srv/old/libc.so.6"))).isFile()).toBe(true);
    expect(manifest.modules[0]).toMatchObject({ path: "/srv/old/libc.so.6", file: "/job/sysroot/srv/old/libc.so.6", debug_file: null });
    expect(JSON.parse(await readFile(join(folder.path, "manifest.json"), "utf8"))).toEqual(manifest);
    expect(manifest.options).toMatchObject({ heap_check: true, census: false });
  });

  test("links sonames, a merged userland and the dynamic linker as the link map calls them", async () => {
    const modules = [
      coreModule("/usr/bin/python3", await idOf("/usr/bin/python3"), { kind: "executable" }),
      coreModule("/usr/lib/x86_64-linux-gnu/libc-2.36.so", await idOf(libc)),
      coreModule("/usr/lib/x86_64-linux-gnu/ld-2.36.so", await idOf(linker), { kind: "interpreter" }),
    ];
    const { sysroot, executable } = await gathered(modules, [await upload("/usr/bin/python3"), await upload(libc), await upload(linker)]);
    expect(executable).toBe("/job/sysroot/usr/bin/python3");
    expect(await realpath(join(sysroot, "lib/x86_64-linux-gnu/libc.so.6"))).toBe(join(sysroot, "usr/lib/x86_64-linux-gnu/libc-2.36.so"));
    expect(await realpath(join(sysroot, "lib64/ld-linux-x86-64.so.2"))).toBe(join(sysroot, "usr/lib/x86_64-linux-gnu/ld-2.36.so"));
    expect(await readlink(join(sysroot, "lib"))).toBe("usr/lib");
  });

  test("keeps hostile paths inside the sysroot", async () => {
    const paths = ["/../../../escaped.so", "/a/../../b.so", "../relative.so", "/proc/self/root/c.so"];
    const { sysroot, manifest } = await gathered(
      paths.map((path) => coreModule(path, null)),
      await Promise.all(paths.map((path) => upload(libc, { filename: path.slice(path.lastIndexOf("/") + 1), build_id: null }))),
    );
    expect(manifest.modules.map((each) => each.file)).toEqual([
      "/job/sysroot/escaped.so",
      "/job/sysroot/b.so",
      "/job/sysroot/relative.so",
      "/job/sysroot/proc/self/root/c.so",
    ]);
    expect((await readdir(sysroot)).toSorted()).toEqual(["b.so", "escaped.so", "libc.so.6", "proc", "relative.so"]);
    expect((await readdir(root)).toSorted()).toEqual(["blobs", "work"]);
  });

  test("keeps both files when two modules claim one path, and when one path runs through another", async () => {
    const modules = [coreModule("/opt/x.so", "aa01"), coreModule("/opt/x.so", "aa02"), coreModule("/opt/x.so/below.so", "aa03")];
    const uploads = await Promise.all(["aa01", "aa02", "aa03"].map((build_id) => upload(libc, { build_id, filename: "x.so" })));
    const { manifest, sysroot } = await gathered(modules, uploads);
    const files = manifest.modules.map((each) => each.file ?? "");
    expect(new Set(files).size).toBe(3);
    for (const file of files) expect((await lstat(join(sysroot, file.slice("/job/sysroot/".length)))).isFile()).toBe(true);
  });

  test("gives one file to two modules that claim each other's path", async () => {
    const twin = await upload(libc, { build_id: "aa01" });
    const modules = [coreModule("/opt/x.so", "aa01"), coreModule("/opt/x.so/a", "aa01"), coreModule("/opt/x.so/b", "aa01")];
    const { manifest } = await gathered(modules, [twin]);
    expect(manifest.modules.map((each) => each.file)).toEqual([
      "/job/sysroot/opt/x.so",
      `/job/sysroot/.inquest/${twin.sha256}`,
      `/job/sysroot/.inquest/${twin.sha256}`,
    ]);
  });

  test("puts separate debug files where gdb looks for them", async () => {
    const id = await idOf(libc);
    const debug = await upload(libc, { kind: "debug", filename: "libc.debug" });
    const { folder, manifest } = await gathered([coreModule("/usr/lib/libc.so.6", id)], [debug]);
    const place = `debug/.build-id/${id?.slice(0, 2)}/${id?.slice(2)}.debug`;
    expect((await stat(join(folder.path, place))).isFile()).toBe(true);
    expect(manifest.modules[0]).toMatchObject({ file: null, debug_file: `/job/${place}` });
  });

  test("shows gdb no file of another build", async () => {
    const { sysroot, manifest, missing } = await gathered([coreModule("/usr/lib/libc.so.6", "0123456789")], [await upload(libc)]);
    expect(await readdir(sysroot)).toEqual([]);
    expect(manifest.modules[0]?.file).toBeNull();
    expect(missing).toEqual([{ build_id: "0123456789", path: "/usr/lib/libc.so.6", needed_for: "unwinding" }]);
  });

  test("says that the core is lost when its blob is gone", async () => {
    await expect(gathered([], [], { coreBlob: "cores/gone" })).rejects.toMatchObject({ code: "core_lost" });
  });

  test("begins anew in a folder that a killed worker left behind, and removes it in the end", async () => {
    const first = await gathered([coreModule("/usr/lib/libc.so.6", await idOf(libc))], [await upload(libc)]);
    const second = await gathered([], []);
    expect(await readdir(second.sysroot)).toEqual([]);
    await second.folder[Symbol.asyncDispose]();
    expect(await readdir(join(root, "work"))).toEqual([]);
    await first.folder[Symbol.asyncDispose]();
  });
});
