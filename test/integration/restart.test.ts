/** The whole service killed while cores are on their way, and started again on the same data. */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tinyCore } from "../api/support/tiny-core.ts";
import { head, openRaw } from "../api/support/raw-http.ts";
import { startStack } from "../support/stack.ts";

let dataDir: string;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "inquest-restart-"));
});
afterAll(() => rm(dataDir, { recursive: true, force: true }));

const tus = { "tus-resumable": "1.0.0" };
const core = Buffer.concat([tinyCore(400_000), randomBytes(3 << 20)]);

test("a resumable upload goes on where it was, a plain one leaves nothing, and what was stored stays", { timeout: 180_000 }, async () => {
  const first = await startStack({ dataDir });
  const stored = await fetch(`${first.url}/v1/jobs`, { method: "POST", headers: { "content-type": "application/octet-stream" }, body: Uint8Array.from(core) });
  const { id } = Object(await stored.json());
  const begun = await fetch(`${first.url}/v1/uploads`, { method: "POST", headers: { ...tus, "upload-length": String(core.length) } });
  const place = begun.headers.get("location") ?? "";
  await using resumable = await openRaw(first.url);
  resumable.socket.write(
    head("PATCH", place, { ...tus, "Upload-Offset": 0, "Content-Type": "application/offset+octet-stream", "Content-Length": core.length }),
  );
  resumable.socket.write(core.subarray(0, 1 << 20));
  await using plain = await openRaw(first.url);
  plain.socket.write(head("POST", "/v1/jobs", { "Content-Type": "application/octet-stream", "Content-Length": core.length }));
  plain.socket.write(core.subarray(0, 1 << 20));
  await expect.poll(() => readdir(join(dataDir, "blobs/tmp")), { timeout: 30_000 }).toHaveLength(1);
  const came = async (url: string) => Number((await fetch(url + place, { method: "HEAD", headers: tus })).headers.get("upload-offset"));
  const part = async () => (await readdir(join(dataDir, "uploads"))).filter((name) => name.endsWith(".part"));
  expect(await part()).toHaveLength(1);

  // Its children end with their parent: none of them is asked.
  const ended = once(first.process, "exit");
  first.process.kill("SIGKILL");
  await ended;

  const second = await startStack({ dataDir });
  try {
    await expect.poll(() => readdir(join(dataDir, "blobs/tmp")), { timeout: 30_000 }).toEqual([]);
    const offset = await came(second.url);
    expect(offset).toBeLessThanOrEqual(1 << 20);
    const rest = await fetch(second.url + place, {
      method: "PATCH",
      headers: { ...tus, "upload-offset": String(offset), "content-type": "application/offset+octet-stream" },
      body: Uint8Array.from(core.subarray(offset)),
    });
    expect(rest.status, await rest.text()).toBe(204);
    const sha256 = createHash("sha256").update(core).digest("hex");
    for (const job of [id, rest.headers.get("inquest-job-id")]) {
      const answer = await fetch(`${second.url}/v1/jobs/${job}/core`);
      expect(
        createHash("sha256")
          .update(Buffer.from(await answer.arrayBuffer()))
          .digest("hex"),
      ).toBe(sha256);
    }
    expect(await part()).toEqual([]);
  } finally {
    await second[Symbol.asyncDispose]();
  }
});
