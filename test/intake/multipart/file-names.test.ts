import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cleanFileName, cleanPath } from "../../../services/intake/multipart/file-names.ts";

describe("a file name", () => {
  test.each([
    ["core.1", "core.1"],
    ["/var/crash/core.1", "core.1"],
    ["C:\\dumps\\core.1", "core.1"],
    ["a%22b", 'a"b'],
    ["naïve.core", "naïve.core"],
    ["../../etc/passwd", "passwd"],
    ["..", null],
    ["", null],
    ["a\u202egnp.core", "agnp.core"],
    ["x".repeat(300), "x".repeat(255)],
  ])("%j", (text, expected) => expect(cleanFileName(text)).toBe(expected));

  test("of whatever a client sends has no folder and no control character", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
        const clean = cleanFileName(text) ?? "x";
        expect(clean).toMatch(/^[^/\\\p{Cc}]{1,510}$/u);
        expect([".", ".."]).not.toContain(clean);
      }),
    );
  });
});

test.each([
  ["/usr/bin/python3", "/usr/bin/python3"],
  ["python3", null],
  ["C:\\python3", null],
  ["/a\nb", null],
  [`/${"x".repeat(5000)}`, null],
])("the path of %j", (text, expected) => expect(cleanPath(text)).toBe(expected));
