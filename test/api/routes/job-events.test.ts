import { afterAll, beforeAll, expect, test } from "vitest";
import { newJob, newReport } from "../../storage/sample.ts";
import { type ApiUnderTest, openApiUnderTest } from "../support/api-under-test.ts";

let api: ApiUnderTest;
let url = "";
beforeAll(async () => {
  api = await openApiUnderTest();
  url = await api.listen();
});
afterAll(() => api[Symbol.asyncDispose]());

async function queued(): Promise<string> {
  return (await api.parts.jobs.create(newJob())).job.id;
}

async function finish(id: string): Promise<void> {
  const { jobs, changes } = api.parts;
  const run = (await jobs.start(id))?.run ?? 0;
  await changes.announce(id);
  await jobs.setProgress(id, run, "debug", 40);
  await changes.announce(id);
  await jobs.finish(id, run, { report: newReport(id), missingBinaries: [] });
  await changes.announce(id);
}

const eventsOf = (text: string) =>
  [...text.matchAll(/id: (\d+)\nevent: (\w+)\ndata: (.+)\n\n/g)].map(([, id, event, data]) => ({ id: Number(id), event, ...JSON.parse(data ?? "{}") }));

test("tells what happens as it happens, and ends after the last event", async () => {
  const id = await queued();
  const response = await fetch(`${url}/v1/jobs/${id}/events`);
  expect(response.headers.get("content-type")).toContain("text/event-stream");
  const text = response.text();
  await finish(id);
  const events = eventsOf(await text);
  expect(events.map((event) => event.id)).toEqual(events.map((_, index) => index + 1));
  expect(events[0]).toMatchObject({ event: "status", status: "queued" });
  expect(events).toContainEqual(expect.objectContaining({ event: "progress", stage: "debug", percent: 40 }));
  expect(events.at(-1)).toMatchObject({ event: "status", status: "succeeded" });
});

test("goes on after Last-Event-ID, and answers 204 when all was seen", async () => {
  const id = await queued();
  await finish(id);
  const all = eventsOf((await api.ask({ url: `/v1/jobs/${id}/events` })).body);
  const rest = await api.ask({ url: `/v1/jobs/${id}/events`, headers: { "last-event-id": "2" } });
  expect(eventsOf(rest.body)).toEqual(all.slice(2));
  const none = await api.ask({ url: `/v1/jobs/${id}/events`, headers: { "last-event-id": String(all.length) } });
  expect(none.statusCode).toBe(204);
});

test("a Last-Event-ID that is no number is 422", async () => {
  const answer = await api.ask({ url: `/v1/jobs/${await queued()}/events`, headers: { "last-event-id": "first" } });
  expect(answer.statusCode).toBe(422);
  expect(answer.json().detail).toContain("last-event-id");
});

test("ends when the job is deleted", async () => {
  const id = await queued();
  const response = await fetch(`${url}/v1/jobs/${id}/events`);
  expect((await fetch(`${url}/v1/jobs/${id}`, { method: "DELETE" })).status).toBe(204);
  expect(eventsOf(await response.text())).toMatchObject([{ status: "queued" }]);
});

test("the server's end ends streams and waits at once", async () => {
  await using closing = await openApiUnderTest();
  const base = await closing.listen();
  const { job } = await closing.parts.jobs.create(newJob());
  const stream = await fetch(`${base}/v1/jobs/${job.id}/events`);
  const reading = stream.text();
  const waiting = fetch(`${base}/v1/jobs/${job.id}?wait=60`);
  await expect.poll(() => new Promise((resolve) => closing.app.server.getConnections((_error, count) => resolve(count)))).toBe(2);
  await closing.app.close();
  expect(eventsOf(await reading)).toHaveLength(1);
  expect((await waiting).status).toBe(200);
});
