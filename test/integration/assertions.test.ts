/** Assertions of C++ and C that leave their text on the standard error alone: it is told from the code that failed. */
import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Report } from "../../services/contract/report.ts";
import { makeCore } from "../corpus/make-core.ts";
import { defaultInterpreters } from "../matrix/interpreters.ts";
import { mappedFiles } from "../support/mapped-files.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { analyse } from "../support/submit.ts";

const [interpreter] = await defaultInterpreters(process.env["PATH"] ?? "");

const source = `
#include <vector>
extern "C" int pick(int at) { std::vector<int> few(3); return few[at]; }
`;

describe("a failed assertion", () => {
  let stack: Stack;
  let folder: string;
  let library: string;
  beforeAll(async () => {
    stack = await startStack({ environment: { INQUEST_LOG_LEVEL: "warn" } });
    folder = await mkdtemp(join(tmpdir(), "inquest-assert-"));
    library = join(folder, "libpick.so");
    await writeFile(join(folder, "pick.cpp"), source);
    execFileSync("g++", ["-O2", "-D_GLIBCXX_ASSERTIONS", "-shared", "-fPIC", join(folder, "pick.cpp"), "-o", library]);
  });
  afterAll(async () => {
    await stack[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  async function reportOf(program: string): Promise<Report> {
    if (interpreter === undefined) throw new Error("no interpreter is installed");
    const path = join(folder, "program.py");
    await writeFile(path, program);
    await using core = await makeCore(interpreter, path);
    return (await analyse(stack.url, { core: core.path, binaries: await mappedFiles(core.path, null) })).report;
  }

  it("of the C++ library tells its condition and its place", async () => {
    const [first] = (await reportOf(`import ctypes\nctypes.CDLL(${JSON.stringify(library)}).pick(7)\n`)).diagnoses;
    expect(first).toMatchObject({ code: "abort_message", confidence: "likely", evidence: { message: "Assertion '__n < this->size()' failed", found: "call" } });
    expect(first?.evidence["assertion"]).toMatchObject({ kind: "cpp", file: expect.stringMatching(/stl_vector\.h$/), line: expect.any(Number) });
  });

  it("whose texts are no constants of its caller is an abort without them", async () => {
    const words = `b"file.cpp", 3, b"function", b"condition"`;
    const { diagnoses } = await reportOf(`import ctypes\nctypes.CDLL("libstdc++.so.6")._ZSt21__glibcxx_assert_failPKciS0_S0_(${words})\n`);
    expect(diagnoses.map(({ code }) => code)).toContain("abort");
    expect(diagnoses.map(({ code }) => code)).not.toContain("abort_message");
  });
});
