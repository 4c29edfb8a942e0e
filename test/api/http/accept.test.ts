import { expect, test } from "vitest";
import { negotiate } from "../../../services/api/http/accept.ts";

const offered = ["application/json", "text/plain"] as const;

test.each([
  [undefined, "application/json"],
  ["", "application/json"],
  ["*/*", "application/json"],
  ["text/plain", "text/plain"],
  ["text/*", "text/plain"],
  ["TEXT/PLAIN; charset=utf-8", "text/plain"],
  ["text/html, text/plain;q=0.9, */*;q=0.1", "text/plain"],
  ["application/json;q=0.2, text/plain;q=0.8", "text/plain"],
  ["text/plain, */*", "text/plain"],
  ["application/json;q=0, */*", "text/plain"],
  ["image/png", null],
  ["application/json;q=0, text/plain;q=0", null],
  ["text/plain;q=nonsense", null],
])("Accept: %s gets %s", (header, type) => {
  expect(negotiate(header, offered)).toBe(type);
});
