import * as fc from "fast-check";
import { expect, test } from "vitest";
import { quoteCString, readCString } from "../../../workers/gdb/c-string.ts";
import { fileWarnings } from "../../../workers/gdb/commands.ts";

const read = (quoted: string) =>
  readCString(Buffer.from(quoted), 1, () => {
    throw new Error("does not end");
  });

test("what is quoted is one string and reads back as it was", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      fc.pre(!/[\n\r\0]/.test(text));
      const quoted = quoteCString(text);
      expect(quoted).toMatch(/^"/);
      expect(read(quoted)).toEqual({ text, end: Buffer.byteLength(quoted) });
    }),
  );
});

test.each(["a\nshell id", "a\rb", "a\0b"])("refuses to quote %j", (text) => {
  expect(() => quoteCString(text)).toThrow(expect.objectContaining({ code: "debugger_command" }));
});

test("tells a truncated core and a mismatched file by code, drops what the report says elsewhere", () => {
  const log = [
    "warning: /job/core: core file is truncated: expected at least 20 bytes\n",
    "warning: core file may not match specified executable file.\n",
    "warning: the build-id of x does not match\n",
    "warning: Can't open file /tmp/x during file-backed mapping note processing\n",
    'warning: Could not load shared library symbols for 3 libraries, e.g. /lib/x.so.\nUse the "info sharedlibrary" command\n',
    "warning: something new about /job/sysroot/usr/bin/python3\n",
  ];
  expect(fileWarnings({ log })).toEqual([
    { code: "core_truncated", detail: "/job/core: core file is truncated: expected at least 20 bytes" },
    { code: "binary_mismatch", detail: "the build-id of x does not match" },
    { code: "gdb_warning", detail: "something new about /usr/bin/python3" },
  ]);
});

test("tells a flood of warnings in a bounded number", () => {
  const log = Array.from({ length: 5_000 }, (_, index) => `warning: number ${index}\n`);
  expect(fileWarnings({ log }).length).toBeLessThanOrEqual(20);
});
