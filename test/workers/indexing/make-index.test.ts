/** Indexes by the real gdb in the real sandbox, of files built here; and what becomes of those that gdb cannot bear. */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { IndexClaim } from "../../../services/storage/binary-indexes.ts";
import type { BlobStore } from "../../../services/storage/blob-store.ts";
import { openBlobStore } from "../../../services/storage/open-blob-store.ts";
import { openGdb } from "../../../workers/gdb/open-gdb.ts";
import { type IndexParts, makeIndex } from "../../../workers/indexing/make-index.ts";

const execute = promisify(execFile);
const never = new AbortController().signal;

let scratch: string;
let blobs: BlobStore;
let program: Buffer;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "inquest-index-test-"));
  blobs = await openBlobStore(`file:${join(scratch, "blobs")}`);
  const source = join(scratch, "a.c");
  await writeFile(
    source,
    "struct shape { int sides; }; int corners(struct shape *s) { return s->sides; }\nint main(void) { struct shape s = { 3 }; return corners(&s); }\n",
  );
  await execute("gcc", ["-g", "-Wl,--build-id", "-o", join(scratch, "a.out"), source]);
  program = await readFile(join(scratch, "a.out"));
});

afterAll(() => rm(scratch, { recursive: true, force: true }));

async function claimOf(bytes: Buffer, name: string): Promise<IndexClaim> {
  await using writer = await blobs.create();
  writer.stream.end(bytes);
  await new Promise((resolve) => writer.stream.once("finish", resolve));
  await writer.commit(`binaries/${name}`);
  return { projectId: "default", sha256: name, buildId: "ab".repeat(20), blob: `binaries/${name}`, supplement: null, since: "" };
}

const parts = (limits: Partial<IndexParts["limits"]> = {}): IndexParts => ({
  blobs,
  gdb: "gdb",
  limits: { debug_seconds: 60, debug_memory_bytes: 2 ** 31, ...limits },
  workDir: join(scratch, "work"),
});

async function storedIndexes(): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of blobs.list("indexes/")) keys.push(key);
  return keys;
}

test("makes an index that a gdb of a job takes in the place of reading all of the file", async () => {
  const outcome = await makeIndex(parts(), await claimOf(program, "whole"), never);
  if (outcome.state !== "ready") throw new Error(JSON.stringify(outcome));
  const jobDir = join(scratch, "job");
  const notes = (await execute("readelf", ["-n", join(scratch, "a.out")])).stdout;
  const buildId = /Build ID: ([0-9a-f]+)/.exec(notes)?.[1] ?? "none";
  await execute("mkdir", ["-p", join(jobDir, "out"), join(jobDir, "index"), join(jobDir, "sysroot")]);
  await using index = await blobs.localFile(outcome.blob);
  await writeFile(join(jobDir, "index", `${buildId}.gdb-index`), await readFile(index.path));
  await writeFile(join(jobDir, "sysroot/a.out"), program);
  // A file that is no core: what is loaded before it is what counts here.
  await writeFile(join(jobDir, "core"), "no core");
  for (const indexed of [true, false]) {
    await using gdb = await openGdb({ jobDir, rung: "dwarf", gdb: "gdb", limits: parts().limits, signal: never });
    await expect(gdb.loadCore({ core: "/job/core", executable: "/job/sysroot/a.out", indexed })).rejects.toMatchObject({ code: "debugger_command" });
  }
  const asked = ["-iex", `set index-cache directory ${join(jobDir, "index")}`, "-iex", "set index-cache enabled on", "-ex", "show index-cache stats"];
  const { stdout } = await execute("gdb", ["-nx", "-batch", ...asked.slice(0, 4), join(jobDir, "sysroot/a.out"), ...asked.slice(4)]);
  expect(stdout).toMatch(/Cache hits \(this session\): 1/);
  expect(await readdir(join(jobDir, "index"))).toEqual([`${buildId}.gdb-index`]);
});

test.each([
  [
    "has no debug information",
    async () => (await execute("strip", ["-o", join(scratch, "stripped"), join(scratch, "a.out")]), readFile(join(scratch, "stripped"))),
    ["none"],
  ],
  ["is a text", async () => Buffer.from("#!/bin/sh\necho no\n"), ["failed"]],
] as const)("makes none of a file that %s", async (_, bytes, states) => {
  const before = (await storedIndexes()).length;
  const outcome = await makeIndex(parts(), await claimOf(await bytes(), "other"), never);
  expect(states).toContain(outcome.state);
  expect(await storedIndexes()).toHaveLength(before);
});

test("outlives debug information that was overwritten, whatever gdb does with it", async () => {
  const sections = (await execute("readelf", ["-SW", join(scratch, "a.out")])).stdout;
  const broken = Buffer.from(program);
  for (const [, offset = "0", size = "0"] of sections.matchAll(/\.debug_(?:info|abbrev|str|line) +PROGBITS +\w+ (\w+) (\w+)/g)) {
    const end = Number.parseInt(offset, 16) + Number.parseInt(size, 16);
    for (let at = Number.parseInt(offset, 16) + 12; at < end; at += 3) broken[at] = (at * 2_654_435_761) >>> 24;
  }
  const outcome = await makeIndex(parts(), await claimOf(broken, "broken"), never);
  expect(["ready", "failed", "none"]).toContain(outcome.state);
  expect(await readdir(parts().workDir)).toEqual([]);
});

test.each([
  ["its time is up", { debug_seconds: 0.001 }, /took longer than 0.001 s/],
  ["its memory is spent", { debug_memory_bytes: 1 << 20 }, /gdb (exited|was ended)|memory|error while loading/],
])("tells that gdb was ended when %s, and leaves nothing behind", async (_, limits, detail) => {
  const outcome = await makeIndex(parts(limits), await claimOf(program, "limited"), never);
  expect(outcome).toMatchObject({ state: "failed", detail: expect.stringMatching(detail) });
  expect(await readdir(parts().workDir)).toEqual([]);
});

test("gives the file back at once when a job comes", async () => {
  const stop = new AbortController();
  const making = makeIndex(parts(), await claimOf(program, "given-back"), stop.signal);
  setTimeout(() => stop.abort(), 5);
  expect(await making).toEqual({ state: "back" });
  expect(await readdir(parts().workDir)).toEqual([]);
});

test("leaves the stored file as it was", async () => {
  const claim = await claimOf(program, "untouched");
  await makeIndex(parts(), claim, never);
  await using file = await blobs.localFile(claim.blob);
  expect((await readFile(file.path)).equals(program)).toBe(true);
  expect((await stat(file.path)).nlink).toBe(1);
});
