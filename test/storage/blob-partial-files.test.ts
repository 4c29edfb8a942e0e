import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openFileBlobStore } from "../../services/storage/file-blob-store.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "inquest-partial-"));
  await openFileBlobStore(root);
});
afterEach(() => rm(root, { recursive: true, force: true }));

const partials = () => readdir(join(root, "tmp"));

test("partial files of a killed process are swept when the store is opened again", async () => {
  const module = fileURLToPath(new URL("../../services/storage/file-blob-store.ts", import.meta.url));
  const program = `
    import { openFileBlobStore } from ${JSON.stringify(module)};
    const writer = await (await openFileBlobStore(${JSON.stringify(root)})).create();
    writer.stream.write(Buffer.alloc(1000, 1), () => console.log("written"));
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  await openFileBlobStore(root);
  expect(await partials()).toHaveLength(1); // it lives
  child.kill("SIGKILL");
  await once(child, "exit");
  await openFileBlobStore(root);
  expect(await partials()).toEqual([]);
});

test("a partial file of this process is never swept", async () => {
  await using _writer = await (await openFileBlobStore(root)).create();
  await openFileBlobStore(root);
  expect(await partials()).toHaveLength(1);
});

test("a PID that was given to another process does not keep a partial file", async () => {
  const store = await openFileBlobStore(root);
  const { path } = await store.create();
  const [place, pid, , random] = path.slice(path.lastIndexOf("/") + 1).split(".");
  await writeFile(join(root, "tmp", `${place}.${pid}.1.${random}.part`), "");
  await openFileBlobStore(root);
  expect(await partials()).toEqual([path.slice(path.lastIndexOf("/") + 1)]);
});

test("a partial file of another host is kept while it is written to, and swept an hour after", async () => {
  const [fresh, old] = ["0123456789ab.1.1.0123456789abcdef01234567.part", "0123456789ab.2.1.0123456789abcdef01234567.part"];
  for (const name of [fresh, old]) await writeFile(join(root, "tmp", name), "");
  const before = new Date(Date.now() - 3_700_000);
  await utimes(join(root, "tmp", old), before, before);
  await openFileBlobStore(root);
  expect(await partials()).toEqual([fresh]);
});

test("files with other names are left alone", async () => {
  await writeFile(join(root, "tmp", "notes.txt"), "");
  await openFileBlobStore(root);
  expect(await partials()).toEqual(["notes.txt"]);
});
