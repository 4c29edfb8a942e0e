import { hash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { authenticateByToken } from "../../services/api/auth/authenticate.ts";
import type { Dependencies } from "../../services/api/dependencies.ts";
import { newJob } from "../storage/sample.ts";
import { type ApiUnderTest, openApiUnderTest } from "./support/api-under-test.ts";

let api: ApiUnderTest;
beforeAll(async () => {
  api = await openApiUnderTest();
});
afterAll(() => api[Symbol.asyncDispose]());

test("every error is problem details with all its members", async () => {
  const answer = await api.ask({ url: "/nowhere" });
  expect(answer.statusCode).toBe(404);
  expect(answer.headers["content-type"]).toContain("application/problem+json");
  expect(answer.json()).toEqual({
    type: "/problems/not_found",
    title: expect.any(String),
    status: 404,
    detail: expect.stringContaining("/nowhere"),
    code: "not_found",
    hint: expect.any(String),
    request_id: answer.headers["x-request-id"],
  });
});

test.each([
  ["DELETE", "/v1/jobs", "GET, HEAD, POST, OPTIONS"],
  ["PUT", "/v1/jobs/0199", "DELETE, GET, HEAD, PATCH, OPTIONS"],
  ["GET", "/v1/jobs/0199/reanalyze", "POST, OPTIONS"],
] as const)("%s %s is 405 and Allow lists %s", async (method, url, allow) => {
  const answer = await api.ask({ method, url });
  expect(answer.statusCode).toBe(405);
  expect(answer.headers["allow"]).toBe(allow);
  expect(answer.json().code).toBe("method_not_allowed");
});

test("OPTIONS tells the methods of a path", async () => {
  const answer = await api.ask({ method: "OPTIONS", url: "/v1/jobs" });
  expect(answer.statusCode).toBe(204);
  expect(answer.headers["allow"]).toContain("POST");
});

test.each([
  ["{", "application/json", 400, "malformed_json"],
  ["", "application/json", 400, "malformed_json"],
  ['{"build_ids":"abcd"}', "application/json", 422, "invalid_body"],
  ['{"build_ids":["xyz!"]}', "application/json", 422, "invalid_body"],
  ['{"build_ids":[],"other":1}', "application/json", 422, "invalid_body"],
  ["<a/>", "application/xml", 415, "unsupported_media_type"],
])("the body %s as %s is %i %s", async (payload, type, status, code) => {
  const answer = await api.ask({ method: "POST", url: "/v1/binaries/missing", headers: { "content-type": type }, payload });
  expect(answer.statusCode).toBe(status);
  expect(answer.json().code).toBe(code);
});

test("a JSON body beyond the limit is 413", async () => {
  const payload = JSON.stringify({ build_ids: Array.from({ length: 200_000 }, () => "abcdef") });
  const answer = await api.ask({ method: "POST", url: "/v1/binaries/missing", headers: { "content-type": "application/json" }, payload });
  expect(answer.statusCode).toBe(413);
  expect(answer.json().code).toBe("upload_too_large");
});

test("bears the caller's request id, and the security headers", async () => {
  const { headers } = await api.ask({ url: "/healthz", headers: { "x-request-id": "trace-0123456789" } });
  expect(headers["x-request-id"]).toBe("trace-0123456789");
  expect(headers).toMatchObject({
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
  });
});

test("HEAD answers as GET does, without a body", async () => {
  const answer = await api.ask({ method: "HEAD", url: "/v1/limits" });
  expect(answer.statusCode).toBe(200);
  expect(answer.body).toBe("");
});

test("an unexpected error is 500 without a word of its text", async () => {
  const jobs: Dependencies["jobs"] = { ...api.parts.jobs, get: () => Promise.reject(new Error("secret /srv/path")) };
  await using broken = await openApiUnderTest({ parts: { jobs } });
  const answer = await broken.ask({ url: "/v1/jobs/0199aaaa-0000-7000-8000-000000000000" });
  expect(answer.statusCode).toBe(500);
  expect(answer.json().code).toBe("internal_error");
  expect(answer.body).not.toMatch(/secret|srv|Error:|at /);
});

test("with tokens: 401 without one, 403 without the scope, another project's job is 404, and the open pages stay open", async () => {
  const token = (text: string, project: string, scopes: ("read" | "submit" | "admin")[]) => ({ sha256: hash("sha256", text), project, scopes });
  const authenticate = authenticateByToken([token("reader", "web", ["read"]), token("sender", "web", ["submit"]), token("root", "ops", ["admin"])]);
  await using guarded = await openApiUnderTest({ parts: { authenticate } });
  const as = (name: string) => ({ authorization: `Bearer ${name}` });
  const { job } = await guarded.parts.jobs.create(newJob({ projectId: "web" }));
  const url = `/v1/jobs/${job.id}`;

  const anonymous = await guarded.ask({ url });
  expect(anonymous.statusCode).toBe(401);
  expect(anonymous.headers["www-authenticate"]).toContain("Bearer");
  expect((await guarded.ask({ url, headers: as("nobody") })).statusCode).toBe(401);
  expect((await guarded.ask({ url, headers: as("sender") })).statusCode).toBe(403);
  expect((await guarded.ask({ method: "DELETE", url, headers: as("reader") })).statusCode).toBe(403);
  expect((await guarded.ask({ url, headers: as("root") })).statusCode).toBe(404);
  expect((await guarded.ask({ url, headers: as("reader") })).statusCode).toBe(200);
  expect((await guarded.ask({ url: "/metrics", headers: as("reader") })).statusCode).toBe(403);
  for (const open of ["/", "/healthz", "/readyz", "/openapi.json", "/docs", "/problems"])
    expect([200, 503]).toContain((await guarded.ask({ url: open })).statusCode);
});
