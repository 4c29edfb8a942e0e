import { expect, test } from "vitest";
import { missingBinaries } from "../../../services/api/submit/missing-binaries.ts";
import type { CoreModule } from "../../../services/intake/core/core-facts.ts";

const module = (path: string, buildId: string | null, kind: CoreModule["kind"] = "library"): CoreModule => ({
  path,
  deleted: false,
  buildId,
  start: "0x1000",
  end: "0x2000",
  mappings: [],
  kind,
});

const modules = [
  module("/lib/libc.so.6", "aa11"),
  module("/usr/lib/libpython3.11.so.1.0", "bb22"),
  module("/usr/bin/python3.11", "cc33", "executable"),
  module("linux-vdso.so.1", "dd44", "vdso"),
  module("/opt/_ext.so", null),
];

test("lists what neither came nor is stored, interpreters first, never the kernel's own", () => {
  const missing = missingBinaries({ modules }, new Set(), new Set());
  expect(missing.map(({ path, needed_for }) => [path, needed_for])).toEqual([
    ["/usr/lib/libpython3.11.so.1.0", "interpreter"],
    ["/usr/bin/python3.11", "interpreter"],
    ["/lib/libc.so.6", "unwinding"],
    ["/opt/_ext.so", "unwinding"],
  ]);
});

test("goes by build-id, and by file name only for modules that tell none", () => {
  const missing = missingBinaries({ modules }, new Set(["bb22", "cc33"]), new Set(["_ext.so", "libc.so.6"]));
  expect(missing).toEqual([{ build_id: "aa11", path: "/lib/libc.so.6", needed_for: "unwinding" }]);
});

test("stays bounded whatever the core names", () => {
  const many = Array.from({ length: 20_000 }, (_, index) => module(`/lib/${index}.so`, null));
  expect(missingBinaries({ modules: many }, new Set(), new Set()).length).toBeLessThanOrEqual(500);
});
