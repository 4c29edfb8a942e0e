import { describe, expect, test } from "vitest";
import { chooseBinaries } from "../../../services/intake/needs/choose-binaries.ts";
import { coreFacts, coreModule, storedBinary } from "../../workers/pipeline/sample-facts.ts";

const python = coreModule("/usr/bin/python3.11", "aaaa", { kind: "executable" });
const libc = coreModule("/usr/lib/libc.so.6", "bbbb");
const nameless = coreModule("/opt/app/fast.so", null);

const choose = (modules: readonly ReturnType<typeof coreModule>[], uploads: readonly ReturnType<typeof storedBinary>[], stored: typeof uploads = []) =>
  chooseBinaries(coreFacts({ modules }), uploads, stored);

describe("choosing binaries", () => {
  test("takes an upload by its build-id, whatever its name", () => {
    const upload = storedBinary("renamed.bin", "aaaa");
    expect(choose([python], [upload]).choices[0]).toMatchObject({ found: "upload", file: upload });
  });

  test("takes the job's own upload before the store's", () => {
    const upload = storedBinary("libc.so.6", "bbbb", { blob: "binaries/mine" });
    const { choices } = choose([libc], [upload], [storedBinary("libc.so.6", "bbbb")]);
    expect(choices[0]).toMatchObject({ found: "upload", file: { blob: "binaries/mine" } });
  });

  test("takes from the store what the job did not bring", () => {
    const stored = storedBinary("libc.so.6", "bbbb");
    expect(choose([libc], [], [stored]).choices[0]).toMatchObject({ found: "store", file: stored });
  });

  test("prefers the module's own name among files that claim its build-id", () => {
    const { choices } = choose([libc], [storedBinary("other.so", "bbbb"), storedBinary("libc.so.6", "bbbb")]);
    expect(choices[0]?.file?.filename).toBe("libc.so.6");
  });

  test("never uses a file of the right name and another build-id, and says so", () => {
    const { choices, warnings } = choose([libc], [storedBinary("libc.so.6", "cccc")]);
    expect(choices[0]).toMatchObject({ found: "mismatch", file: null });
    expect(warnings).toEqual([{ code: "binary_mismatch", detail: expect.stringContaining("cccc") }]);
  });

  test("does not take a file without build-id for a module that has one", () => {
    expect(choose([libc], [storedBinary("libc.so.6", null)]).choices[0]).toMatchObject({ found: "mismatch", file: null });
  });

  test("takes an upload by its name when the core does not tell the module's build-id, with a warning", () => {
    const { choices, warnings } = choose([nameless], [storedBinary("fast.so", "dddd")]);
    expect(choices[0]).toMatchObject({ found: "upload", file: { build_id: "dddd" } });
    expect(warnings[0]?.code).toBe("build_id_unknown");
  });

  test("knows a library by the version behind the name that the link map has, the same name before others", () => {
    const ffi = coreModule("/lib/libffi.so.8", null);
    const taken = (...names: string[]) =>
      choose(
        [ffi],
        names.map((name) => storedBinary(name, null)),
      ).choices[0]?.file?.filename ?? null;
    expect(taken("libffi.so.8.5.0")).toBe("libffi.so.8.5.0");
    expect(taken("libffi.so.8.5.0", "libffi.so.8")).toBe("libffi.so.8");
    expect(taken("libffi.so.81", "libffi.so.7.1.0", "libffi.so.8.5.0.debug")).toBeNull();
  });

  test("never takes a file from the store by its name", () => {
    expect(choose([nameless], [], [storedBinary("fast.so", "dddd")]).choices[0]).toMatchObject({ found: "missing", file: null });
  });

  test("knows the executable by the name it was called with", () => {
    const unknown = coreModule("/usr/bin/python3.11", null, { kind: "executable" });
    expect(choose([unknown], [storedBinary("python3", "aaaa")]).choices[0]?.found).toBe("upload");
  });

  test("ties a debug file to its module, and never runs with it in the module's place", () => {
    const debug = storedBinary("python3.11.debug", "aaaa", { kind: "debug" });
    expect(choose([python], [debug]).choices[0]).toMatchObject({ found: "missing", file: null, debugFile: debug });
  });

  test("tells of two files with one build-id, and which was taken", () => {
    const stored = [storedBinary("libc.so.6", "bbbb", { sha256: "11".repeat(32) }), storedBinary("libc.so.6", "bbbb", { sha256: "22".repeat(32) })];
    const { choices, warnings } = choose([libc], [], stored);
    expect(choices[0]?.file).toBe(stored[0]);
    expect(warnings).toEqual([{ code: "build_id_conflict", detail: expect.stringContaining("2 different files claim the build-id bbbb") }]);
    // The same bytes twice, and a debug file beside what ran, are no conflict.
    const same = [storedBinary("libc.so.6", "bbbb"), storedBinary("libc.so.6", "bbbb"), storedBinary("libc.debug", "bbbb", { kind: "debug", sha256: "33" })];
    expect(choose([libc], [], same).warnings).toEqual([]);
  });

  test("takes a stored file without a build-id by the path it came from, and says so when several did", () => {
    const one = storedBinary("fast.so", null, { path: "/opt/app/fast.so", sha256: "11".repeat(32) });
    const two = { ...one, sha256: "22".repeat(32) };
    expect(choose([nameless], [], [one, two])).toMatchObject({
      choices: [{ found: "store", file: one }],
      warnings: [{ code: "build_id_unknown" }, { code: "binary_ambiguous" }],
    });
  });

  test("takes a file by its first page where the core tells no build-id: from the upload before the store, of its own name before others", () => {
    const module = coreModule("/opt/app/fast.so", null, { head: "ab" });
    const mine = storedBinary("fast.so", "dddd", { head: "ab" });
    expect(choose([module], [], [storedBinary("other.so", null, { head: "ab" }), mine]).choices[0]).toMatchObject({ found: "store", file: mine });
    expect(choose([module], [storedBinary("renamed.so", "dddd", { head: "ab" })], [mine]).choices[0]).toMatchObject({
      found: "upload",
      file: { filename: "renamed.so" },
    });
    const debug = storedBinary("fast.debug", "dddd", { kind: "debug" });
    expect(choose([module], [], [mine, debug]).choices[0]).toMatchObject({ file: mine, debugFile: debug });
  });

  test("never takes a file of the right name or path that begins otherwise than the core's copy", () => {
    const module = coreModule("/opt/app/fast.so", null, { head: "ab" });
    const { choices, warnings } = choose([module], [storedBinary("fast.so", "dddd", { head: "cd" })]);
    expect(choices[0]).toMatchObject({ found: "mismatch", file: null });
    expect(warnings).toEqual([{ code: "binary_mismatch", detail: expect.stringContaining("does not begin as") }]);
    const atPath = storedBinary("fast.so", null, { path: "/opt/app/fast.so", head: "cd" });
    expect(choose([module], [], [atPath]).choices[0]).toMatchObject({ found: "missing", file: null });
    // Stored before heads were kept.
    expect(choose([module], [], [{ ...atPath, head: null }]).choices[0]).toMatchObject({ found: "store" });
  });

  test("tells a file that an upstream server brought", () => {
    expect(choose([libc], [], [storedBinary("libc.so.6", "bbbb", { origin: "debuginfod" })]).choices[0]?.found).toBe("debuginfod");
  });

  test("leaves the vDSO out: it is no file", () => {
    expect(choose([coreModule("[vdso]", "ffff", { kind: "vdso" })], []).choices).toEqual([]);
  });
});
