import { join, resolve } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sysrootPath } from "../../../services/intake/needs/sysroot-path.ts";

describe("a path of the crashed machine in the sysroot", () => {
  test.each([
    ["/usr/lib/libc.so.6", "usr/lib/libc.so.6"],
    ["/../../etc/passwd", "etc/passwd"],
    ["/usr/lib/../../../../etc/passwd", "etc/passwd"],
    ["../x", "x"],
    ["./libfoo.so", "libfoo.so"],
    ["//usr//lib/.//a", "usr/lib/a"],
    ["/usr/lib/", "usr/lib"],
  ])("puts %s at %s", (path, place) => {
    expect(sysrootPath(path)).toBe(place);
  });

  test.each([
    ["nothing", ""],
    ["the root", "/"],
    ["the way up alone", "/../.."],
    ["a NUL", "/a\0b"],
    ["a name longer than a file system takes", `/${"a".repeat(256)}`],
    ["a path longer than the kernel takes", "/ab".repeat(2_000)],
  ])("has no place for %s", (_what, path) => {
    expect(sysrootPath(path)).toBeNull();
  });

  test("never leaves the sysroot, whatever the core says", () => {
    const part = fc.oneof(fc.constantFrom("..", ".", "", "usr", "\\..", "..."), fc.string({ unit: "binary", maxLength: 8 }));
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), fc.boolean(), (parts, absolute) => {
        const place = sysrootPath((absolute ? "/" : "") + parts.join("/"));
        if (place === null) return;
        const root = "/srv/job/sysroot";
        expect(resolve(root, place)).toBe(join(root, place));
        expect(resolve(root, place).startsWith(`${root}/`)).toBe(true);
        expect(place.split("/")).not.toContain("..");
      }),
      { numRuns: 2_000 },
    );
  });
});
