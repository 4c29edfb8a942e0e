/** Cores over bad links: the client against a real API behind relays that reset connections, or are slow. */
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Caller, Scope } from "../../services/api/auth/caller.ts";
import { createClient } from "../../services/client/client.ts";
import { Refused } from "../../services/client/client-error.ts";
import { FileChanged } from "../../services/client/file-changed.ts";
import { packers } from "../../services/client/packing.ts";
import { type ApiUnderTest, openApiUnderTest } from "../api/support/api-under-test.ts";
import { tinyCore } from "../api/support/tiny-core.ts";
import { startDroppingRelay } from "../support/dropping-relay.ts";
import { startSlowRelay } from "../support/slow-relay.ts";

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
/** Two parts that do not compress around one that does. */
const coreBytes = Buffer.concat([tinyCore(400_000), randomBytes(3 << 20), Buffer.alloc(2 << 20, "text "), randomBytes(1 << 20)]);

let api: ApiUnderTest;
let url: string;
let folder: string;
let core: string;
let log: string;
beforeAll(async () => {
  const caller: Caller = { project: "default", scopes: new Set<Scope>(["submit", "read"]) };
  api = await openApiUnderTest({ parts: { authenticate: () => caller } });
  url = await api.listen();
  folder = await mkdtemp(join(tmpdir(), "inquest-client-"));
  core = join(folder, "core.41");
  log = join(folder, "stderr.log");
  await writeFile(core, coreBytes);
  await writeFile(log, "the service ended\n");
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const unfinished = async () => (await readdir(join(api.folder, "uploads")).catch(() => [])).filter((name) => name.endsWith(".part"));
const partials = () => readdir(join(api.folder, "blobs/tmp"));
const jobs = async () => (await createClient({ url }).listJobs({ limit: "100" })).items.length;

describe("a job's files", () => {
  test.each([
    ["in one request", { resumeFrom: 1e12, pack: "never" }],
    ["resumable", { resumeFrom: 1e6, pack: "never" }],
    ["resumable and packed by zstd on the way", { resumeFrom: 1e6, pack: "zstd" }],
    ["resumable and packed by gzip on the way", { resumeFrom: 1e6, pack: "gzip" }],
  ] as const)("get through a link that drops twice in the middle, as one job (%s)", async (_how, how) => {
    await using relay = await startDroppingRelay(url, { after: 2_000_000, drops: 2 });
    const before = await jobs();
    let told = 0;
    const sent = await createClient({ url: relay.url }).submitJob({
      core,
      attachments: [log],
      labels: { host: "web1" },
      onProgress: (bytes) => (told = Math.max(told, bytes)),
      ...how,
    });
    expect(relay.dropped).toBe(2);
    expect(sent.job).toMatchObject({ id: sent.id, labels: { host: "web1" }, core: { filename: "core.41", sha256: sha256(coreBytes) } });
    expect(await api.parts.jobs.attachments(sent.id)).toMatchObject([{ filename: "stderr.log" }]);
    expect(told).toBeGreaterThanOrEqual(coreBytes.length);
    expect(await jobs()).toBe(before + 1);
    expect(await unfinished()).toEqual([]);
    expect(await partials()).toEqual([]);
  });

  test("are packed for a link that is slow, after a moment's measuring", async () => {
    const large = join(folder, "core.large");
    const bytes = Buffer.concat([tinyCore(10_000), Buffer.alloc(10 << 20, "text that compresses well ")]);
    await writeFile(large, bytes);
    await using relay = await startSlowRelay(url, 4 << 20);
    const { job } = await createClient({ url: relay.url }).submitJob({ core: large });
    expect(job?.core).toMatchObject({ sha256: sha256(bytes), size: bytes.length });
    expect(relay.passed).toBeLessThan(bytes.length / 1.5);
    expect(await unfinished()).toEqual([]);
  });

  test("that change while they are sent end the sending, with nothing left behind", async () => {
    const changing = join(folder, "core.changing");
    await writeFile(changing, coreBytes);
    const onProgress = (bytes: number) => void (bytes > 1e6 && utimes(changing, 1, 1));
    await expect(createClient({ url }).submitJob({ core: changing, resumeFrom: 1, onProgress })).rejects.toThrow(FileChanged);
    expect(await unfinished()).toEqual([]);
  });

  test("that are no core are refused, with the service's code", async () => {
    const refused = createClient({ url }).submitJob({ core: log, resumeFrom: 1 });
    await expect(refused).rejects.toThrow(Refused);
    await expect(refused).rejects.toMatchObject({ problem: { code: "not_a_core" } });
    expect(await unfinished()).toEqual([]);
  });
});

test.each([packers.zstd, packers.gzip])("$name packs the same chunks to the same bytes", async (packer) => {
  async function* chunks() {
    for (let at = 0; at < coreBytes.length; at += 300_000) yield coreBytes.subarray(at, at + 300_000);
  }
  const packed = async () => {
    const all: Uint8Array[] = [];
    for await (const chunk of packer.pack(chunks())) all.push(chunk);
    return Buffer.concat(all);
  };
  const first = await packed();
  expect(first.length).toBeLessThan(coreBytes.length);
  expect(first.equals(await packed())).toBe(true);
});
