import { expect, test } from "vitest";
import { addressRules } from "../../services/notify/address-rules.ts";
import { type Lookup, send, type Sending } from "../../services/notify/send.ts";
import { startReceiver } from "./receiver.ts";

const loopback = addressRules(["127.0.0.1"]);
const sending = (url: string, some: Partial<Sending> = {}): Sending => ({ url, headers: {}, body: "{}", timeoutMilliseconds: 5_000, rules: loopback, ...some });

/** Names that lead to these addresses, one list for each time that is asked. */
function names(...answers: readonly (readonly string[])[]) {
  let asked = 0;
  const lookup: Lookup = (_name, _options, callback) => {
    const addresses = answers[Math.min(asked, answers.length - 1)] ?? [];
    asked += 1;
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
    );
  };
  return { lookup, asked: () => asked };
}

test("a receiver's 2xx is a success, and its body is dropped", async () => {
  await using receiver = await startReceiver((response) => void response.writeHead(204).end());
  expect(await send(sending(receiver.url, { body: '{"a":"ü"}', headers: { "x-test": "1" } }))).toEqual({ responseStatus: 204, error: null });
  expect(receiver.received).toMatchObject([{ body: '{"a":"ü"}', headers: { "x-test": "1", "content-length": "10" } }]);
});

test("a redirect is not followed", async () => {
  await using target = await startReceiver();
  await using receiver = await startReceiver((response) => void response.writeHead(307, { location: target.url }).end());
  expect(await send(sending(receiver.url))).toEqual({ responseStatus: 307, error: "redirected" });
  expect(target.received).toEqual([]);
});

test("a receiver that never answers, answers for ever or drops the connection is left", async () => {
  await using mute = await startReceiver(() => undefined);
  expect(await send(sending(mute.url, { timeoutMilliseconds: 200 }))).toEqual({ responseStatus: null, error: "timeout" });
  await using endless = await startReceiver((response) => {
    response.writeHead(200);
    const more = () => void (response.destroyed || response.write("x".repeat(65_536), () => setImmediate(more)));
    more();
  });
  expect(await send(sending(endless.url))).toEqual({ responseStatus: 200, error: null });
  await using rude = await startReceiver((response) => void response.destroy());
  expect(await send(sending(rude.url))).toEqual({ responseStatus: null, error: "connection_failed" });
});

test("an address that may not be reached is not connected to, by whatever name", async () => {
  await using receiver = await startReceiver();
  const closed = addressRules([]);
  const refused = { responseStatus: null, error: "refused_address" };
  expect(await send(sending(receiver.url, { rules: closed }))).toEqual(refused);
  const named = `https://hooks.example.com:${receiver.port}/`;
  for (const addresses of [["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::ffff:7f00:1"], []]) {
    expect(await send(sending(named, { rules: closed, lookup: names(addresses).lookup }))).toEqual(refused);
  }
  expect(receiver.received).toEqual([]);
});

test("a name is looked up once for each request: one that changes its mind gains nothing", async () => {
  await using receiver = await startReceiver();
  const rules = addressRules(["hooks.internal"]);
  const changing = names(["127.0.0.1"], ["203.0.113.1"]);
  const url = `http://hooks.internal:${receiver.port}/`;
  expect(await send(sending(url, { rules, lookup: changing.lookup }))).toEqual({ responseStatus: 200, error: null });
  expect(changing.asked()).toBe(1);
  // The name itself is not listed here: a public answer at first, a private one at the next attempt.
  const rebinding = names(["127.0.0.1"]);
  expect(await send(sending(`https://rebind.example.com:${receiver.port}/`, { lookup: rebinding.lookup, rules: addressRules([]) }))).toMatchObject({
    error: "refused_address",
  });
  expect(receiver.received).toHaveLength(1);
});

test("plain http goes only to hosts that are named", async () => {
  const { lookup, asked } = names(["93.184.216.34"]);
  expect(await send(sending("http://hooks.example.com/", { rules: addressRules([]), lookup }))).toEqual({ responseStatus: null, error: "refused_address" });
  expect(asked()).toBe(0);
});

test("a server that speaks no TLS, and a name that is not known, are told apart", async () => {
  await using receiver = await startReceiver();
  expect(await send(sending(receiver.url.replace("http:", "https:")))).toMatchObject({
    responseStatus: null,
    error: expect.stringMatching(/tls_failed|connection_failed/),
  });
  expect(await send(sending("https://nothing.invalid/"))).toMatchObject({ responseStatus: null, error: expect.stringMatching(/name_not_found|timeout/) });
});
