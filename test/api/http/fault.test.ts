import { expect, test } from "vitest";
import { asFailure } from "../../../services/api/http/fault.ts";
import { Failure } from "../../../services/contract/failure.ts";

test("passes a failure unchanged", () => {
  const failure = new Failure("core_empty", "The part `core` has no bytes.");
  expect(asFailure(failure)).toBe(failure);
});

test("tells nothing of an unexpected error to the client, and keeps it as the cause", () => {
  const error = new Error("SELECT secret FROM /srv/place");
  const failure = asFailure(error);
  expect(failure.code).toBe("internal_error");
  expect(failure.message).not.toMatch(/secret|srv/);
  expect(failure.cause).toBe(error);
});

test("takes thrown things that are no errors", () => {
  expect(asFailure("boom").code).toBe("internal_error");
  expect(asFailure(undefined).code).toBe("internal_error");
});

test("knows a connection that broke", () => {
  expect(asFailure(Object.assign(new Error("aborted"), { code: "ECONNRESET" })).code).toBe("upload_aborted");
});

test("cuts a long value short", () => {
  const validation = [{ keyword: "maximum", instancePath: "/limit", message: "must be <= 200", params: {}, data: "9".repeat(5_000) }];
  const failure = asFailure(Object.assign(new Error("x"), { validation, validationContext: "querystring" }));
  expect(failure.code).toBe("invalid_parameter");
  expect(failure.message).toContain("query parameter limit=");
  expect(failure.message.length).toBeLessThan(200);
});
