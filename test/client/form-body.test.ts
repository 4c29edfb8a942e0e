import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FileChanged } from "../../services/client/file-changed.ts";
import { formBody } from "../../services/client/form-body.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inquest-form-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("the form has the length that it tells, and what was put in comes out", async () => {
  const path = join(folder, "one");
  await writeFile(path, Buffer.alloc(700_000, 7));
  const form = await formBody({ labels: '{"host":"ü"}' }, [{ field: "core", path, filename: 'a "quoted"\nname' }]);
  const bytes = new Uint8Array(await new Response(form.stream()).arrayBuffer());
  expect(bytes.length).toBe(form.length);
  const read = await new Response(bytes, { headers: { "content-type": form.type } }).formData();
  expect(read.get("labels")).toBe('{"host":"ü"}');
  const core = read.get("core");
  expect(core).toMatchObject({ size: 700_000, name: 'a "quoted"\nname' });
});

test("no more is read from disk than is asked for", async () => {
  const path = join(folder, "large");
  await writeFile(path, Buffer.alloc(8 << 20));
  const form = await formBody({}, [{ field: "core", path, filename: "core" }]);
  let handed = 0;
  const reader = form.stream((bytes) => (handed = bytes)).getReader();
  await reader.read();
  await reader.read();
  expect(handed).toBeLessThan(1 << 20);
  await reader.cancel();
});

test("a file that grows while it is sent fails the body", async () => {
  const path = join(folder, "growing");
  await writeFile(path, Buffer.alloc(1 << 20));
  const form = await formBody({}, [{ field: "core", path, filename: "core" }]);
  await appendFile(path, "more");
  await expect(new Response(form.stream()).arrayBuffer()).rejects.toThrow(FileChanged);
});
