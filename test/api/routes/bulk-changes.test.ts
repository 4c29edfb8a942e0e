import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createClient } from "../../../services/client/client.ts";
import { Refused } from "../../../services/client/client-error.ts";
import { newJob, newReport } from "../../storage/sample.ts";
import { type ApiUnderTest, openApiUnderTest } from "../support/api-under-test.ts";
import { heldChange } from "../support/held-change.ts";
import { tinyCore } from "../support/tiny-core.ts";

let api: ApiUnderTest;
let base: string;
beforeAll(async () => {
  api = await openApiUnderTest();
  base = await api.listen();
});
afterAll(() => api[Symbol.asyncDispose]());

let night = 0;
beforeEach(() => {
  night += 1;
});

async function finished(count: number): Promise<string[]> {
  const made: string[] = [];
  for (let at = 0; at < count; at += 1) {
    const { job } = await api.parts.jobs.create(newJob({ labels: { night: String(night) } }));
    const started = await api.parts.jobs.start(job.id);
    await api.parts.jobs.finish(job.id, started?.run ?? -1, { report: newReport(job.id), missingBinaries: [] });
    made.unshift(job.id);
  }
  return made;
}

const change = (what: string, query: string, payload?: object) =>
  api.ask({ method: "POST", url: `/v1/jobs/${what}?label.night=${night}${query}`, ...(payload === undefined ? {} : { payload }) });
const listed = async () => (await api.ask({ url: `/v1/jobs?label.night=${night}` })).json().items.map(({ id }: { id: string }) => id);

test("a dry run tells what would be touched, and touches nothing", async () => {
  const made = await finished(30);
  const answer = await change("delete", "&dry_run=true");
  expect(answer.statusCode).toBe(202);
  expect(answer.headers["location"]).toBe(answer.json().links.self);
  expect(answer.headers["retry-after"]).toBeUndefined();
  expect(answer.json()).toMatchObject({
    action: "delete",
    dry_run: true,
    state: "complete",
    total: 30,
    seen: 30,
    changed: 30,
    filters: { "label.night": String(night) },
  });
  expect(answer.json().sample.map(({ job_id: id }: { job_id: string }) => id)).toEqual(made.slice(0, 20));
  expect(await listed()).toEqual(made);
});

test("many are analysed again, behind single ones; those that cannot be are told by why", async () => {
  const [first, second] = await finished(2);
  const { job: running } = await api.parts.jobs.create(newJob({ labels: { night: String(night) } }));
  await api.parts.jobs.start(running.id);
  const answer = await change("reanalyze", "&options=census");
  expect(answer.json()).toMatchObject({ changed: 2, skipped: { job_running: 1 }, options: { census: true } });
  expect((await api.ask({ url: `/v1/jobs/${first}` })).json()).toMatchObject({ status: "queued", priority: "low", options: { census: true } });
  // The rows come first, the queue is told after.
  await expect.poll(() => api.parts.queue.lacking([first ?? "", second ?? ""])).toEqual([]);
});

test("many are deleted with their bytes, and many are labelled", async () => {
  const made = await finished(3);
  expect((await change("label", "", { labels: { seen: "yes", night: null } })).json()).toMatchObject({ changed: 3, labels: { seen: "yes", night: null } });
  expect(await listed()).toEqual([]);
  const answer = await api.ask({ method: "POST", url: "/v1/jobs/delete?label.seen=yes&wait=60" });
  expect(answer.json()).toMatchObject({ state: "complete", changed: 3 });
  for (const id of made) expect((await api.ask({ url: `/v1/jobs/${id}` })).statusCode).toBe(404);
});

test.each([
  ["delete?lable.night=1", "lable.night"],
  ["reanalyze?stauts=failed", "stauts"],
  ["delete", "filter"],
  ["delete?dry_run=true", "filter"],
])("POST /v1/jobs/%s is refused by name", async (path, name) => {
  const answer = await api.ask({ method: "POST", url: `/v1/jobs/${path}` });
  expect(answer.json()).toMatchObject({ status: 422, code: "invalid_parameter", detail: expect.stringContaining(name) });
});

test("a change is polled by its id, which no other has", async () => {
  await finished(1);
  const { links } = (await change("label", "&wait=0", { labels: { x: "y" } })).json();
  expect((await api.ask({ url: `${links.self}?wait=30` })).json()).toMatchObject({ state: "complete", changed: 1, finished_at: expect.any(String) });
  expect((await api.ask({ url: "/v1/changes/none" })).json()).toMatchObject({ status: 404, code: "change_not_found" });
});

test("changes are listed by their state, page by page, and one that runs is cancelled: no further job is touched", async () => {
  const client = createClient({ url: base, retries: 0 });
  const made = await finished(60);
  const filters = { "label.night": String(night) };
  const before = await client.labelJobs(filters, { first: "yes" });
  await client.awaitChange(before);
  const id = await heldChange(api.parts.bulkChanges, "night", String(night));
  expect((await client.listChanges({ state: "running" })).items.map((each) => each.id)).toEqual([id]);
  const first = await client.listChanges({ limit: "1" });
  const second = await client.listChanges({ limit: "1", cursor: first.next_cursor ?? "" });
  expect([first, second].map(({ items }) => items.map((each) => each.id))).toEqual([[id], [before.id]]);
  const cancelled = await client.cancelChange(id);
  expect(cancelled).toMatchObject({ state: "cancelled", changed: 0, finished_at: expect.any(String) });
  expect(await client.cancelChange(id)).toEqual(cancelled);
  expect(await client.awaitChange(cancelled)).toEqual(cancelled);
  expect(await api.parts.bulkChanges.claim(30)).toBeNull();
  expect((await api.ask({ url: `/v1/jobs?label.night=${night}&limit=100` })).json().items).toHaveLength(made.length);
  expect((await client.listChanges({ state: "running" })).items).toEqual([]);
});

test("one that has ended cannot be cancelled, and what is asked wrongly is refused by name", async () => {
  await finished(1);
  const { id } = (await change("label", "", { labels: { x: "y" } })).json();
  const post = (url: string) => api.ask({ method: "POST", url });
  expect((await post(`/v1/changes/${id}/cancel`)).json()).toMatchObject({ status: 409, code: "change_ended", detail: expect.stringContaining("complete") });
  expect((await post("/v1/changes/none/cancel")).json()).toMatchObject({ status: 404, code: "change_not_found" });
  expect((await api.ask({ url: "/v1/changes?cursor=nonsense" })).json()).toMatchObject({ status: 422, code: "invalid_cursor" });
  expect((await api.ask({ url: "/v1/changes?state=asleep" })).json()).toMatchObject({ code: "invalid_parameter", detail: expect.stringContaining("state") });
});

test("the typed client edits with an ETag, changes many, and has an equal core's report at once", async () => {
  const client = createClient({ url: base, retries: 0 });
  const send = async (labels: Record<string, string>, query = "") => {
    const headers = { "content-type": "application/octet-stream" };
    const answer = await fetch(`${base}/v1/jobs?filename=core.1${query}`, { method: "POST", headers, body: new Uint8Array(tinyCore(4_096, night)) });
    const { id } = JSON.parse(await answer.text());
    return (await client.changeJob(id, { labels })).job;
  };
  const first = await send({ night: String(night) }, "&priority=high");
  expect(first).toMatchObject({ priority: "high", duplicate_of: null, core_gone: null });
  const started = await api.parts.jobs.start(first.id);
  await api.parts.jobs.finish(first.id, started?.run ?? -1, { report: newReport(first.id), missingBinaries: first.missing_binaries });
  const second = await send({ night: String(night) });
  expect(second).toMatchObject({ status: "succeeded", duplicate_of: first.id });
  expect(await client.getReport(second.id)).toMatchObject({ job_id: second.id });
  expect(await send({ night: String(night) }, "&options=fresh")).toMatchObject({ status: "queued", duplicate_of: first.id });

  const { etag } = await client.readJob(first.id);
  const edited = await client.changeJob(first.id, { labels: { host: "web1" }, priority: "low" }, etag);
  expect(edited.job).toMatchObject({ labels: { host: "web1", night: String(night) }, priority: "low" });
  const raced = await client.changeJob(first.id, { labels: { host: "web2" } }, etag).catch((error: unknown) => error);
  expect(raced).toBeInstanceOf(Refused);
  expect(raced).toMatchObject({ problem: { status: 412, code: "precondition_failed" } });
  expect((await client.changeJob(first.id, { labels: { host: null } }, edited.etag)).job.labels).toEqual({ night: String(night) });

  const filters = { "label.night": String(night) };
  expect(await client.awaitChange(await client.labelJobs(filters, { seen: "yes" }))).toMatchObject({ changed: 3 });
  expect(await client.stats({ by: "label.seen", ...filters })).toMatchObject({ total: 3, rows: [{ values: { "label.seen": "yes" } }] });
  const lines = await new Response(await client.exportJobs(filters)).text();
  expect(lines.trim().split("\n")).toHaveLength(3);
  expect(await client.awaitChange(await client.deleteJobs(filters, { dryRun: true }))).toMatchObject({ changed: 3, dry_run: true });
});
