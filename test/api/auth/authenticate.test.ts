import { hash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { expect, test } from "vitest";
import { authenticateByToken, authenticateLocal, isLoopback } from "../../../services/api/auth/authenticate.ts";
import { may } from "../../../services/api/auth/caller.ts";

const byToken = authenticateByToken([
  { sha256: hash("sha256", "reader-token"), project: "web", scopes: ["read"] },
  { sha256: hash("sha256", "admin-token"), project: "ops", scopes: ["admin"] },
]);
const withHeader = (authorization?: string) => byToken({ method: "GET", headers: authorization === undefined ? {} : { authorization } });

test("a token gives its project and its scopes", () => {
  const caller = withHeader("Bearer reader-token");
  expect(caller.project).toBe("web");
  expect(may(caller, "read")).toBe(true);
  expect(may(caller, "submit")).toBe(false);
});

test("the scheme's case does not matter", () => {
  expect(withHeader("bearer reader-token").project).toBe("web");
});

test("admin may do what the other scopes may", () => {
  const caller = withHeader("Bearer admin-token");
  expect(may(caller, "read") && may(caller, "submit") && may(caller, "admin")).toBe(true);
});

test.each([
  [undefined],
  [""],
  ["Bearer"],
  ["Bearer "],
  ["Basic cmVhZGVyOng="],
  ["Bearer unknown"],
  ["Bearer reader-token extra"],
  [`Bearer ${"x".repeat(2_000)}`],
])("Authorization: %s is unauthorized, and the answer does not repeat it", (header) => {
  expect(() => withHeader(header)).toThrow(
    expect.objectContaining({ code: "unauthorized", message: expect.not.stringMatching(/unknown\b.*unknown|extra|xxx/) }),
  );
});

const local = (method: string, headers: IncomingHttpHeaders) => authenticateLocal({ method, headers });

test.each([["127.0.0.1:8080"], ["localhost:8080"], ["[::1]:8080"], ["127.8.9.1"]])("without tokens, Host: %s is served with every scope", (host) => {
  const caller = local("POST", { host });
  expect(caller.project).toBe("default");
  expect(may(caller, "admin")).toBe(true);
});

test.each([["evil.example"], ["127.0.0.1.evil.example:8080"], ["10.0.0.1:8080"]])(
  "without tokens, Host: %s is refused, so DNS rebinding reads nothing",
  (host) => {
    expect(() => local("GET", { host })).toThrow(expect.objectContaining({ code: "forbidden" }));
  },
);

test.each([[{ origin: "https://evil.example" }], [{ origin: "null" }], [{ "sec-fetch-site": "cross-site" }]])(
  "without tokens, a page of another site changes nothing: %j",
  (headers) => {
    expect(() => local("POST", { host: "127.0.0.1:8080", ...headers })).toThrow(expect.objectContaining({ code: "forbidden" }));
  },
);

test("without tokens, our own pages may submit", () => {
  expect(local("POST", { host: "127.0.0.1:8080", origin: "http://127.0.0.1:8080", "sec-fetch-site": "same-origin" }).project).toBe("default");
});

test.each([
  ["127.0.0.1", true],
  ["::1", true],
  ["localhost", true],
  ["0.0.0.0", false],
  ["::", false],
  ["192.168.1.2", false],
  ["127.evil.example", false],
])("%s is loopback: %s", (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});
