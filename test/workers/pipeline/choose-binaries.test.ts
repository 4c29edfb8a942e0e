import { describe, expect, test } from "vitest";
import { chooseBinaries } from "../../../workers/pipeline/choose-binaries.ts";
import { coreFacts, coreModule, storedBinary } from "./sample-facts.ts";

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

  test("tells of an upload that fits nothing", () => {
    const { warnings } = choose([libc], [storedBinary("libz.so", "eeee")]);
    expect(warnings).toEqual([{ code: "binary_unused", detail: expect.stringContaining("libz.so") }]);
  });

  test("leaves the vDSO out: it is no file", () => {
    expect(choose([coreModule("[vdso]", "ffff", { kind: "vdso" })], []).choices).toEqual([]);
  });
});
