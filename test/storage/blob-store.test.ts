import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdtemp, open, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Failure } from "../../services/contract/failure.ts";
import type { BlobStore } from "../../services/storage/blob-store.ts";
import { openFileBlobStore } from "../../services/storage/file-blob-store.ts";
import { openHashingSink } from "../../services/storage/hashing-sink.ts";

let root: string;
let store: BlobStore;

beforeEach(async () => {
  root = join(await mkdtemp(join(tmpdir(), "inquest-blobs-")), "blobs");
  store = await openFileBlobStore(root);
});
afterEach(() => rm(join(root, ".."), { recursive: true, force: true }));

const partials = () => readdir(join(root, "tmp"));
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

async function put(key: string, bytes: Buffer): Promise<void> {
  await using writer = await store.create();
  await pipeline([bytes], writer.stream);
  await writer.commit(key);
}

async function keys(prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const key of store.list(prefix)) found.push(key);
  return found.toSorted();
}

describe("a blob", () => {
  test("comes back as it went in, with its size and digest", async () => {
    const bytes = randomBytes(300_000);
    await using writer = await store.create();
    await pipeline([bytes.subarray(0, 1), bytes.subarray(1, 70_000), bytes.subarray(70_000)], writer.stream);
    expect(writer.size).toBe(300_000);
    expect(writer.sha256).toBe(sha256(bytes));
    await writer.commit("cores/a");
    expect(await store.size("cores/a")).toBe(300_000);
    expect(bytes.equals(await buffer(await store.open("cores/a")))).toBe(true);
    expect(await partials()).toEqual([]);
  });

  test("is read in ranges, both ends included", async () => {
    await put("cores/a", Buffer.from("0123456789"));
    expect((await buffer(await store.open("cores/a", { start: 2, end: 4 }))).toString()).toBe("234");
    expect((await buffer(await store.open("cores/a", { start: 7 }))).toString()).toBe("789");
  });

  test("of no bytes is a blob", async () => {
    await put("cores/empty", Buffer.alloc(0));
    expect(await store.size("cores/empty")).toBe(0);
  });

  test("can be looked at before it has its name", async () => {
    await using writer = await store.create();
    await pipeline([Buffer.from("hello")], writer.stream);
    await using file = await open(writer.path);
    expect(await file.readFile("utf8")).toBe("hello");
  });

  test("of the same name is replaced as a whole", async () => {
    await put("cores/a", Buffer.from("older and longer"));
    await put("cores/a", Buffer.from("newer"));
    expect((await buffer(await store.open("cores/a"))).toString()).toBe("newer");
  });

  test("is private: files 0600, folders 0700", async () => {
    await put("cores/deep/a", Buffer.from("x"));
    expect((await stat(join(root, "cores/deep/a"))).mode & 0o777).toBe(0o600);
    for (const folder of ["cores", "cores/deep", "tmp"]) expect((await stat(join(root, folder))).mode & 0o777).toBe(0o700);
  });

  test("that is not there is null, false, and blob_not_found", async () => {
    expect(await store.size("cores/none")).toBeNull();
    expect(await store.has("cores/none")).toBe(false);
    expect(await store.remove("cores/none")).toBe(false);
    await expect(store.open("cores/none")).rejects.toMatchObject({ code: "blob_not_found" });
    await expect(store.localFile("cores/none")).rejects.toMatchObject({ code: "blob_not_found" });
  });

  test("that is removed leaves no empty folder behind, and its neighbours alone", async () => {
    await put("cores/x/a", Buffer.from("a"));
    await put("cores/b", Buffer.from("b"));
    expect(await store.remove("cores/x/a")).toBe(true);
    expect(await readdir(join(root, "cores"))).toEqual(["b"]);
  });

  test("is listed by prefix, across folders, partial files left out", async () => {
    await put("cores/a1", Buffer.from("a"));
    await put("cores/a2/b", Buffer.from("a"));
    await put("binaries/a", Buffer.from("a"));
    await using _partial = await store.create();
    expect(await keys("cores/a")).toEqual(["cores/a1", "cores/a2/b"]);
    expect(await keys("cores/a2/")).toEqual(["cores/a2/b"]);
    expect(await keys("")).toEqual(["binaries/a", "cores/a1", "cores/a2/b"]);
    expect(await keys("nothing/")).toEqual([]);
  });

  test("has a local file that other programs can open", async () => {
    await put("cores/a", Buffer.from("x"));
    await using local = await store.localFile("cores/a");
    expect((await stat(local.path)).size).toBe(1);
  });
});

describe("what goes wrong", () => {
  test("a writer that is not committed leaves nothing", async () => {
    {
      await using writer = await store.create();
      writer.stream.write(randomBytes(200_000));
      expect(await partials()).toHaveLength(1);
    }
    expect(await partials()).toEqual([]);
  });

  test("what a writer of a dead process left is swept, what a living one writes is not", async () => {
    const source = join(import.meta.dirname, "../../services/storage/file-blob-store.ts");
    const program = `const { openFileBlobStore } = await import(${JSON.stringify(source)});
      const writer = await (await openFileBlobStore(${JSON.stringify(root)})).create();
      writer.stream.write("half", () => console.log("written"));
      setInterval(() => {}, 1_000);`;
    const other = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "inherit"] });
    await once(other.stdout, "data");
    await using own = await store.create();
    own.stream.write("half");
    expect(await store.sweepPartials()).toBe(0);
    expect(await partials()).toHaveLength(2);
    const ended = once(other, "exit");
    other.kill("SIGKILL");
    await ended;
    expect(await store.sweepPartials()).toBe(1);
    expect(await partials()).toEqual([basename(own.path)]);
  });

  test("a source that fails leaves nothing", async () => {
    async function* failing() {
      yield randomBytes(100_000);
      throw new Error("the source broke");
    }
    const attempt = async () => {
      await using writer = await store.create();
      await pipeline(failing, writer.stream);
    };
    await expect(attempt()).rejects.toThrow("the source broke");
    expect(await partials()).toEqual([]);
  });

  test("a commit before the end of the stream is refused", async () => {
    await using writer = await store.create();
    writer.stream.write("x");
    await expect(writer.commit("cores/a")).rejects.toThrow(TypeError);
    expect(() => writer.sha256).toThrow(TypeError);
  });

  test.each([
    "",
    "/etc/passwd",
    "../x",
    "cores/../x",
    "cores//x",
    "cores/",
    "Cores/x",
    "cores/.x",
    "tmp/x",
    "tmp",
    "cores/a\0b",
    "a".repeat(201),
    `a${"/a".repeat(300)}`,
  ])("the key %j is refused", async (key) => {
    await using writer = await store.create();
    writer.stream.end();
    await expect(writer.commit(key)).rejects.toThrow(TypeError);
    await expect(store.size(key)).rejects.toThrow(TypeError);
    await expect(store.remove(key)).rejects.toThrow(TypeError);
  });

  test("a link in a blob's place is not followed", async () => {
    await put("cores/a", Buffer.from("a"));
    await writeFile(join(root, "..", "secret"), "secret");
    await symlink(join(root, "..", "secret"), join(root, "cores", "link"));
    expect(await store.has("cores/link")).toBe(false);
    await expect(store.open("cores/link")).rejects.toBeInstanceOf(Failure);
    expect(await keys("cores/")).toEqual(["cores/a"]);
  });

  test("a full disk is store_full", async () => {
    const sink = openHashingSink(await open("/dev/full", "r+"));
    await expect(pipeline([randomBytes(200_000)], sink.stream)).rejects.toMatchObject({ code: "store_full", status: 507 });
    await sink.close();
  });

  test("a store that cannot be written is store_unavailable", async () => {
    await writeFile(join(root, "..", "file"), "");
    await expect(openFileBlobStore(join(root, "..", "file", "blobs"))).rejects.toMatchObject({ code: "store_unavailable", status: 503 });
  });

  test("a store whose folder is gone is store_unavailable", async () => {
    await chmod(root, 0o700);
    await rm(root, { recursive: true });
    await expect(store.create()).rejects.toMatchObject({ code: "store_unavailable" });
  });
});
