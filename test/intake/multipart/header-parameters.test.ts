import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cleanFileName, fileNameOf, parseHeaderParameters } from "../../../services/intake/multipart/header-parameters.ts";

const filename = (text: string) => cleanFileName(fileNameOf(parseHeaderParameters(`form-data; name="core"; ${text}`)?.parameters ?? new Map()) ?? null);

describe("a file name", () => {
  test.each([
    ['filename="core.1"', "core.1"],
    ["filename=core.1", "core.1"],
    ['filename="/var/crash/core.1"', "core.1"],
    ['filename="C:\\dumps\\core.1"', "core.1"],
    ['filename="a\\"b"', 'a"b'],
    ['filename="a%22b"', 'a"b'],
    ['filename="naïve.core"', "naïve.core"],
    ["filename*=UTF-8''na%C3%AFve.core", "naïve.core"],
    ["filename=\"plain\"; filename*=utf-8'en'better", "better"],
    ['filename="../../etc/passwd"', "passwd"],
    ['filename=".."', null],
    ['filename=""', null],
    ['filename="a\u202egnp.core"', "agnp.core"],
    [`filename="${"x".repeat(300)}"`, "x".repeat(255)],
  ])("%s", (text, expected) => expect(filename(text)).toBe(expected));

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

test("what is no list of parameters is none", () => {
  expect(parseHeaderParameters("form-data; name")).toBeNull();
  expect(parseHeaderParameters('form-data; name="open')).toBeNull();
  expect(parseHeaderParameters("form-data; ")).toEqual({ value: "form-data", parameters: new Map() });
});

test("any text is read without an error", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), (text) => {
      expect(() => parseHeaderParameters(`a;${text}`)).not.toThrow();
    }),
  );
});
