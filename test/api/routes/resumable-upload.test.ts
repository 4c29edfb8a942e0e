import { createHash, randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Caller, Scope } from "../../../services/api/auth/caller.ts";
import { UploadFiles } from "../../../services/intake/resume/upload-files.ts";
import { type ApiUnderTest, openApiUnderTest } from "../support/api-under-test.ts";
import { boundary, multipart } from "../../intake/support/receiver.ts";
import { head, openRaw } from "../support/raw-http.ts";
import { tinyCore } from "../support/tiny-core.ts";

let api: ApiUnderTest;
let url: string;
beforeAll(async () => {
  const authenticate = ({ headers }: { headers: { authorization?: string | undefined } }): Caller => ({
    project: headers.authorization === "Bearer other" ? "other" : "default",
    scopes: new Set<Scope>(["submit", "read"]),
  });
  api = await openApiUnderTest({ parts: { authenticate } });
  url = await api.listen();
});
afterAll(() => api[Symbol.asyncDispose]());

const tus = { "tus-resumable": "1.0.0" };
const core = Buffer.concat([tinyCore(400_000), Buffer.alloc(300_000), randomBytes(5_000)]);
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
const metadata = (values: Record<string, string>) =>
  Object.entries(values)
    .map(([name, value]) => `${name} ${Buffer.from(value).toString("base64")}`)
    .join(",");

const begin = (size: number, values: Record<string, string> = {}) =>
  fetch(`${url}/v1/uploads`, {
    method: "POST",
    headers: { ...tus, "upload-length": String(size), ...(Object.keys(values).length === 0 ? {} : { "upload-metadata": metadata(values) }) },
  });

async function location(size: number, values: Record<string, string> = {}): Promise<string> {
  const response = await begin(size, values);
  expect(response.status, await response.text()).toBe(201);
  const path = response.headers.get("location") ?? "";
  expect(path).toMatch(/^\/v1\/uploads\/[0-9a-f-]{36}$/);
  return url + path;
}

const send = (where: string, offset: number, bytes: Buffer) =>
  fetch(where, {
    method: "PATCH",
    headers: { ...tus, "upload-offset": String(offset), "content-type": "application/offset+octet-stream" },
    body: Uint8Array.from(bytes),
  });
const progress = (where: string, headers: Record<string, string> = {}) => fetch(where, { method: "HEAD", headers: { ...tus, ...headers } });
const left = () => readdir(join(api.folder, "uploads"));
const partials = () => readdir(join(api.folder, "blobs", "tmp"));

describe("a resumable upload", () => {
  test("in pieces ends in a job, with its name, labels and digest", async () => {
    const where = await location(core.length, { filename: "core.python3.41", labels: '{"host":"web1"}', sha256: sha256(core) });
    const first = await send(where, 0, core.subarray(0, 250_000));
    expect([first.status, first.headers.get("upload-offset"), first.headers.get("inquest-job-id")]).toEqual([204, "250000", null]);
    const last = await send(where, 250_000, core.subarray(250_000));
    expect(last.status, await last.text()).toBe(204);
    const id = last.headers.get("inquest-job-id") ?? "";
    expect(last.headers.get("content-location")).toBe(`/v1/jobs/${id}`);
    const job = await api.ask({ url: `/v1/jobs/${id}` });
    expect(job.json()).toMatchObject({ labels: { host: "web1" }, core: { filename: "core.python3.41", size: core.length, sha256: sha256(core), pid: 41 } });
    expect(await api.parts.queue.lacking([id])).toEqual([]);
    expect((await left()).filter((name) => name.endsWith(".part"))).toEqual([]);
    expect(await partials()).toEqual([]);
  });

  test("tells its job again to a client that missed the answer", async () => {
    const where = await location(core.length);
    const id = (await send(where, 0, core)).headers.get("inquest-job-id");
    const again = await progress(where);
    expect([again.status, again.headers.get("upload-offset"), again.headers.get("inquest-job-id")]).toEqual([200, String(core.length), id]);
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("whose link drops goes on from what came, also with another server", async () => {
    const where = await location(core.length);
    await using link = await openRaw(url);
    link.socket.write(
      head("PATCH", new URL(where).pathname, { ...tus, "Upload-Offset": 0, "Content-Type": "application/offset+octet-stream", "Content-Length": core.length }),
    );
    link.socket.write(core.subarray(0, 300_000));
    const files = new UploadFiles(join(api.folder, "uploads"), api.parts.blobs, api.parts.limits);
    const id = `default~${where.slice(-36)}`;
    while ((await files.getUpload(id)).offset < 100_000) await sleep(5);
    link.socket.resetAndDestroy();
    let offset = 0;
    await expect
      .poll(async () => {
        offset = Number((await progress(where)).headers.get("upload-offset"));
        return (await files.getUpload(id)).offset === offset && offset > 0;
      })
      .toBe(true);
    const last = await send(where, offset, core.subarray(offset));
    expect(last.status, await last.text()).toBe(204);
    const job = await api.ask({ url: `/v1/jobs/${last.headers.get("inquest-job-id")}` });
    expect(job.json().core).toMatchObject({ sha256: sha256(core) });
  });

  test("that a server was ended before making a job of is one when somebody asks", async () => {
    const where = await location(core.length);
    await send(where, 0, core.subarray(0, 1000));
    const id = `default~${where.slice(-36)}`;
    const files = new UploadFiles(join(api.folder, "uploads"), api.parts.blobs, api.parts.limits);
    const { Readable } = await import("node:stream");
    expect(await files.write(Readable.from([core.subarray(1000)]), id, 1000)).toBe(core.length);
    const asked = await progress(where);
    expect((await api.ask({ url: `/v1/jobs/${asked.headers.get("inquest-job-id")}` })).json().core).toMatchObject({ sha256: sha256(core) });
  });

  test("may be packed", async () => {
    const packed = zstdCompressSync(core);
    const where = await location(packed.length, { filename: "core.zst", sha256: sha256(packed) });
    const last = await send(where, 0, packed);
    expect((await api.ask({ url: `/v1/jobs/${last.headers.get("inquest-job-id")}` })).json().core).toMatchObject({ sha256: sha256(core), size: core.length });
  });

  test("may be packed on the way by a client that knows neither its length nor its digest before the end", async () => {
    const packed = zstdCompressSync(core);
    const begun = await fetch(`${url}/v1/uploads`, {
      method: "POST",
      headers: { ...tus, "upload-defer-length": "1", "upload-metadata": metadata({ filename: "core.zst" }) },
    });
    const where = url + (begun.headers.get("location") ?? "");
    const middle = packed.length >> 1;
    expect((await send(where, 0, packed.subarray(0, middle))).status).toBe(204);
    const asked = await progress(where);
    expect([asked.headers.get("upload-offset"), asked.headers.get("upload-length"), asked.headers.get("upload-defer-length")]).toEqual([
      String(middle),
      null,
      "1",
    ]);
    expect((await send(where, middle, packed.subarray(middle))).headers.get("inquest-job-id")).toBeNull();
    const end = (digest: string) =>
      fetch(where, {
        method: "PATCH",
        headers: {
          ...tus,
          "upload-offset": String(packed.length),
          "upload-length": String(packed.length),
          "content-type": "application/offset+octet-stream",
          "repr-digest": `sha-256=:${digest}:`,
        },
      });
    const last = await end(createHash("sha256").update(packed).digest("base64"));
    expect(last.status, await last.text()).toBe(204);
    expect((await api.ask({ url: `/v1/jobs/${last.headers.get("inquest-job-id")}` })).json().core).toMatchObject({ sha256: sha256(core), size: core.length });
  });

  test("of a whole form brings attachments, labels and the core's digest; of logs alone too", async () => {
    const log = 'Fatal Python error: Segmentation fault\n\nCurrent thread 0x00007f0000000000 (most recent call first):\n  File "a.py", line 3 in f\n';
    const text = (name: string, value: string) => ({ name, body: Buffer.from(value) });
    const form = multipart([
      { name: "core", filename: "core.41", body: core },
      { name: "attachment", filename: "stderr.log", body: Buffer.from(log) },
      text("labels", '{"host":"web1"}'),
      text("sha256", sha256(core)),
    ]);
    const filetype = `multipart/form-data; boundary=${boundary}`;
    const where = await location(form.length, { filetype });
    expect((await send(where, 0, form.subarray(0, 250_000))).status).toBe(204);
    const last = await send(where, 250_000, form.subarray(250_000));
    expect(last.status, await last.text()).toBe(204);
    const job = (await api.ask({ url: `/v1/jobs/${last.headers.get("inquest-job-id")}` })).json();
    expect(job).toMatchObject({ labels: { host: "web1" }, core: { filename: "core.41", sha256: sha256(core) } });
    expect(await api.parts.jobs.attachments(job.id)).toMatchObject([{ filename: "stderr.log", size: log.length }]);

    const alone = multipart([{ name: "attachment", filename: "stderr.log", body: Buffer.from(log) }]);
    const end = await send(await location(alone.length, { filetype }), 0, alone);
    expect((await api.ask({ url: `/v1/jobs/${end.headers.get("inquest-job-id")}` })).json()).toMatchObject({ core: null, status: "queued" });
    expect((await left()).filter((name) => name.endsWith(".part"))).toEqual([]);
    expect(await partials()).toEqual([]);
  });

  test("whose length is told too short is refused, and goes on", async () => {
    const begun = await fetch(`${url}/v1/uploads`, { method: "POST", headers: { ...tus, "upload-defer-length": "1" } });
    const where = url + (begun.headers.get("location") ?? "");
    await send(where, 0, core);
    const short = { ...tus, "upload-offset": String(core.length), "upload-length": "5", "content-type": "application/offset+octet-stream" };
    expect((await fetch(where, { method: "PATCH", headers: short })).status).toBe(400);
    const last = await fetch(where, { method: "PATCH", headers: { ...short, "upload-length": String(core.length) } });
    expect(last.headers.get("inquest-job-id")).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("belongs to its project", async () => {
    const where = await location(core.length);
    expect((await progress(where, { authorization: "Bearer other" })).status).toBe(404);
    expect((await progress(where)).status).toBe(200);
  });

  test("can be given up", async () => {
    const where = await location(core.length);
    await send(where, 0, core.subarray(0, 5000));
    expect((await fetch(where, { method: "DELETE", headers: tus })).status).toBe(204);
    expect((await progress(where)).status).toBe(404);
    expect((await left()).filter((name) => name.includes(where.slice(-36)))).toEqual([]);
  });
});

describe("refused, with nothing left behind, is", () => {
  const code = async (response: Response) => ({ status: response.status, code: Object(await response.json()).code });

  test("what is no core, at its first bytes", async () => {
    const where = await location(1_000_000);
    expect(await code(await send(where, 0, Buffer.alloc(5_000, "hello")))).toEqual({ status: 415, code: "not_a_core" });
    expect((await progress(where)).status).toBe(404);
  });

  test("another digest than the one told", async () => {
    const where = await location(core.length, { sha256: "0".repeat(64) });
    expect(await code(await send(where, 0, core))).toEqual({ status: 422, code: "digest_mismatch" });
    expect((await left()).filter((name) => name.includes(where.slice(-36)))).toEqual([]);
    expect(await partials()).toEqual([]);
  });

  test.each([
    ["ends before its closing boundary", multipart([{ name: "core", filename: "core", body: core }]).subarray(0, -20), 400, "upload_truncated"],
    [
      "has a core with another digest",
      multipart([
        { name: "core", filename: "core", body: core },
        { name: "sha256", body: Buffer.from("0".repeat(64)) },
      ]),
      422,
      "digest_mismatch",
    ],
    ["has neither a core nor a log", multipart([{ name: "labels", body: Buffer.from("{}") }]), 422, "core_missing"],
  ])("a form that %s", async (_what, form, status, expected) => {
    const where = await location(form.length, { filetype: `multipart/form-data; boundary=${boundary}` });
    expect(await code(await send(where, 0, form))).toEqual({ status, code: expected });
    expect((await progress(where)).status).toBe(404);
    expect(await partials()).toEqual([]);
  });

  test("the wrong offset, which changes nothing", async () => {
    const where = await location(core.length);
    expect(await code(await send(where, 7, core))).toEqual({ status: 409, code: "upload_offset_conflict" });
    expect((await progress(where)).headers.get("upload-offset")).toBe("0");
  });

  test.each<[string, () => Promise<Response>, number, string]>([
    ["labels that are none", () => begin(10, { labels: "[]" }), 422, "labels_invalid"],
    ["an unknown option", () => begin(10, { options: "fsck" }), 422, "options_invalid"],
    ["unknown metadata", () => begin(10, { lables: "{}" }), 422, "invalid_parameter"],
    ["labels beside a form", () => begin(10, { labels: "{}", filetype: "multipart/form-data; boundary=b" }), 422, "invalid_parameter"],
    ["nothing", () => begin(0), 422, "core_empty"],
    ["more than a core may have", () => begin(api.parts.limits.core_bytes + 1), 413, "upload_too_large"],
    ["no length", () => fetch(`${url}/v1/uploads`, { method: "POST", headers: tus }), 400, "upload_request_invalid"],
    ["another protocol", () => fetch(`${url}/v1/uploads`, { method: "POST", headers: { "upload-length": "5" } }), 412, "upload_protocol_unsupported"],
    ["an upload that is not there", () => send(`${url}/v1/uploads/..%2f..`, 0, core), 404, "upload_not_found"],
  ])("%s", async (_what, ask, status, expected) => {
    expect(await code(await ask())).toEqual({ status, code: expected });
  });

  test("one upload too many, and one that has expired is removed", async () => {
    const folder = join(api.folder, "few");
    const limits = { ...api.parts.limits, unfinished_uploads: 1, upload_expiry_seconds: 60 };
    const files = new UploadFiles(folder, api.parts.blobs, limits);
    const upload = (letter: string) => ({
      id: `default~${letter.repeat(36)}`,
      size: 10,
      offset: 0,
      metadata: {},
      storage: undefined,
      creation_date: undefined,
      sizeIsDeferred: false,
    });
    await files.create(upload("a"));
    await expect(files.create(upload("b"))).rejects.toMatchObject({ code: "rate_limited" });
    expect(await files.deleteExpired()).toBe(0);
    const later = new UploadFiles(folder, api.parts.blobs, { ...limits, upload_expiry_seconds: 0 });
    expect(await later.deleteExpired()).toBe(1);
    expect(await readdir(folder)).toEqual([]);
  });
});

test("OPTIONS tells what is spoken", async () => {
  const response = await fetch(`${url}/v1/uploads`, { method: "OPTIONS" });
  expect(response.status).toBe(204);
  expect(response.headers.get("tus-version")).toBe("1.0.0");
  expect(response.headers.get("tus-extension")).toContain("expiration");
});
