import { describe, expect, test } from "vitest";
import { Failure } from "../../services/contract/failure.ts";
import { isMissing, storageFailure } from "../../services/storage/storage-failure.ts";

const errorOf = (code: string) => Object.assign(new Error(`${code}: no, '/secret/place'`), { code });

describe("an error of the file system", () => {
  test.each(["ENOSPC", "EDQUOT"])("%s is store_full", (code) => expect(storageFailure(errorOf(code))).toMatchObject({ code: "store_full", status: 507 }));

  test.each(["EROFS", "EACCES", "EPERM", "EIO", "EMFILE", "ENOENT"])("%s is store_unavailable, to be tried again", (code) =>
    expect(storageFailure(errorOf(code))).toMatchObject({ code: "store_unavailable", status: 503, retryAfter: 30 }),
  );

  test("never shows its path to the user, and keeps its cause for the log", () => {
    const cause = errorOf("EROFS");
    const failure = storageFailure(cause);
    expect(failure.message).not.toContain("/secret");
    expect(failure.cause).toBe(cause);
  });

  test("of an unknown kind, and a failure, are passed on as they are", () => {
    const failure = new Failure("upload_aborted", "gone");
    const strange = errorOf("EXDEV");
    expect([storageFailure(failure), storageFailure(strange)]).toEqual([failure, strange]);
    expect(storageFailure("text")).toBeInstanceOf(Error);
  });

  test("tells what is missing: nothing there, or a link in its place", () => {
    expect(["ENOENT", "ELOOP", "EACCES"].map((code) => isMissing(errorOf(code)))).toEqual([true, true, false]);
  });
});
