import { expect, test } from "vitest";
import { Failure } from "../../services/contract/failure.ts";
import { postgresFailure } from "../../services/storage/database-failure.ts";

const failed = (code: string) => postgresFailure(Object.assign(new Error("of the server"), { code }));

test.each(["40001", "40P01"])("a transaction that met another (%s) may be sent again", (code) => {
  const failure = failed(code);
  expect(failure).toBeInstanceOf(Failure);
  expect(failure).toMatchObject({ code: "database_unavailable", retry: true, retryAfter: 1 });
});

test.each(["23505", "42P01", "40003"])("a defect of a query (%s) stays what it is", (code) => {
  expect(failed(code)).not.toBeInstanceOf(Failure);
});
