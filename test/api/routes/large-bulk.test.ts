/** A night's cores in one archive: the damaged ones say why, and nothing of them is left behind. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { zstdCompressSync } from "node:zlib";
import { pack } from "tar-stream";
import { expect, test } from "vitest";
import { openApiUnderTest } from "../support/api-under-test.ts";
import { tinyCore } from "../support/tiny-core.ts";

const count = 5_000;
const damaged = new Map([
  [17, { bytes: Buffer.from("a note that lay among the cores\n"), code: "not_a_core" }],
  [2_500, { bytes: Buffer.alloc(0), code: "core_empty" }],
  [4_999, { bytes: tinyCore(100).subarray(0, 70), code: "core_malformed" }],
]);

function bytesOf(at: number): Buffer {
  const core = tinyCore(100);
  core.writeUInt32LE(at, core.length - 4);
  return damaged.get(at)?.bytes ?? core;
}

test("of 5,000 cores 3 are damaged: these say why, the others are jobs", { timeout: 300_000 }, async () => {
  await using api = await openApiUnderTest();
  const tar = pack();
  const whole = buffer(tar);
  for (let at = 0; at < count; at += 1) tar.entry({ name: `night/core.${at}` }, bytesOf(at));
  tar.finalize();
  const form = new FormData();
  form.append("archive", new Blob([new Uint8Array(zstdCompressSync(await whole))]), "night.tar.zst");
  const answer = await fetch(`${await api.listen()}/v1/bulk`, { method: "POST", body: form });
  const bulk = JSON.parse(await answer.text());
  expect(bulk).toMatchObject({ state: "complete", total: count, counts: { queued: count - damaged.size, refused: damaged.size } });
  const { items } = (await api.ask({ url: `/v1/bulk/${bulk.id}?only=refused` })).json();
  const told = items.map(({ position, filename, error }: { position: number; filename: string; error: { code: string } }) => [position, filename, error.code]);
  expect(told).toEqual([...damaged].map(([at, { code }]) => [at, `night/core.${at}`, code]));
  expect((await api.ask({ url: "/v1/stats?by=status" })).json()).toMatchObject({ total: count - damaged.size });
  const page = (await api.ask({ url: `/v1/bulk/${bulk.id}?limit=1` })).json();
  expect(page.items[0]).toMatchObject({ filename: "night/core.0", status: "queued" });
  expect(await readdir(join(api.folder, "blobs/tmp"))).toEqual([]);
  expect(await readdir(join(api.folder, "blobs/cores"))).not.toHaveLength(0);
});
