import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { authenticateByToken } from "../../../services/api/auth/authenticate.ts";
import { addressRules } from "../../../services/notify/address-rules.ts";
import { type ApiUnderTest, openApiUnderTest } from "../support/api-under-test.ts";

let api: ApiUnderTest;
let nudges = 0;
const sha256 = (token: string) => createHash("sha256").update(token).digest("hex");
beforeAll(async () => {
  const authenticate = authenticateByToken([
    { sha256: sha256("boss"), project: "shop", scopes: ["admin"] },
    { sha256: sha256("worker"), project: "shop", scopes: ["submit", "read"] },
    { sha256: sha256("stranger"), project: "other", scopes: ["admin"] },
  ]);
  api = await openApiUnderTest({ parts: { authenticate, addresses: addressRules(["hooks.internal"]), sendDue: () => void (nudges += 1) } });
});
afterAll(() => api[Symbol.asyncDispose]());

const ask = (method: "GET" | "POST" | "PATCH" | "DELETE", url: string, payload?: object, token = "boss") =>
  api.ask({ method, url, headers: { authorization: `Bearer ${token}` }, ...(payload === undefined ? {} : { payload }) });
const hook = { url: "https://hooks.example.com/inquest", events: ["group.new"] };
const made = async () => (await ask("POST", "/v1/webhooks", hook)).json();

test("a webhook is made with a secret that is told once", async () => {
  const answer = await ask("POST", "/v1/webhooks", { ...hook, description: "to the pager" });
  expect(answer.statusCode).toBe(201);
  const webhook = answer.json();
  expect(answer.headers["location"]).toBe(`/v1/webhooks/${webhook.id}`);
  expect(webhook).toMatchObject({ ...hook, active: true, growing: { factor: 3, at_least: 10 }, secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/) });
  const { secret, ...rest } = webhook;
  expect((await ask("GET", `/v1/webhooks/${webhook.id}`)).json()).toEqual(rest);
  expect((await ask("GET", "/v1/webhooks")).body).not.toContain(secret);
  const renewed = (await ask("POST", `/v1/webhooks/${webhook.id}/secret`)).json();
  expect(renewed).toMatchObject({ id: webhook.id, secret: expect.stringMatching(/^whsec_/) });
  expect(renewed.secret).not.toBe(secret);
});

test("is changed and deleted", async () => {
  const { id } = await made();
  const changed = await ask("PATCH", `/v1/webhooks/${id}`, { active: false, events: ["job.ended"], growing: { factor: 2, at_least: 5 } });
  expect(changed.json()).toMatchObject({ active: false, events: ["job.ended"], growing: { factor: 2, at_least: 5 }, url: hook.url });
  expect((await ask("DELETE", `/v1/webhooks/${id}`)).statusCode).toBe(204);
  for (const [method, path] of [
    ["GET", ""],
    ["PATCH", ""],
    ["DELETE", ""],
    ["POST", "/ping"],
    ["POST", "/secret"],
    ["GET", "/deliveries"],
  ] as const) {
    const answer = await ask(method, `/v1/webhooks/${id}${path}`, method === "PATCH" ? { active: true } : undefined);
    expect([answer.statusCode, answer.json().code]).toEqual([404, "webhook_not_found"]);
  }
});

test.each([
  [{ ...hook, url: "https://169.254.169.254/latest" }, "webhook_url_refused"],
  [{ ...hook, url: "http://hooks.example.com/" }, "webhook_url_refused"],
  [{ ...hook, url: "gopher://hooks.example.com/" }, "invalid_body"],
  [{ ...hook, events: ["job.started"] }, "invalid_body"],
  [{ ...hook, events: [] }, "invalid_body"],
  [{ ...hook, secret: "mine" }, "invalid_body"],
])("%j is refused: %s", async (payload, code) => {
  const answer = await ask("POST", "/v1/webhooks", payload);
  expect([answer.statusCode, answer.json().code]).toEqual([422, code]);
});

test("cannot be changed to a private address, and may have one that the operator named", async () => {
  const { id } = await made();
  expect((await ask("PATCH", `/v1/webhooks/${id}`, { url: "https://[::1]/" })).json()).toMatchObject({
    code: "webhook_url_refused",
    hint: expect.stringContaining("INQUEST_WEBHOOK_ALLOW"),
  });
  expect((await ask("PATCH", `/v1/webhooks/${id}`, { url: "http://hooks.internal:9000/" })).statusCode).toBe(200);
});

test("needs the scope admin, and is another project's nothing", async () => {
  const { id } = await made();
  const { id: delivery } = (await ask("POST", `/v1/webhooks/${id}/ping`)).json();
  for (const path of ["", `/${id}`, `/${id}/deliveries`, `/${id}/deliveries/${delivery}`]) {
    expect((await ask("GET", `/v1/webhooks${path}`, undefined, "worker")).statusCode).toBe(403);
    expect((await ask("GET", `/v1/webhooks${path}`, undefined, "stranger")).statusCode).toBe(path === "" ? 200 : 404);
  }
  expect((await ask("GET", "/v1/webhooks", undefined, "stranger")).json()).toEqual({ items: [] });
  expect((await ask("POST", `/v1/webhooks/${id}/deliveries/${delivery}/redeliver`, undefined, "stranger")).statusCode).toBe(404);
});

test("a ping is a delivery, which the log tells and which can be sent again", async () => {
  const { id } = await made();
  const before = nudges;
  const answer = await ask("POST", `/v1/webhooks/${id}/ping`);
  expect(answer.statusCode).toBe(202);
  const delivery = answer.json();
  expect(delivery).toMatchObject({ event: "ping", status: "pending", attempts: 0, response_status: null });
  expect((await ask("GET", String(answer.headers["location"]))).json()).toMatchObject({ log: [], payload: { id: delivery.id, type: "ping", job: null } });
  await api.parts.deliveries.record(delivery.id, { at: new Date().toISOString(), duration_ms: 5, response_status: 500, error: "bad_status" }, { kind: "dead" });
  const again = await ask("POST", `/v1/webhooks/${id}/deliveries/${delivery.id}/redeliver`);
  expect([again.statusCode, again.json().status]).toEqual([202, "pending"]);
  expect(nudges).toBe(before + 2);
  expect((await ask("POST", `/v1/webhooks/${id}/deliveries/none/redeliver`)).json()).toMatchObject({ code: "delivery_not_found" });
  await ask("POST", `/v1/webhooks/${id}/ping`);
  const page = await ask("GET", `/v1/webhooks/${id}/deliveries?limit=1`);
  expect(page.headers["link"]).toContain('rel="next"');
  expect((await ask("GET", `/v1/webhooks/${id}/deliveries?cursor=${page.json().next_cursor}`)).json().items).toMatchObject([{ id: delivery.id }]);
  expect((await ask("GET", `/v1/webhooks/${id}/deliveries?status=dead`)).json().items).toEqual([]);
});
