/** Deliveries on a real Redis and a real receiver: what is in the database arrives, whatever happens on the way. */
import { execFile } from "node:child_process";
import type { ServerResponse } from "node:http";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { addressRules } from "../../services/notify/address-rules.ts";
import { pauseAfter } from "../../services/notify/retry-pause.ts";
import { type Deliveries, startDeliveries } from "../../services/notify/start-deliveries.ts";
import { type Database, openDatabase } from "../../services/storage/database.ts";
import { createDeliveryStore, type DeliveryStore } from "../../services/storage/delivery-store.ts";
import { createWebhookStore } from "../../services/storage/webhook-store.ts";
import { connect, eventually } from "../queue/parts.ts";
import { type PrivateRedis, startPrivateRedis } from "../support/private-redis.ts";
import { type Received, startReceiver } from "./receiver.ts";

let redis: PrivateRedis;
let database: Database;
let deliveries: DeliveryStore;
beforeEach(async () => {
  redis = await startPrivateRedis();
  database = await openDatabase("sqlite::memory:");
  deliveries = createDeliveryStore(database);
});
afterEach(async () => {
  await redis[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

async function open(url: string): Promise<{ readonly id: string; readonly secret: string }> {
  const { webhook, secret } = await createWebhookStore(database).create("default", { url, events: ["job.ended"] });
  return { id: webhook.id, secret };
}

interface Sender extends AsyncDisposable {
  readonly deliveries: Deliveries;
}

function start(some: { readonly attempts?: number; readonly pause?: number; readonly timeout?: number } = {}): Sender {
  const connections = connect(redis.url);
  const started = startDeliveries({
    redis: connections,
    deliveries,
    rules: addressRules(["127.0.0.1"]),
    attempts: some.attempts ?? 3,
    timeoutMilliseconds: some.timeout ?? 5_000,
    publicUrl: "https://inquest.example.com",
    version: "0.0.0",
    log: { info: () => undefined, warn: () => undefined },
    pauseAfter: () => some.pause ?? 20,
    everyMilliseconds: 50,
  });
  return {
    deliveries: started,
    [Symbol.asyncDispose]: async () => {
      await started[Symbol.asyncDispose]();
      await connections[Symbol.asyncDispose]();
    },
  };
}

const failing = (times: number) => (response: ServerResponse, before: number) => void response.writeHead(before < times ? 503 : 200).end();
const ended = (webhook: string, id: string) =>
  eventually(
    () => deliveries.get(webhook, id),
    (each) => each?.status === "delivered" || each?.status === "dead",
  );

/** What the scripts of docs/ say of a delivery: null when they take it. */
function verified(script: string, secret: string, { headers, body }: Received): Promise<string | null> {
  const path = fileURLToPath(new URL(`../../docs/scripts/${script}`, import.meta.url));
  const words = ["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) => String(headers[name]));
  const [command, before] = script.endsWith(".py") ? ["python3", [path, `whsec_${secret}`]] : ["bash", [path]];
  const environment = { PATH: process.env["PATH"] ?? "", INQUEST_WEBHOOK_SECRET: `whsec_${secret}` };
  return new Promise((resolve) => {
    const child = execFile(command, [...before, ...words], { env: environment }, (error, _stdout, stderr) => resolve(error === null ? null : stderr));
    child.stdin?.end(body);
  });
}

test("a delivery arrives signed, so that both scripts of the documentation take it, and neither takes a changed one", async () => {
  await using receiver = await startReceiver();
  const webhook = await open(receiver.url);
  await using _sender = start();
  const { id } = await deliveries.ping(webhook.id);
  expect(await ended(webhook.id, id)).toMatchObject({ status: "delivered", attempts: 1, response_status: 200 });
  const [got] = receiver.received;
  if (got === undefined) throw new Error("nothing came");
  expect(got.headers).toMatchObject({ "webhook-id": id, "content-type": "application/json", "user-agent": "Inquest/0.0.0" });
  expect(JSON.parse(got.body)).toMatchObject({ id, type: "ping" });
  for (const script of ["verify-webhook.py", "verify-webhook.sh"]) {
    expect(await verified(script, webhook.secret, got)).toBeNull();
    expect(await verified(script, webhook.secret, { ...got, body: `${got.body} ` })).toContain("another one");
    expect(await verified(script, Buffer.alloc(32).toString("base64"), got)).toContain("another one");
    const old = { ...got, headers: { ...got.headers, "webhook-timestamp": "1700000000" } };
    expect(await verified(script, webhook.secret, old)).toContain("too old");
  }
});

test("one that fails is tried again with the same id until the receiver takes it", async () => {
  await using receiver = await startReceiver(failing(2));
  const webhook = await open(receiver.url);
  await using _sender = start({ attempts: 5 });
  const { id } = await deliveries.ping(webhook.id);
  expect(await ended(webhook.id, id)).toMatchObject({
    status: "delivered",
    attempts: 3,
    log: [{ response_status: 503, error: "bad_status" }, { response_status: 503 }, { response_status: 200, error: null }],
  });
  expect(new Set(receiver.received.map(({ headers }) => headers["webhook-id"]))).toEqual(new Set([id]));
});

test("one that always fails is dead after its tries, and redelivery gives it new ones", async () => {
  await using receiver = await startReceiver(failing(3));
  const webhook = await open(receiver.url);
  await using sender = start({ attempts: 3 });
  const { id } = await deliveries.ping(webhook.id);
  expect(await ended(webhook.id, id)).toMatchObject({ status: "dead", attempts: 3, error: "bad_status" });
  await deliveries.redeliver(webhook.id, id);
  sender.deliveries.nudge();
  expect(await ended(webhook.id, id)).toMatchObject({ status: "delivered", attempts: 4 });
});

test("redelivery does not wait for a pause that was meant to be long", { timeout: 60_000 }, async () => {
  await using receiver = await startReceiver(failing(1));
  const webhook = await open(receiver.url);
  await using _sender = start({ pause: 3_600_000 });
  const { id } = await deliveries.ping(webhook.id);
  await eventually(
    () => deliveries.get(webhook.id, id),
    (each) => each?.attempts === 1,
  );
  await deliveries.redeliver(webhook.id, id);
  expect(await ended(webhook.id, id)).toMatchObject({ status: "delivered" });
});

test("what happens while Redis is gone, and what Redis forgot, arrives when it is back", { timeout: 60_000 }, async () => {
  await using receiver = await startReceiver(failing(1));
  const webhook = await open(receiver.url);
  await using _sender = start({ pause: 1_000, attempts: 9 });
  const first = await deliveries.ping(webhook.id);
  await eventually(
    () => deliveries.get(webhook.id, first.id),
    (each) => each?.attempts === 1,
  );
  await redis.stop();
  const second = await deliveries.ping(webhook.id);
  await redis.start();
  const forgetful = connect(redis.url);
  await eventually(
    () => forgetful.commands.flushall(),
    () => true,
  );
  await forgetful[Symbol.asyncDispose]();
  for (const { id } of [first, second]) expect(await ended(webhook.id, id)).toMatchObject({ status: "delivered" });
});

test("two processes deliver each once, and one receiver that hangs does not keep the others waiting", { timeout: 60_000 }, async () => {
  await using hanging = await startReceiver(() => undefined);
  await using receiver = await startReceiver();
  const [slow, quick] = [await open(hanging.url), await open(receiver.url)];
  await using _one = start({ timeout: 15_000 });
  await using _two = start({ timeout: 15_000 });
  for (let time = 0; time < 30; time += 1) await deliveries.ping(slow.id);
  const ids = [];
  for (let time = 0; time < 30; time += 1) ids.push((await deliveries.ping(quick.id)).id);
  await eventually(
    () => receiver.received.length,
    (count) => count >= 30,
  );
  for (const id of ids) await ended(quick.id, id);
  expect(receiver.received.map(({ headers }) => String(headers["webhook-id"])).toSorted()).toEqual(ids.toSorted());
  expect((await deliveries.list(slow.id, { status: "pending", limit: 50, cursor: null })).items).toHaveLength(30);
});

test("pauses double from five seconds to six hours, and are never in step", () => {
  expect([1, 2, 3, 4].map((tries) => pauseAfter(tries, 0))).toEqual([5_000, 10_000, 20_000, 40_000]);
  expect(pauseAfter(1, 1)).toBe(7_500);
  expect(pauseAfter(60, 0)).toBe(6 * 3_600_000);
});
