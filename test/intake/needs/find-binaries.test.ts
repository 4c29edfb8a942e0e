import { expect, test } from "vitest";
import { findBinaries, type NeedsStore } from "../../../services/intake/needs/find-binaries.ts";
import type { StoredBinary } from "../../../services/storage/binary-store.ts";
import { coreFacts, coreModule, storedBinary } from "../../workers/pipeline/sample-facts.ts";

const python = coreModule("/usr/bin/python3.11", "aaaa", { kind: "executable", start: "0x1000" });
const libc = coreModule("/usr/lib/libc.so.6", "bbbb", { start: "0x2000" });
const idle = coreModule("/usr/lib/libz.so.1", "cccc", { start: "0x3000" });

const storeOf = (stored: readonly StoredBinary[]): NeedsStore => ({
  byBuildIds: (_project, ids, kinds) => Promise.resolve(stored.filter((each) => ids.includes(each.build_id ?? "") && (kinds?.includes(each.kind) ?? true))),
  byHeads: (_project, heads) => Promise.resolve(stored.filter(({ head }) => head !== null && heads.includes(head))),
  byPaths: (_project, paths) => Promise.resolve(stored.filter((each) => each.build_id === null && paths.includes(each.path ?? ""))),
  debugFilesNamed: (_project, names) => Promise.resolve(stored.filter((each) => each.kind === "debug" && names.includes(each.filename ?? ""))),
});

const find = (stored: readonly StoredBinary[], uploads: readonly StoredBinary[] = [], some: Parameters<typeof coreFacts>[0] = {}) =>
  findBinaries(storeOf(stored), "project", coreFacts({ modules: [python, libc, idle], executable: python.path, ...some }), uploads);

const needs = ({ missing }: Awaited<ReturnType<typeof find>>) => missing.map(({ needed_for, path }) => `${needed_for} ${path}`);

test("asks for the interpreter and for what the stacks mention, in the order of the stacks, and for nothing else", async () => {
  expect(needs(await find([], [], { codeOnStacks: ["0x2000", "0x1000"] }))).toEqual(["interpreter /usr/bin/python3.11", "unwinding /usr/lib/libc.so.6"]);
  // A core whose stacks cannot be read: every file may matter.
  expect(needs(await find([]))).toHaveLength(3);
});

test("finds a debug file by the name and the CRC of .gnu_debuglink where no build-id does", async () => {
  const stripped = storedBinary("libc.so.6", "bbbb", { has_symbols: false, debug_link: { name: "libc.debug", crc: 7 } });
  const wrong = storedBinary("libc.debug", null, { kind: "debug", crc: 8, sha256: "11" });
  const right = storedBinary("libc.debug", null, { kind: "debug", crc: 7, sha256: "22" });
  const found = await find([stripped, wrong, right]);
  expect(found.choices[1]).toMatchObject({ file: stripped, debugFile: right });
  expect(needs(found)).not.toContain("symbols /usr/lib/libc.so.6");
});

test("never uses a debug file of another CRC, names both, and goes on missing it", async () => {
  const stripped = storedBinary("libc.so.6", "bbbb", { has_symbols: false, debug_link: { name: "libc.debug", crc: 7 } });
  const found = await find([stripped], [storedBinary("libc.debug", "dddd", { kind: "debug", crc: 8 })]);
  expect(found.choices[1]?.debugFile).toBeNull();
  expect(found.warnings).toEqual([
    { code: "debug_link_mismatch", detail: expect.stringMatching(/libc\.debug has CRC 0x00000008, .*libc\.so\.6 wants 0x00000007/) },
  ]);
  expect(needs(found)).toContain("symbols /usr/lib/libc.so.6");
});

test("brings the supplementary file that a debug file refers to, and misses it while it is not there", async () => {
  const libcFile = storedBinary("libc.so.6", "bbbb");
  const debug = storedBinary("libc.debug", "bbbb", { kind: "debug", alt_link: { name: "/usr/lib/debug/.dwz/x", build_id: "eeee" } });
  const without = await find([libcFile, debug]);
  expect(without.missing).toContainEqual({ build_id: "eeee", path: "/usr/lib/debug/.dwz/x", needed_for: "symbols" });
  const dwz = storedBinary("x", "eeee", { kind: "debug" });
  const whole = await find([libcFile, debug, dwz]);
  expect(whole.debugFiles.supplements).toEqual([dwz]);
  expect(whole.missing.map(({ build_id }) => build_id)).not.toContain("eeee");
});

test("tells of an upload that fits nothing", async () => {
  const { warnings } = await find([], [storedBinary("libx.so", "ffff")]);
  expect(warnings).toEqual([{ code: "binary_unused", detail: expect.stringContaining("libx.so") }]);
});

test("stays bounded whatever the core names", async () => {
  const modules = Array.from({ length: 5_000 }, (_, index) => coreModule(`/lib/${index}.so`, null));
  expect((await find([], [], { modules })).missing).toHaveLength(500);
});
