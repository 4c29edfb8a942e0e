import { expect, test } from "vitest";
import { requestIdOf } from "../../../services/api/http/request-id.ts";

test("keeps a well-formed id of the caller", () => {
  expect(requestIdOf({ headers: { "x-request-id": "trace-0123.abc_9" } })).toBe("trace-0123.abc_9");
});

test.each([["short"], ["a".repeat(65)], ['quote"and-more'], ["line\nbreak-in-it"], [""], [undefined]])("makes a new id instead of %j", (given) => {
  const id = requestIdOf({ headers: { "x-request-id": given } });
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
