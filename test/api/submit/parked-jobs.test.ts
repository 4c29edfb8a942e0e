/** `when_missing=wait` with a real core: parked until the last binary comes, whichever way, or until the time is up. */
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { watchParkedJobs } from "../../../services/api/submit/parked-jobs.ts";
import type { Job, MissingBinary } from "../../../services/contract/job.ts";
import { createLogger } from "../../../services/log/logger.ts";
import { type Core, interpreterAt, makeCore, programsFolder } from "../../corpus/make-core.ts";
import { mappedFiles } from "../../support/mapped-files.ts";
import { type ApiUnderTest, openApiUnderTest } from "../support/api-under-test.ts";

let core: Core;
let coreBytes: Buffer;
let files: string[];

beforeAll(async () => {
  const interpreter = await interpreterAt("/usr/bin/python3");
  if (interpreter === null) throw new Error("/usr/bin/python3 does not run");
  core = await makeCore(interpreter, join(programsFolder, "null_dereference.py"));
  coreBytes = await readFile(core.path);
  files = await mappedFiles(core.path, null);
});
afterAll(() => core[Symbol.asyncDispose]());

async function form(parts: readonly (readonly [string, Buffer | string, string?])[]) {
  const data = new FormData();
  for (const [name, content, filename] of parts) {
    if (typeof content === "string") data.append(name, content);
    else data.append(name, new Blob([Uint8Array.from(content)]), filename);
  }
  const encoded = new Response(data);
  return { headers: { "content-type": encoded.headers.get("content-type") ?? "" }, payload: Buffer.from(await encoded.arrayBuffer()) };
}

async function submitWaiting(api: ApiUnderTest): Promise<Job> {
  const answer = await api.ask({
    method: "POST",
    url: "/v1/jobs",
    ...(await form([
      ["core", coreBytes, "core"],
      ["when_missing", "wait"],
    ])),
  });
  expect(answer.statusCode, answer.body).toBe(202);
  return answer.json();
}

const jobNow = async (api: ApiUnderTest, id: string): Promise<Job> => (await api.ask({ url: `/v1/jobs/${id}` })).json();
const fileOf = (missing: MissingBinary) => files.find((path) => basename(path) === basename(missing.path)) ?? missing.path;
const awaited = (job: Job) => job.missing_binaries.filter((each) => each.needed_for !== "symbols");

async function put(api: ApiUnderTest, missing: MissingBinary): Promise<void> {
  const payload = await readFile(fileOf(missing));
  const answer = await api.ask({
    method: "PUT",
    url: `/v1/binaries/${missing.build_id}?filename=${basename(missing.path)}`,
    headers: { "content-type": "application/octet-stream" },
    payload,
  });
  expect([200, 201], answer.body).toContain(answer.statusCode);
}

test("parks the job, tells what it waits for, and starts it when the last one has come by POST, by PUT or with another job", async () => {
  await using api = await openApiUnderTest();
  const parked = await submitWaiting(api);
  expect(parked.status).toBe("awaiting_binaries");
  const [first, second, ...rest] = awaited(parked);
  expect(first?.needed_for).toBe("interpreter");
  expect(rest.length).toBeGreaterThan(0);
  if (first === undefined || second === undefined) throw new Error("too little is missing");

  await api.ask({ method: "POST", url: "/v1/binaries", ...(await form([["binary", await readFile(fileOf(first)), "renamed"]])) });
  const after = await jobNow(api, parked.id);
  expect(after.status).toBe("awaiting_binaries");
  expect(awaited(after)).toEqual([second, ...rest]);

  for (const missing of rest) await put(api, missing);
  expect(await jobNow(api, parked.id)).toMatchObject({ status: "awaiting_binaries" });
  const other = await form([
    ["core", coreBytes, "core"],
    ["binary", await readFile(fileOf(second)), basename(second.path)],
  ]);
  await api.ask({ method: "POST", url: "/v1/jobs", ...other });
  const started = await jobNow(api, parked.id);
  expect(started.status).toBe("queued");
  expect(awaited(started)).toEqual([]);
  expect(await api.parts.queue.lacking([parked.id])).toEqual([]);

  // Everything is stored now: nothing to wait for.
  expect((await submitWaiting(api)).status).toBe("queued");
});

test("leaves no job behind whose binaries come while it is being written", async () => {
  await using api = await openApiUnderTest();
  const wanted = awaited(await submitWaiting(api));
  const [last, ...early] = wanted;
  if (last === undefined) throw new Error("nothing is missing");
  for (const missing of early) await put(api, missing);
  const [jobs] = await Promise.all([Promise.all([submitWaiting(api), submitWaiting(api), submitWaiting(api)]), put(api, last)]);
  for (const { id } of jobs) expect(await jobNow(api, id)).toMatchObject({ status: "queued" });
});

test("starts the job without them when its time is up, and still tells what was missing", async () => {
  await using api = await openApiUnderTest({ limits: { awaiting_binaries_seconds: 1 } });
  const { id, missing_binaries: missing } = await submitWaiting(api);
  const { jobs, binaries, blobs, queue, changes } = api.parts;
  const log = createLogger({ level: "silent", component: "test" });
  await using _rounds = watchParkedJobs({ jobs, binaries, blobs, queue, changes, log, everyMilliseconds: 20 });
  await vi.waitUntil(async () => (await jobNow(api, id)).status === "queued", { timeout: 30_000, interval: 50 });
  expect((await jobNow(api, id)).missing_binaries).toEqual(missing);
});

test("reanalyze starts a parked job at once, and once only", async () => {
  await using api = await openApiUnderTest();
  const { id, missing_binaries: missing } = await submitWaiting(api);
  expect((await api.ask({ method: "POST", url: `/v1/jobs/${id}/reanalyze` })).json()).toMatchObject({ status: "queued" });
  for (const each of missing.slice(0, 2)) await put(api, each);
  expect(await jobNow(api, id)).toMatchObject({ status: "queued" });
  expect(await api.parts.jobs.unpark(id, [])).toBeNull();
});
