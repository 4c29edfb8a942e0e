import { hash } from "node:crypto";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import Fastify from "fastify";
import { afterAll, beforeAll, expect, test } from "vitest";
import { authenticateByToken } from "../../../services/api/auth/authenticate.ts";
import { closeGently } from "../../../services/api/http/unread-body.ts";
import { type ApiUnderTest, openApiUnderTest } from "../support/api-under-test.ts";
import { head, openRaw } from "../support/raw-http.ts";
import { tinyCore } from "../support/tiny-core.ts";

let api: ApiUnderTest;
let url = "";
beforeAll(async () => {
  const authenticate = authenticateByToken([{ sha256: hash("sha256", "sender"), project: "web", scopes: ["submit", "read"] }]);
  api = await openApiUnderTest({ limits: { core_bytes: 1 << 30 }, parts: { authenticate } });
  url = await api.listen();
});
afterAll(() => api[Symbol.asyncDispose]());

const raw = { "Content-Type": "application/octet-stream", Authorization: "Bearer sender" };
const GiB = 1 << 30;

test.each([
  ["/v1/jobs", { ...raw, Authorization: "Bearer unknown", "Content-Length": GiB }, 401, "unauthorized"],
  ["/v1/nowhere", { ...raw, "Content-Length": GiB }, 404, "not_found"],
  ["/v1/jobs", { ...raw, "Content-Length": GiB + 1 }, 413, "upload_too_large"],
  ["/v1/binaries/missing", { ...raw, "Content-Type": "application/json", "Content-Length": GiB }, 413, "upload_too_large"],
  ["/v1/jobs", { ...raw, "Content-Type": "text/plain", "Content-Length": GiB }, 415, "unsupported_media_type"],
  ["/v1/jobs?nonsense=1", { ...raw, "Content-Length": GiB }, 422, "invalid_parameter"],
])("%s: a client that asks first is refused without sending a byte (%#)", async (path, headers, status, code) => {
  await using connection = await openRaw(url);
  connection.socket.write(head("POST", path, { ...headers, Expect: "100-continue" }));
  const answer = await connection.until(/"request_id":"[^"]+"\}/);
  expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(answer).toContain(`"code":"${code}"`);
  expect(answer).not.toContain("100 Continue");
});

test("a request without any length is 411", async () => {
  await using connection = await openRaw(url);
  connection.socket.write(head("POST", "/v1/jobs", raw));
  expect(await connection.until(/"request_id":"[^"]+"\}/)).toMatch(/^HTTP\/1\.1 411 [\s\S]*"code":"length_required"/);
});

test("a client that asks first and is wanted is told to go on, and its job is made", async () => {
  const core = tinyCore();
  await using connection = await openRaw(url);
  connection.socket.write(head("POST", "/v1/jobs", { ...raw, "Content-Length": core.length, Expect: "100-continue" }));
  await connection.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
  connection.socket.write(core);
  expect(await connection.until(/"links":/)).toContain("HTTP/1.1 202 Accepted");
});

test.each([["keep-alive"], ["close"]])("a client that sends 64 MB before it reads gets the refusal all the same (Connection: %s)", async (connectionHeader) => {
  const size = 64 << 20;
  await using connection = await openRaw(url);
  connection.socket.pause();
  connection.socket.write(head("POST", "/v1/jobs", { ...raw, "Content-Length": size, Connection: connectionHeader }));
  const chunk = Buffer.alloc(1 << 20);
  for (let sent = 0; sent < size; sent += chunk.length) if (!connection.socket.write(chunk)) await once(connection.socket, "drain");
  connection.socket.resume();
  expect(await connection.until(/"request_id":"[^"]+"\}/)).toMatch(/^HTTP\/1\.1 415 [\s\S]*"code":"not_a_core"/);
});

test.each([["keep-alive"], ["close"]])(
  "a client that sends its core again under the same Idempotency-Key gets the job (Connection: %s)",
  async (connectionHeader) => {
    const core = tinyCore(32 << 20);
    const key = `again-${connectionHeader}`;
    const locations: string[] = [];
    for (let turn = 0; turn < 2; turn += 1) {
      await using connection = await openRaw(url);
      connection.socket.pause();
      connection.socket.write(head("POST", "/v1/jobs", { ...raw, "Content-Length": core.length, Connection: connectionHeader, "Idempotency-Key": key }));
      if (!connection.socket.write(core)) await once(connection.socket, "drain");
      connection.socket.resume();
      locations.push(/location: (\S+)/.exec(await connection.until(/"links":/))?.[1] ?? `none ${turn}`);
    }
    expect(locations[1]).toBe(locations[0]);
  },
);

test("a client that asks first with a known Idempotency-Key gets its job without sending the core", async () => {
  const headers = { ...raw, "Idempotency-Key": "asked-first" };
  const made = await api.ask({ method: "POST", url: "/v1/jobs", headers, payload: tinyCore() });
  await using connection = await openRaw(url);
  connection.socket.write(head("POST", "/v1/jobs", { ...headers, "Content-Length": GiB, Expect: "100-continue" }));
  const answer = await connection.until(/"links":/);
  expect(answer).toMatch(/^HTTP\/1\.1 202 /);
  expect(answer).toContain(made.json().id);
});

test("a refused client that neither stops nor sends is let go, and later one that sends on and on", async () => {
  const app = Fastify();
  app.addHook("onRequest", async (_request, reply) => reply.code(404).send({ code: "not_found" }));
  app.addHook("onSend", closeGently({ idleMs: 700, wholeMs: 2_500 }));
  const refusing = await app.listen({ host: "127.0.0.1", port: 0 });
  const closed: string[] = [];
  const lasts = async (what: string, sends: boolean) => {
    await using connection = await openRaw(refusing);
    connection.socket.write(head("POST", "/", { "Content-Length": GiB }));
    await connection.until(/not_found/);
    const sending = setInterval(() => sends && connection.socket.write("more"), 20);
    if (!connection.socket.closed) await once(connection.socket, "close");
    clearInterval(sending);
    closed.push(what);
  };
  await Promise.all([lasts("sends on", true), lasts("silent", false)]);
  expect(closed).toEqual(["silent", "sends on"]);
  await app.close();
});

test("a client that goes away leaves no partial file and no job, and the next request is served", async () => {
  const partials = () => readdir(join(api.folder, "blobs", "tmp"));
  const { items: before } = await api.parts.jobs.list("web", {}, { limit: 200, cursor: null });
  {
    await using connection = await openRaw(url);
    connection.socket.write(head("POST", "/v1/jobs", { ...raw, "Content-Length": 1 << 28 }));
    connection.socket.write(tinyCore(1 << 20));
    await expect.poll(async () => (await partials()).length).toBe(1);
  }
  await expect.poll(partials).toEqual([]);
  expect((await api.parts.jobs.list("web", {}, { limit: 200, cursor: null })).items).toEqual(before);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
});

test("what is not HTTP gets problem details", async () => {
  await using connection = await openRaw(url);
  connection.socket.write("GARBAGE\r\n\r\n");
  expect(await connection.until(/"request_id":"[^"]+"\}/)).toMatch(/^HTTP\/1\.1 400 Bad Request\r\nContent-Type: application\/problem\+json/);
});
