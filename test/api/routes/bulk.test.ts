import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { newReport } from "../../storage/sample.ts";
import { type ApiUnderTest, openApiUnderTest } from "../support/api-under-test.ts";
import { tinyCore } from "../support/tiny-core.ts";

let api: ApiUnderTest;
let base: string;
beforeAll(async () => {
  api = await openApiUnderTest();
  base = await api.listen();
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
});

interface Part {
  readonly name: string;
  readonly filename?: string;
  readonly bytes: Uint8Array | string;
}

const send = async (parts: readonly Part[]) => {
  const form = new FormData();
  for (const { name, filename, bytes } of parts) form.append(name, new Blob([typeof bytes === "string" ? bytes : new Uint8Array(bytes)]), filename ?? name);
  return fetch(`${base}/v1/bulk`, { method: "POST", body: form });
};

const core = (filename: string, fill = 0x41): Part => ({ name: "core", filename, bytes: tinyCore(4_096, fill) });
const codes = (items: readonly { filename: string; error: { code: string } | null }[]) => items.map(({ filename, error }) => [filename, error?.code ?? null]);

/** A tar or zip of these files, by the system's own tools. */
function archive(files: Readonly<Record<string, Uint8Array | string>>, name: string): Uint8Array {
  const folder = join(api.folder, `cores-${name}`);
  mkdirSync(folder);
  for (const [file, bytes] of Object.entries(files)) writeFileSync(join(folder, file), bytes);
  const path = join(api.folder, `${name}.tar`);
  execFileSync("tar", ["-C", folder, "-cf", path, ...Object.keys(files)]);
  return readFileSync(path);
}

test("each core of one request becomes a job with the labels of all, and those that are none say why", async () => {
  const answer = await send([
    { name: "labels", bytes: '{"night":"1"}' },
    core("core.python3.1"),
    { name: "core", filename: "notes.txt", bytes: "no core" },
    core("core.python3.2", 0x42),
    { name: "core", filename: "empty", bytes: "" },
    { name: "core", filename: "core.gz", bytes: gzipSync(tinyCore(4_096, 0x43)) },
  ]);
  expect(answer.status).toBe(202);
  const bulk = JSON.parse(await answer.text());
  expect(answer.headers.get("location")).toBe(`/v1/bulk/${bulk.id}`);
  expect(bulk).toMatchObject({ state: "complete", done: false, total: 5, counts: { queued: 3, refused: 2 } });
  expect(codes(bulk.items)).toEqual([
    ["core.python3.1", null],
    ["notes.txt", "not_a_core"],
    ["core.python3.2", null],
    ["empty", "core_empty"],
    ["core.gz", null],
  ]);
  const { items } = (await api.ask({ url: "/v1/jobs?label.night=1" })).json();
  // A single core does not wait behind many.
  expect(items.map(({ priority }: { priority: string }) => priority)).toEqual(["low", "low", "low"]);
});

test("the same request sent again with its Idempotency-Key takes no core twice", async () => {
  const twice = async (key: string) => {
    const form = new FormData();
    for (const [index, bytes] of [tinyCore(4_096, 0x61), Buffer.from("no core"), tinyCore(4_096, 0x62)].entries())
      form.append("core", new Blob([new Uint8Array(bytes)]), `core.${index}`);
    const answer = await fetch(`${base}/v1/bulk`, { method: "POST", body: form, headers: { "idempotency-key": key } });
    const { items } = JSON.parse(await answer.text());
    return items.map(({ job_id: id, error }: { job_id: string | null; error: { code: string } | null }) => id ?? error?.code);
  };
  const first = await twice("one");
  expect(first[1]).toBe("not_a_core");
  expect(await twice("one")).toEqual(first);
  expect(new Set([...first, ...(await twice("two"))]).size).toBe(5);
});

test.each([
  ["tar", (bytes: Uint8Array) => bytes],
  ["tar.gz", gzipSync],
  ["tar.zst", zstdCompressSync],
])("a %s of many cores is a bulk in which the damaged ones are told and the others go through", async (kind, pack) => {
  const files: Record<string, Uint8Array | string> = {};
  for (let at = 0; at < 40; at += 1) files[`core.${at}`] = at % 15 === 7 ? "\x7fELF damaged" : tinyCore(2_048, at);
  const answer = await send([{ name: "archive", filename: `cores.${kind}`, bytes: pack(archive(files, kind)) }]);
  const bulk = JSON.parse(await answer.text());
  expect(bulk).toMatchObject({ state: "complete", total: 40, counts: { queued: 37, refused: 3 } });
  const refused = await api.ask({ url: `/v1/bulk/${bulk.id}?only=refused` });
  expect(refused.json().items.map(({ filename, error }: { filename: string; error: { code: string } }) => [filename, error.code])).toEqual(
    [7, 22, 37].map((at) => [`core.${at}`, expect.stringMatching(/^(not_a_core|core_malformed)$/)]),
  );
  const seen: number[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const page: { items: { position: number }[]; next_cursor: string | null } = (
      await api.ask({ url: `/v1/bulk/${bulk.id}?limit=15${cursor === "" ? "" : `&cursor=${cursor}`}` })
    ).json();
    seen.push(...page.items.map(({ position }) => position));
    cursor = page.next_cursor;
  }
  expect(seen).toEqual(Array.from({ length: 40 }, (_, at) => at));
});

test("an archive that is cut keeps what it gave before, and says that it is cut", async () => {
  const whole = archive({ "core.1": tinyCore(2_048), "core.2": tinyCore(60_000) }, "cut");
  const answer = await send([{ name: "archive", filename: "cut.tar", bytes: whole.subarray(0, 20_000) }, core("core.after")]);
  const bulk = JSON.parse(await answer.text());
  expect(codes(bulk.items)).toEqual([
    ["core.1", null],
    ["cut.tar", "archive_malformed"],
    ["core.after", null],
  ]);
});

test("waiting ends when the last job has ended, and not before", async () => {
  const { id, items } = JSON.parse(await (await send([core("core.1"), core("core.2")])).text());
  const early = await api.ask({ url: `/v1/bulk/${id}?wait=1` });
  expect(early.json()).toMatchObject({ done: false });
  expect(early.headers["retry-after"]).toBe("1");
  const waiting = api.ask({ url: `/v1/bulk/${id}?wait=30` });
  for (const { job_id: job } of items) {
    await api.parts.jobs.start(job);
    await api.parts.jobs.finish(job, 1, { report: newReport(job), missingBinaries: [] });
  }
  expect((await waiting).json()).toMatchObject({ done: true, counts: { succeeded: 2 } });
  await api.parts.jobs.delete("default", items[0].job_id);
  expect((await api.ask({ url: `/v1/bulk/${id}` })).json()).toMatchObject({ done: true, total: 2, counts: { succeeded: 1, deleted: 1 } });
});

test.each([
  ["nothing", [{ name: "labels", bytes: "{}" }], 422, "core_missing"],
  ["an unknown part", [core("a"), { name: "binary", filename: "b", bytes: "x" }], 422, "unknown_part"],
  ["options twice", [{ name: "options", bytes: "census" }, { name: "options", bytes: "census" }, core("a")], 422, "options_invalid"],
  ["a priority that is none", [{ name: "priority", bytes: "urgent" }, core("a")], 422, "priority_invalid"],
  ["labels after a core", [core("a"), { name: "labels", bytes: "{}" }], 422, "invalid_body"],
  ["labels that are none", [{ name: "labels", bytes: "[]" }, core("a")], 422, "labels_invalid"],
])("%s is refused", async (_what, parts: readonly Part[], status, code) => {
  const answer = await send(parts);
  expect([answer.status, JSON.parse(await answer.text()).code]).toEqual([status, code]);
});

test("what had come before a refused part stands, and the answer tells where", async () => {
  const { detail } = JSON.parse(await (await send([core("a"), { name: "nonsense", filename: "b", bytes: "x" }])).text());
  const path = /\/v1\/bulk\/[0-9a-f-]+/.exec(detail)?.[0] ?? "";
  expect((await api.ask({ url: path })).json()).toMatchObject({ state: "interrupted", total: 1, counts: { queued: 1 }, error: { code: "unknown_part" } });
});

test("an unknown bulk and a broken cursor have codes of their own", async () => {
  const id = "0199aaaa-0000-7000-8000-000000000000";
  expect((await api.ask({ url: `/v1/bulk/${id}` })).json()).toMatchObject({ status: 404, code: "bulk_not_found" });
  expect((await api.ask({ url: `/v1/bulk/${id}?cursor=x` })).json()).toMatchObject({ status: 422, code: "invalid_cursor" });
});
