import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ApiUnderTest, openApiUnderTest } from "../support/api-under-test.ts";
import { head, openRaw } from "../support/raw-http.ts";
import { tinyCore } from "../support/tiny-core.ts";

let api: ApiUnderTest;
beforeAll(async () => {
  api = await openApiUnderTest();
});
afterAll(() => api[Symbol.asyncDispose]());

async function form(parts: readonly (readonly [name: string, value: string | Buffer, filename?: string])[]) {
  const data = new FormData();
  for (const [name, value, filename] of parts) {
    if (typeof value === "string") data.append(name, value);
    else data.append(name, new Blob([Uint8Array.from(value)]), filename ?? name);
  }
  const encoded = new Response(data);
  return { headers: { "content-type": encoded.headers.get("content-type") ?? "" }, payload: Buffer.from(await encoded.arrayBuffer()) };
}

const post = (request: { headers?: Record<string, string>; payload: Buffer }, query = "") => api.ask({ method: "POST", url: `/v1/jobs${query}`, ...request });
const raw = { "content-type": "application/octet-stream" };
const partials = () => readdir(join(api.folder, "blobs", "tmp"));

test("a form becomes a job: 202, Location, the row, the queue and the bytes", async () => {
  const answer = await post(
    await form([
      ["labels", '{"host":"web1"}'],
      ["core", tinyCore(), "core.4711"],
      ["binary", await readFile("/bin/true"), "true"],
      ["attachment", Buffer.from("Fatal Python error: Segmentation fault\n"), "stderr.log"],
    ]),
  );
  expect(answer.statusCode, answer.body).toBe(202);
  const job = answer.json();
  expect(answer.headers["location"]).toBe(`/v1/jobs/${job.id}`);
  expect(job).toMatchObject({ status: "queued", labels: { host: "web1" }, core: { filename: "core.4711", size: tinyCore().length, pid: 4711 }, error: null });
  const stored = await api.parts.jobs.get("default", job.id);
  expect(await api.parts.blobs.size(stored?.coreBlob ?? "")).toBe(tinyCore().length);
  expect(await api.parts.queue.lacking([job.id])).toEqual([]);
  expect(await api.parts.binaries.ofJob(job.id)).toMatchObject([{ filename: "true" }]);
  expect(await api.parts.jobs.attachments(job.id)).toMatchObject([{ filename: "stderr.log" }]);
  expect(await partials()).toEqual([]);
});

test("the raw core with ?filename= becomes a job", async () => {
  const answer = await post({ headers: raw, payload: tinyCore() }, "?filename=core.python3.815");
  expect(answer.statusCode, answer.body).toBe(202);
  expect(answer.json().core).toMatchObject({ filename: "core.python3.815", executable_name: "python3", pid: 815 });
});

test("a log that tells a crash is a job without a core, and can be analysed again", async () => {
  const dump = 'Fatal Python error: Segmentation fault\n\nCurrent thread 0x00007f0000000001 (most recent call first):\n  File "a.py", line 1 in f\n';
  const answer = await post(await form([["attachment", Buffer.from(`starting\n${dump}`), "stderr.log"]]));
  expect(answer.statusCode, answer.body).toBe(202);
  const job = answer.json();
  expect(job).toMatchObject({ status: "queued", core: null, missing_binaries: [] });
  const started = await api.parts.jobs.start(job.id);
  expect(started?.coreBlob).toBeNull();
  await api.parts.jobs.fail(job.id, started?.run ?? 0, { code: "helper_failed", stage: "debug", detail: "", hint: "" });
  expect((await api.ask({ method: "POST", url: `/v1/jobs/${job.id}/reanalyze` })).statusCode).toBe(202);
  for (const path of ["core", "bundle"]) {
    const refused = await api.ask({ method: "GET", url: `/v1/jobs/${job.id}/${path}` });
    expect([refused.statusCode, refused.json().code, refused.json().detail]).toEqual([410, "core_lost", expect.stringContaining("without a core")]);
  }
});

test("the same Idempotency-Key gives the same job, another one another job", async () => {
  const ask = async (key: string) => (await post({ headers: { ...raw, "idempotency-key": key }, payload: tinyCore() })).json().id;
  const first = await ask("upload-1");
  expect(await ask("upload-1")).toBe(first);
  expect(await ask("upload-2")).not.toBe(first);
});

test("the same Idempotency-Key is taken again once the first request, whose link fell silent, is seen to bring nothing more", async () => {
  const url = await api.listen();
  const headers = { ...raw, "Idempotency-Key": "silent" };
  await using silent = await openRaw(url);
  silent.socket.write(head("POST", "/v1/jobs", { ...headers, "Content-Length": 100_000 }));
  silent.socket.write(tinyCore().subarray(0, 1_000));
  const again = async () => (await fetch(`${url}/v1/jobs`, { method: "POST", headers, body: Uint8Array.from(tinyCore()) })).status;
  await expect.poll(partials).toHaveLength(1);
  expect(await again()).toBe(409);
  expect(await again()).toBe(409);
  await expect.poll(again, { timeout: 20_000, interval: 1_000 }).toBe(202);
  expect(await partials()).toEqual([]);
});

test("a job that waits for binaries is not queued", async () => {
  const answer = await post(
    await form([
      ["core", tinyCore()],
      ["when_missing", "wait"],
    ]),
  );
  // This core names no module, so nothing is missing.
  expect(answer.json()).toMatchObject({ status: "queued", missing_binaries: [] });
});

test("options come by name, in a form or beside a raw core, and the job tells all of them", async () => {
  const inForm = await post(
    await form([
      ["core", tinyCore()],
      ["options", " census, heap_check"],
    ]),
  );
  expect(inForm.json()).toMatchObject({ options: { heap_check: true, census: true } });
  const beside = await api.ask({ method: "POST", url: "/v1/jobs?options=heap_check", headers: raw, payload: tinyCore() });
  expect(beside.json()).toMatchObject({ options: { heap_check: true, census: false } });
  const wrong = await api.ask({ method: "POST", url: "/v1/jobs?options=fsck", headers: raw, payload: tinyCore() });
  expect(wrong.json()).toMatchObject({ status: 422, code: "options_invalid" });
});

test.each([
  ["no core", [["labels", "{}"]], 422, "core_missing"],
  [
    "a log that tells of no crash, and no core",
    [["attachment", Buffer.from("Traceback (most recent call last):\nValueError: Thread 0x1\n")]],
    422,
    "core_missing",
  ],
  [
    "two cores",
    [
      ["core", tinyCore()],
      ["core", tinyCore()],
    ],
    422,
    "core_repeated",
  ],
  ["an unknown part", [["kore", tinyCore()]], 422, "unknown_part"],
  ["a core as a text field", [["core", "hello"]], 422, "part_not_a_file"],
  [
    "labels that are no object",
    [
      ["labels", "[1]"],
      ["core", tinyCore()],
    ],
    422,
    "labels_invalid",
  ],
  [
    "an unknown when_missing",
    [
      ["core", tinyCore()],
      ["when_missing", "never"],
    ],
    422,
    "when_missing_invalid",
  ],
  [
    "an unknown option",
    [
      ["core", tinyCore()],
      ["options", "heap_check,fsck"],
    ],
    422,
    "options_invalid",
  ],
  ["an empty core", [["core", Buffer.alloc(0)]], 422, "core_empty"],
  ["a page instead of a core", [["core", Buffer.from("<!doctype html><title>Sign in</title>")]], 415, "not_a_core"],
  [
    "a binary that is no ELF",
    [
      ["core", tinyCore()],
      ["binary", Buffer.from("#!/bin/sh\necho")],
    ],
    415,
    "not_a_binary",
  ],
] as const)("%s is %i %s, and leaves nothing behind", async (_what, parts, status, code) => {
  const answer = await post(await form(parts));
  expect(answer.statusCode, answer.body).toBe(status);
  expect(answer.json().code).toBe(code);
  expect(await partials()).toEqual([]);
});

test.each([
  [{}, 415, "unsupported_media_type"],
  [{ "content-type": "application/x-www-form-urlencoded" }, 415, "unsupported_media_type"],
  [{ "content-type": "multipart/form-data" }, 400, "multipart_malformed"],
  [{ ...raw, "content-encoding": "br" }, 415, "unsupported_media_type"],
  [{ ...raw, "idempotency-key": "a b" }, 422, "invalid_parameter"],
])("headers %j are %i %s", async (headers, status, code) => {
  const answer = await post({ headers, payload: tinyCore() });
  expect(answer.statusCode, answer.body).toBe(status);
  expect(answer.json().code).toBe(code);
});

test("an unknown query parameter is 422", async () => {
  const answer = await post({ headers: raw, payload: tinyCore() }, "?file=core");
  expect(answer.statusCode).toBe(422);
  expect(answer.json().detail).toContain('"file"');
});

test("a core beyond the limit is 413", async () => {
  await using small = await openApiUnderTest({ limits: { core_bytes: 1_000 } });
  const answer = await small.ask({ method: "POST", url: "/v1/jobs", headers: raw, payload: tinyCore() });
  expect(answer.statusCode).toBe(413);
  expect(answer.json().code).toBe("upload_too_large");
});

test("a store without room is 507", async () => {
  await using full = await openApiUnderTest({ limits: { free_disk_bytes: Number.MAX_SAFE_INTEGER } });
  const answer = await full.ask({ method: "POST", url: "/v1/jobs", headers: raw, payload: tinyCore() });
  expect(answer.statusCode).toBe(507);
  expect(answer.json().code).toBe("store_full");
});

test("a job is taken while Redis is gone, and handed over when it is back", async () => {
  await using alone = await openApiUnderTest();
  await alone.redis.stop();
  const answer = await alone.ask({ method: "POST", url: "/v1/jobs", headers: raw, payload: tinyCore() });
  expect(answer.statusCode, answer.body).toBe(202);
  const { id } = answer.json();
  await alone.redis.start();
  await expect.poll(() => alone.parts.queue.lacking([id]).catch(() => [id]), { timeout: 20_000 }).toEqual([]);
});
