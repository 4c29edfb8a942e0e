/** debuginfod's protocol, with the clients that people have: elfutils' debuginfod-find and a stock gdb. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { authenticateByToken } from "../../../services/api/auth/authenticate.ts";
import { type ApiUnderTest, openApiUnderTest } from "../support/api-under-test.ts";

const execute = promisify(execFile);
const token = "a-token-of-this-test";
const headers = { authorization: `Bearer ${token}`, "content-type": "application/octet-stream" };

let folder: string;
let api: ApiUnderTest;
let url: string;
let buildId: string;
let program: Buffer;
let debug: Buffer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inquest-debuginfod-"));
  const run = (command: string, ...words: string[]) => execute(command, words, { cwd: folder });
  await writeFile(join(folder, "planet.c"), "int answer(int question) {\n  return question + 41;\n}\nint main(void) { return answer(1); }\n");
  await run("gcc", "-g", "-O0", "-Wl,--build-id", "-o", "whole", "planet.c");
  await run("objcopy", "--only-keep-debug", "whole", "planet.debug");
  await run("strip", "-o", "planet", "whole");
  program = await readFile(join(folder, "planet"));
  debug = await readFile(join(folder, "planet.debug"));
  buildId = /Build ID: ([0-9a-f]+)/.exec((await run("readelf", "-n", "planet")).stdout)?.[1] ?? "";
  const sha256 = createHash("sha256").update(token).digest("hex");
  const other = createHash("sha256").update("another").digest("hex");
  const authenticate = authenticateByToken([
    { sha256, project: "shop", scopes: ["submit", "read"] },
    { sha256: other, project: "other", scopes: ["read"] },
  ]);
  api = await openApiUnderTest({ parts: { authenticate } });
  url = await api.listen();
  await writeFile(join(folder, "headers"), `Authorization: Bearer ${token}\n`);
  for (const [name, payload] of [["planet", program] as const, ["planet.debug", debug] as const]) {
    await api.ask({ method: "PUT", url: `/v1/binaries/${buildId}?filename=${name}`, headers, payload });
  }
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

let caches = 0;
const environment = () => ({
  PATH: process.env["PATH"] ?? "",
  HOME: folder,
  DEBUGINFOD_URLS: url,
  DEBUGINFOD_CACHE_PATH: join(folder, `cache-${(caches += 1)}`),
  DEBUGINFOD_HEADERS_FILE: join(folder, "headers"),
});
const find = async (...words: string[]) => (await execute("debuginfod-find", words, { env: environment() })).stdout.trim();

test("debuginfod-find fetches executable, debuginfo and a section", async () => {
  expect(await readFile(await find("executable", buildId))).toEqual(program);
  expect(await readFile(await find("debuginfo", buildId))).toEqual(debug);
  expect((await readFile(await find("section", buildId, ".comment"))).toString("latin1")).toContain("GCC");
  await expect(find("source", buildId, "/planet.c")).rejects.toThrow("debuginfod-find");
  await expect(find("executable", "00112233445566778899aabbccddeeff00112233")).rejects.toThrow("debuginfod-find");
});

test("a stock gdb fetches the debug information of a stripped program", async () => {
  const words = ["-nx", "-batch", "-iex", "set debuginfod enabled on", "-ex", "info line answer", "-ex", "info scope answer", join(folder, "planet")];
  const { stdout } = await execute("gdb", words, { env: environment(), cwd: folder });
  expect(stdout).toMatch(/Line 1 of "planet\.c"/);
  expect(stdout).toContain("Symbol question");
});

test("tells the size and the name, answers HEAD without a body and ranges with their part", async () => {
  const path = `/buildid/${buildId}/executable`;
  const whole = await api.ask({ url: path, headers });
  expect(whole.headers).toMatchObject({ "x-debuginfod-size": String(program.length), "x-debuginfod-file": "planet", "accept-ranges": "bytes" });
  expect(whole.rawPayload).toEqual(program);
  const head = await fetch(url + path, { method: "HEAD", headers: { authorization: headers.authorization } });
  expect([head.status, head.headers.get("content-length"), (await head.arrayBuffer()).byteLength]).toEqual([200, String(program.length), 0]);
  const part = await api.ask({ url: path, headers: { ...headers, range: "bytes=4-7" } });
  expect([part.statusCode, part.headers["content-range"], part.rawPayload]).toEqual([206, `bytes 4-7/${program.length}`, program.subarray(4, 8)]);
  expect((await api.ask({ url: path, headers: { ...headers, range: "bytes=-8" } })).rawPayload).toEqual(program.subarray(-8));
  const beyond = await api.ask({ url: path, headers: { ...headers, range: `bytes=${program.length}-` } });
  expect([beyond.statusCode, beyond.json().code]).toEqual([416, "range_not_satisfiable"]);
});

test("another project finds nothing, and nobody without a token", async () => {
  const path = `/buildid/${buildId}/executable`;
  expect((await api.ask({ url: path, headers: { authorization: "Bearer another" } })).statusCode).toBe(404);
  expect((await api.ask({ url: path })).statusCode).toBe(401);
});
