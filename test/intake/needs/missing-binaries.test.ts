import { describe, expect, test } from "vitest";
import { chooseBinaries } from "../../../services/intake/needs/choose-binaries.ts";
import { interpreterPaths, missingBinaries } from "../../../services/intake/needs/missing-binaries.ts";
import { coreFacts, coreModule, storedBinary } from "../../workers/pipeline/sample-facts.ts";

const executable = (path: string) => coreModule(path, "aaaa", { kind: "executable" });
const libc = coreModule("/usr/lib/libc.so.6", "bbbb");

function missing(modules: readonly ReturnType<typeof coreModule>[], uploads: readonly ReturnType<typeof storedBinary>[] = []) {
  const facts = coreFacts({ modules, executable: modules.find((each) => each.kind === "executable")?.path ?? null });
  return missingBinaries(facts, chooseBinaries(facts, uploads, []).choices, []).map(({ path, needed_for }) => `${needed_for} ${path}`);
}

describe("what is missing", () => {
  test("names the interpreter first, then what unwinding needs, then symbols", () => {
    const stripped = storedBinary("libc.so.6", "bbbb", { has_symbols: false });
    const modules = [libc, coreModule("/opt/ext.so", "cccc"), executable("/usr/bin/python3.11")];
    expect(missing(modules, [stripped])).toEqual(["interpreter /usr/bin/python3.11", "unwinding /opt/ext.so", "symbols /usr/lib/libc.so.6"]);
  });

  test("takes libpython for the interpreter of a program that embeds it", () => {
    const modules = [executable("/opt/service"), coreModule("/usr/lib/libpython3.12.so.1.0", "dddd")];
    expect(missing(modules)).toEqual(["interpreter /usr/lib/libpython3.12.so.1.0", "unwinding /opt/service"]);
  });

  test("takes the executable for the interpreter when nothing is named like one", () => {
    expect(missing([executable("/opt/service"), libc])).toEqual(["interpreter /opt/service", "unwinding /usr/lib/libc.so.6"]);
  });

  test("is empty when everything is there with symbols", () => {
    expect(missing([libc], [storedBinary("libc.so.6", "bbbb")])).toEqual([]);
  });

  test("does not miss symbols that a separate debug file brings", () => {
    const uploads = [storedBinary("libc.so.6", "bbbb", { has_symbols: false }), storedBinary("libc.debug", "bbbb", { kind: "debug" })];
    expect(missing([libc], uploads)).toEqual([]);
  });

  test.each(["python", "python3", "python3.13", "python2.7", "libpython3.11.so.1.0", "libpython3.13t.so.1.0", "python3.12d"])(
    "knows %s for an interpreter",
    (name) => {
      const facts = coreFacts({ modules: [coreModule(`/x/${name}`, "aaaa")], executable: null });
      expect([...interpreterPaths(facts)]).toEqual([`/x/${name}`]);
    },
  );

  test.each(["pythonw-helper", "libpythonic.so", "_ctypes.cpython-311-x86_64-linux-gnu.so", "ipython"])("does not take %s for an interpreter", (name) => {
    const facts = coreFacts({ modules: [coreModule(`/x/${name}`, "aaaa")], executable: null });
    expect([...interpreterPaths(facts)]).toEqual([]);
  });

  test("is cut at 500, whatever a core names", () => {
    expect(missing(Array.from({ length: 900 }, (_, index) => coreModule(`/lib/${index}.so`, `ab${index}`)))).toHaveLength(500);
  });
});
