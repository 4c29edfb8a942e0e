import { afterAll, beforeAll, expect, test } from "vitest";
import { startHeartbeat } from "../../../services/queue/worker-presence.ts";
import { connectRedis } from "../../../services/queue/connection.ts";
import { newJob } from "../../storage/sample.ts";
import { type ApiUnderTest, openApiUnderTest } from "../support/api-under-test.ts";

let api: ApiUnderTest;
beforeAll(async () => {
  api = await openApiUnderTest();
});
afterAll(() => api[Symbol.asyncDispose]());

test("is healthy as long as it answers", async () => {
  expect((await api.ask({ url: "/healthz" })).json()).toMatchObject({ status: "ok" });
});

test("is not ready without a worker, and says that it is the worker", async () => {
  const answer = await api.ask({ url: "/readyz" });
  expect(answer.statusCode).toBe(503);
  expect(answer.headers["retry-after"]).toBeDefined();
  expect(answer.json()).toMatchObject({
    code: "not_ready",
    checks: { database: { state: "ok" }, blob_store: { state: "ok" }, queue: { state: "ok" }, workers: { state: "failing" } },
  });
});

test("is ready once a worker is heard of", async () => {
  await using connections = connectRedis(api.redis.url, api.parts.logger);
  await using heartbeat = startHeartbeat(connections, { id: "w1", pid: 1, started_at: new Date().toISOString(), concurrency: 1, capabilities: {} });
  await expect.poll(async () => (await api.ask({ url: "/readyz" })).statusCode, { timeout: 10_000 }).toBe(200);
  void heartbeat;
});

test("tells every limit in force", async () => {
  expect((await api.ask({ url: "/v1/limits" })).json()).toEqual(api.parts.limits);
});

test("the metrics tell jobs by status, the queue, the workers, requests and memory", async () => {
  await api.parts.jobs.create(newJob());
  await api.ask({ url: "/healthz" });
  const { body, headers } = await api.ask({ url: "/metrics" });
  expect(headers["content-type"]).toContain("text/plain");
  for (const line of [
    /^inquest_jobs\{status="queued"\} 1$/m,
    /^inquest_queue_jobs\{state="waiting"\} 0$/m,
    /^inquest_workers 0$/m,
    /^process_resident_memory_bytes \d+$/m,
  ])
    expect(body).toMatch(line);
  expect(body).toMatch(/inquest_http_request_duration_seconds_count\{route="\/healthz",method="GET",status="200"\} \d+/);
});

test("the front page is text for curl and a page for a browser", async () => {
  const text = await api.ask({ url: "/", headers: { accept: "*/*", host: "127.0.0.1:8080" } });
  expect(text.headers["content-type"]).toContain("text/plain");
  expect(text.body).toContain("http://127.0.0.1:8080/v1/jobs");
  const page = await api.ask({ url: "/", headers: { accept: "text/html,application/xhtml+xml,*/*;q=0.8" } });
  expect(page.headers["content-type"]).toContain("text/html");
  expect(page.body).toContain("<!doctype html>");
});

test("every problem code is explained where its type leads", async () => {
  const { items } = (await api.ask({ url: "/problems" })).json();
  expect(items.length).toBeGreaterThan(40);
  for (const { type, code } of items) expect((await api.ask({ url: type })).json()).toMatchObject({ code, type });
  expect((await api.ask({ url: "/problems/nonsense" })).statusCode).toBe(404);
});
