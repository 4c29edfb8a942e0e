import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Caller, Scope } from "../../../services/api/auth/caller.ts";
import { type ApiUnderTest, openApiUnderTest } from "../support/api-under-test.ts";
import { tinyCore } from "../support/tiny-core.ts";

let api: ApiUnderTest;
let scopes: Scope[] = ["submit", "read", "admin"];
let project = "default";
let path = "";
const core = tinyCore(10_000);
const etag = `"${createHash("sha256").update(core).digest("hex")}"`;

beforeAll(async () => {
  api = await openApiUnderTest({ parts: { authenticate: (): Caller => ({ project, scopes: new Set(scopes) }) } });
  const job = await api.ask({ method: "POST", url: "/v1/jobs", headers: { "content-type": "application/octet-stream" }, payload: core });
  path = `/v1/jobs/${job.json().id}/core`;
});
afterAll(() => api[Symbol.asyncDispose]());

test("the stored core comes back as it was, with its digest as ETag", async () => {
  const answer = await api.ask({ url: path });
  expect(answer.statusCode).toBe(200);
  expect(answer.rawPayload.equals(core)).toBe(true);
  expect(answer.headers).toMatchObject({ etag, "accept-ranges": "bytes", "content-length": String(core.length), "content-type": "application/octet-stream" });
});

test("HEAD tells its size without a byte of it", async () => {
  const answer = await api.ask({ method: "HEAD", url: path, headers: { range: "bytes=0-9" } });
  expect([answer.statusCode, answer.headers["content-length"], answer.body]).toEqual([200, String(core.length), ""]);
});

test("a range comes alone; one beyond the end is 416", async () => {
  const answer = await api.ask({ url: path, headers: { range: "bytes=100-199" } });
  expect([answer.statusCode, answer.headers["content-range"]]).toEqual([206, `bytes 100-199/${core.length}`]);
  expect(answer.rawPayload.equals(core.subarray(100, 200))).toBe(true);
  const beyond = await api.ask({ url: path, headers: { range: "bytes=999999-" } });
  expect([beyond.statusCode, beyond.json().code, beyond.headers["content-range"]]).toEqual([416, "range_not_satisfiable", `bytes */${core.length}`]);
});

test("what the client has already is not sent again", async () => {
  expect((await api.ask({ url: path, headers: { "if-none-match": etag } })).statusCode).toBe(304);
  expect((await api.ask({ url: path, headers: { range: "bytes=0-9", "if-range": etag } })).statusCode).toBe(206);
  expect((await api.ask({ url: path, headers: { range: "bytes=0-9", "if-range": '"another"' } })).statusCode).toBe(200);
});

test("only admin may, and only of the own project", async () => {
  scopes = ["submit", "read"];
  expect((await api.ask({ url: path })).json().code).toBe("forbidden");
  scopes = ["admin"];
  project = "other";
  expect((await api.ask({ url: path })).json().code).toBe("job_not_found");
  project = "default";
  expect((await api.ask({ method: "HEAD", url: path })).statusCode).toBe(200);
});

test("a core that is no longer stored is 410, and why is told where it is known", async () => {
  const id = path.split("/")[3] ?? "";
  const stored = await api.parts.jobs.get("default", id);
  if (stored === null) throw new Error("no job");
  for (const what of ["core", "bundle"]) {
    const gone = vi.spyOn(api.parts.jobs, "get").mockResolvedValueOnce({ ...stored, coreBlob: null, job: { ...stored.job, core_gone: "surplus" } });
    expect((await api.ask({ url: path.replace(/core$/, what) })).json().detail).toContain("its group has newer ones enough");
    gone.mockRestore();
  }
  await api.parts.blobs.remove(stored.coreBlob ?? "");
  expect((await api.ask({ url: path })).json().code).toBe("core_lost");
});
