/** The worker's questions to upstream servers, against elfutils' own debuginfod and against servers that misbehave. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Limits } from "../../../services/contract/limits.ts";
import { type BinaryStore, createBinaryStore } from "../../../services/storage/binary-store.ts";
import type { BlobStore } from "../../../services/storage/blob-store.ts";
import { type Database, openDatabase } from "../../../services/storage/database.ts";
import { openFileBlobStore } from "../../../services/storage/file-blob-store.ts";
import { createUpstreamRequests } from "../../../services/storage/upstream-requests.ts";
import { askUpstream } from "../../../workers/pipeline/ask-upstream.ts";
import { freePort } from "../../support/stack.ts";
import { coreFacts, coreModule } from "./sample-facts.ts";

const execute = promisify(execFile);
let folder: string;
let database: Database;
let binaries: BinaryStore;
let blobs: BlobStore;
let upstream: ChildProcess;
let upstreamUrl: string;
let buildId: string;
const asked: string[] = [];
const servers: Server[] = [];

type Answer = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;

async function serve(answer: Answer): Promise<string> {
  const server = createServer((request, response) => {
    Promise.resolve(answer(request, response)).catch(() => response.destroy());
  });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inquest-upstream-"));
  const served = join(folder, "served");
  await mkdir(served);
  const run = (command: string, ...words: string[]) => execute(command, words, { cwd: served });
  await writeFile(join(served, "planet.c"), "int main(void) { return 42; }\n");
  await run("gcc", "-g", "-Wl,--build-id", "-o", "whole", "planet.c");
  await run("objcopy", "--only-keep-debug", "whole", "planet.debug");
  await run("strip", "-o", "planet", "whole");
  await rm(join(served, "whole"));
  buildId = /Build ID: ([0-9a-f]+)/.exec((await run("readelf", "-n", "planet")).stdout)?.[1] ?? "";
  database = await openDatabase(`sqlite:${folder}/inquest.sqlite`);
  binaries = createBinaryStore(database);
  blobs = await openFileBlobStore(join(folder, "blobs"));
  const port = await freePort();
  upstream = spawn("debuginfod", ["-F", "-p", String(port), "-d", join(folder, "debuginfod.sqlite"), "--disable-source-scan", served], {
    stdio: "ignore",
    env: { PATH: process.env["PATH"], HOME: folder },
  });
  const real = `http://127.0.0.1:${port}`;
  await vi.waitUntil(async () => (await fetch(`${real}/buildid/${buildId}/debuginfo`).catch(() => null))?.ok === true, { timeout: 60_000, interval: 100 });
  // In front of it, somebody who counts.
  upstreamUrl = await serve(async (request, response) => {
    asked.push(request.url ?? "");
    const answer = await fetch(`${real}${request.url}`);
    response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer()));
  });
}, 90_000);

afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  upstream.kill("SIGTERM");
  await database[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const limitsOf = (some: Partial<Limits>) => ({ debuginfod_seconds: 60, debuginfod_bytes: 1 << 30, ...some });

const ask = (projectId: string, id: string, urls: readonly string[] = [upstreamUrl], some: Partial<Limits> = {}) =>
  askUpstream(
    { urls, requests: createUpstreamRequests(database), binaries, blobs, limits: limitsOf(some) },
    {
      id: "0199aaaa-0000-7000-8000-000000000000",
      projectId,
      facts: coreFacts({ modules: [coreModule("/opt/planet", id, { kind: "executable" })], executable: "/opt/planet" }),
      signal: new AbortController().signal,
    },
  );

const inTmp = () => readdir(join(folder, "blobs/tmp"));

test("brings the executable and then its debug file, for this project alone, each asked for once by two jobs at a time", async () => {
  asked.length = 0;
  expect(await Promise.all([ask("one", buildId), ask("one", buildId)])).toEqual([[], []]);
  const stored = await binaries.byBuildId("one", buildId);
  expect(stored.map(({ kind, origin }) => `${kind} ${origin}`).toSorted()).toEqual(["debug debuginfod", "executable debuginfod"]);
  expect(asked.toSorted()).toEqual([`/buildid/${buildId}/debuginfo`, `/buildid/${buildId}/executable`]);
  expect(await binaries.byBuildId("two", buildId)).toEqual([]);
});

test("does not ask again soon for what nobody has", async () => {
  asked.length = 0;
  const unknown = "0123456789abcdef0123456789abcdef01234567";
  expect(await ask("one", unknown)).toEqual([]);
  expect(await ask("one", unknown)).toEqual([]);
  expect(asked).toEqual([`/buildid/${unknown}/executable`]);
});

test("keeps nothing of a server that sends another file, and asks the next one", async () => {
  const liar = await serve(async (_request, response) => {
    response.end(Buffer.from(await (await fetch(`${upstreamUrl}/buildid/${buildId}/debuginfo`)).arrayBuffer()));
  });
  const other = "ffff".repeat(10);
  expect(await ask("one", other, [liar, upstreamUrl])).toEqual([{ code: "debuginfod_failed", detail: expect.stringContaining(`build-id ${buildId}`) }]);
  expect(await binaries.byBuildId("one", other)).toEqual([]);
  expect(await inTmp()).toEqual([]);
});

test.each([
  ["is silent", { debuginfod_seconds: 1 }, () => undefined, /took too long/],
  ["sends too much", { debuginfod_bytes: 100 }, (response: { end: (bytes: Buffer) => void }) => response.end(Buffer.alloc(1_000)), /larger than 100 bytes/],
] as const)("goes on without a server that %s, and leaves nothing behind", async (what, limits, answer, why) => {
  const server = await serve((_request, response) => {
    answer(response);
  });
  const id = what === "is silent" ? "aaaa".repeat(10) : "bbbb".repeat(10);
  expect(await ask("one", id, [server], limits)).toEqual([{ code: "debuginfod_failed", detail: expect.stringMatching(why) }]);
  expect(await inTmp()).toEqual([]);
});
