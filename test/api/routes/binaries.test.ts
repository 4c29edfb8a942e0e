import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Caller, Scope } from "../../../services/api/auth/caller.ts";
import { buildElf } from "../../intake/support/elf-builder.ts";
import { type ApiUnderTest, openApiUnderTest } from "../support/api-under-test.ts";

let api: ApiUnderTest;
let binary: Buffer;
let buildId = "";

beforeAll(async () => {
  api = await openApiUnderTest();
  binary = await readFile("/bin/true");
});
afterAll(() => api[Symbol.asyncDispose]());

const headers = { "content-type": "application/octet-stream" };

async function upload(content: Buffer, name: string) {
  const data = new FormData();
  data.append("binary", new Blob([Uint8Array.from(content)]), name);
  const encoded = new Response(data);
  return api.ask({
    method: "POST",
    url: "/v1/binaries",
    headers: { "content-type": encoded.headers.get("content-type") ?? "" },
    payload: Buffer.from(await encoded.arrayBuffer()),
  });
}

test("a binary is stored once and told by its build-id", async () => {
  const answer = await upload(binary, "true");
  expect(answer.statusCode, answer.body).toBe(201);
  const [item] = answer.json().items;
  expect(item).toMatchObject({ kind: "executable", size: binary.length, filename: "true", has_symbols: false, has_debug_info: false });
  buildId = item.build_id;
  expect((await api.ask({ url: `/v1/binaries/${buildId}` })).json().items).toEqual([item]);
  expect((await upload(binary, "true")).statusCode).toBe(201);
  expect((await api.ask({ url: `/v1/binaries/${buildId}` })).json().items).toHaveLength(1);
});

test("PUT is 200 for what was there, 422 for another build-id, and 201 for what is new", async () => {
  const put = (id: string, payload: Buffer) => api.ask({ method: "PUT", url: `/v1/binaries/${id}`, headers, payload });
  expect((await put(buildId, binary)).statusCode).toBe(200);
  const wrong = await put("abcdef01", binary);
  expect(wrong.statusCode).toBe(422);
  expect(wrong.json()).toMatchObject({ code: "build_id_mismatch", detail: expect.stringContaining(buildId) });
  // Another file that claims the same build-id is another binary.
  const forged = await put(buildId, Buffer.concat([binary, Buffer.from("tail")]));
  expect(forged.statusCode).toBe(201);
  const known = (await api.ask({ url: `/v1/binaries/${buildId}` })).json();
  expect(known.items).toHaveLength(2);
  const digests = known.items.map(({ sha256 }: { sha256: string }) => sha256).toSorted();
  expect(known.conflicts).toMatchObject([{ code: "build_id_conflict" }]);
  expect(known.conflicts[0].sha256.toSorted()).toEqual(digests);
});

test("a file that claims another's build-id reaches no other project", async () => {
  let project = "victim";
  const authenticate = (): Caller => ({ project, scopes: new Set<Scope>(["submit", "read", "admin"]) });
  await using both = await openApiUnderTest({ parts: { authenticate } });
  const as = async (who: string, request: Parameters<typeof both.ask>[0]) => {
    project = who;
    return both.ask(request);
  };
  const forged = Buffer.concat([binary, Buffer.from("of the forger")]);
  const url = `/v1/binaries/${buildId}`;
  expect((await as("forger", { method: "PUT", url, headers, payload: forged })).statusCode).toBe(201);
  const missing = { method: "POST", url: "/v1/binaries/missing", payload: { build_ids: [buildId] } } as const;
  expect((await as("victim", missing)).json().missing).toEqual([buildId]);
  expect((await as("victim", { url })).statusCode).toBe(404);
  expect((await as("victim", { url: `/buildid/${buildId}/executable` })).statusCode).toBe(404);
  expect((await as("victim", { method: "PUT", url, headers, payload: binary })).statusCode).toBe(201);
  expect((await as("victim", { url })).json()).toMatchObject({ items: [{ sha256: createHash("sha256").update(binary).digest("hex") }], conflicts: [] });
  expect((await as("victim", { url: `/buildid/${buildId}/executable` })).rawPayload.equals(binary)).toBe(true);
});

test("tells which build-ids are missing, in the order asked", async () => {
  const answer = await api.ask({ method: "POST", url: "/v1/binaries/missing", payload: { build_ids: ["ffff", buildId, "0000aaaa"] } });
  expect(answer.json()).toEqual({ missing: ["ffff", "0000aaaa"], missing_files: [] });
});

test("tells which files without a build-id are missing, by path and digest", async () => {
  const file = buildElf({ bits: 64, byteOrder: "little", type: 3, machine: 62 });
  const sha256 = createHash("sha256").update(file).digest("hex");
  const path = "/opt/app/nameless.so";
  const files = [
    { path, sha256 },
    { path: "/opt/other/nameless.so", sha256 },
    { path, sha256: "0".repeat(64) },
  ];
  const missing = async () => (await api.ask({ method: "POST", url: "/v1/binaries/missing", payload: { build_ids: [], files } })).json().missing_files;
  expect(await missing()).toEqual(files);
  expect((await upload(file, path)).statusCode).toBe(201);
  expect(await missing()).toEqual(files.slice(1));
  // Another file has come from there since: what a job would find at the path is not the first one any more.
  await upload(Buffer.concat([file, Buffer.from("newer")]), path);
  expect(await missing()).toEqual(files);
  await upload(file, path);
  expect(await missing()).toEqual(files.slice(1));
});

test.each([["submit"], ["read"], ["admin"]] as const)("a token with the scope %s alone may ask what is missing and what the limits are", async (scope) => {
  const caller: Caller = { project: "default", scopes: new Set<Scope>([scope]) };
  await using other = await openApiUnderTest({ parts: { authenticate: () => caller } });
  expect((await other.ask({ method: "POST", url: "/v1/binaries/missing", payload: { build_ids: ["ffff"] } })).statusCode).toBe(200);
  expect((await other.ask({ url: "/v1/limits" })).statusCode).toBe(200);
  expect((await other.ask({ url: "/v1/jobs" })).statusCode).toBe(scope === "submit" ? 403 : 200);
});

test("an unknown build-id is 404, and what is no build-id is 422", async () => {
  expect((await api.ask({ url: "/v1/binaries/ffffffff" })).json().code).toBe("binary_not_found");
  expect((await api.ask({ url: "/v1/binaries/nonsense!" })).statusCode).toBe(422);
});

test("what is no ELF file is 415", async () => {
  const answer = await upload(Buffer.from("#!/bin/sh\n"), "script");
  expect(answer.statusCode).toBe(415);
  expect(answer.json().code).toBe("not_a_binary");
});
