/** Cores that the kernel and gcore write here, whole, cut and mutated. */
import { execFile } from "node:child_process";
import { readFile, truncate } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inspectBinaryFile } from "../../../services/intake/binary/inspect-binary.ts";
import { Failure } from "../../../services/contract/failure.ts";
import type { CoreFacts } from "../../../services/intake/core/core-facts.ts";
import { inspectCore, inspectCoreFile } from "../../../services/intake/core/inspect-core.ts";
import { bufferSource, newReadBudget } from "../../../services/intake/elf/byte-source.ts";
import { type Core, makeCore, programsFolder } from "../../corpus/make-core.ts";
import { defaultInterpreters } from "../../matrix/interpreters.ts";

const run = promisify(execFile);
let core: Core;
let facts: CoreFacts;
let bytes: Buffer;
let executable: string;

beforeAll(async () => {
  const [interpreter] = await defaultInterpreters(process.env["PATH"] ?? "");
  if (interpreter === undefined) throw new Error("no Python here");
  executable = (await run(interpreter.path, ["-c", "import os, sys; print(os.path.realpath(sys.executable))"])).stdout.trim();
  core = await makeCore(interpreter, join(programsFolder, "null_dereference.py"), {
    arguments: ["-X", "inquest=two words"],
    environment: { PYTHONFAULTHANDLER: "" }, // it would raise the signal again, and the address be lost
  });
  facts = await inspectCoreFile(core.path);
  bytes = await readFile(core.path);
});
afterAll(() => core[Symbol.asyncDispose]());

describe("a core of a Python that died here", () => {
  test("tells the executable and the whole command line", () => {
    expect(facts.executable).toBe(executable);
    expect(facts.commandLineSource).toBe("stack");
    expect(facts.commandLine?.slice(1)).toEqual(["-X", "inquest=two words", core.program]);
  });

  test("tells the signal and its address", () => {
    expect(facts.signal).toMatchObject({ number: 11, name: "SIGSEGV", code: "SEGV_MAPERR", address: "0x0" });
    expect(facts.processAlive).toBe(false);
    expect(facts.threads.map((thread) => thread.lwp)).toContain(facts.crashedLwp);
  });

  test("tells the build-id of every module, from the core alone", () => {
    expect(facts.modules.length).toBeGreaterThan(3);
    expect(facts.modules.filter((module) => module.buildId === null)).toEqual([]);
    expect(facts.modules.filter((module) => module.kind === "executable").map((module) => module.path)).toEqual([executable]);
    expect(facts.modules.filter((module) => module.kind === "vdso")).toHaveLength(1);
  });

  test("tells the first page of every module as its file has it", async () => {
    const files = facts.modules.filter((module) => module.kind !== "vdso");
    const heads = await Promise.all(files.map(async ({ path }) => (await inspectBinaryFile(path)).head));
    expect(files.map(({ head }) => head)).toEqual(heads);
    expect(new Set(heads).size).toBe(files.length);
  });

  test("is whole and needs no warning", () => {
    expect(facts).toMatchObject({ missingBytes: 0, warnings: [], size: bytes.length });
  });

  test("is inspected with a few hundred small reads, whatever its size", async () => {
    const budget = newReadBudget();
    const before = { ...budget };
    await inspectCore(bufferSource(bytes, budget));
    expect(before.reads - budget.reads).toBeLessThan(10 * facts.modules.length + 100);
    expect(before.bytes - budget.bytes).toBeLessThan(3 << 20);
  });

  test("survives JSON", () => {
    expect(JSON.parse(JSON.stringify(facts))).toEqual(facts);
  });
});

describe("a damaged core", () => {
  /** `facts`, or the code of the refusal. Anything else that is thrown fails the test; so does a spent budget. */
  const outcome = async (damaged: Buffer): Promise<string> => {
    const budget = newReadBudget();
    try {
      await inspectCore(bufferSource(damaged, budget));
      return budget.reads > 0 && budget.bytes > 0 ? "facts" : "the budget was spent";
    } catch (error) {
      if (error instanceof Failure) return error.code;
      throw error;
    }
  };
  const plain = /^(facts|core_malformed|core_empty|not_a_core)$/;

  test("cut at any byte of its headers and notes gives facts or a plain refusal", async () => {
    const end = facts.segments[0]?.offset ?? 0;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: end }), async (length) => {
        expect(await outcome(bytes.subarray(0, length))).toMatch(plain);
      }),
      { numRuns: 150 },
    );
  });

  test("cut in its memory keeps process, signal and threads, and counts what is missing", async () => {
    await using copy = await copyOf(core.path);
    await truncate(copy.path, bytes.length - 100_000);
    const cut = await inspectCoreFile(copy.path);
    expect(cut).toMatchObject({ missingBytes: 100_000, pid: facts.pid, crashedLwp: facts.crashedLwp, signal: facts.signal });
  });

  test("with any bytes of its headers and notes changed gives facts or a plain refusal", async () => {
    const end = facts.segments[0]?.offset ?? 0;
    const change = fc.tuple(fc.integer({ min: 0, max: end - 1 }), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 20 }), async (changes) => {
        const damaged = Buffer.from(bytes.subarray(0, end + 200_000));
        for (const [at, value] of changes) damaged[at] = value;
        expect(await outcome(damaged)).toMatch(plain);
      }),
      { numRuns: 150 },
    );
  });

  test("with any bytes of its first pages and stack changed gives facts", async () => {
    const change = fc.tuple(fc.integer({ min: facts.segments[0]?.offset ?? 0, max: bytes.length - 9 }), fc.constantFrom(0, 1, 0x7f, 0xff));
    const damaged = Buffer.from(bytes);
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 50, maxLength: 500 }), async (changes) => {
        for (const [at, value] of changes) damaged.fill(value, at, at + 8);
        expect(await outcome(damaged)).toBe("facts");
      }),
      { numRuns: 40 },
    );
  });
});

async function copyOf(path: string) {
  const copy = `${path}.copy`;
  await run("cp", [path, copy]);
  return { path: copy, [Symbol.asyncDispose]: async () => void (await run("rm", ["-f", copy])) };
}

describe("a core that gcore took of a live Python", () => {
  test("is told from a crash, with all its modules", async () => {
    const [interpreter] = await defaultInterpreters(process.env["PATH"] ?? "");
    if (interpreter === undefined) throw new Error("no Python here");
    await using live = await makeCore(interpreter, join(programsFolder, "deadlock.py"), { gcore: true });
    const taken = await inspectCoreFile(live.path);
    expect(taken).toMatchObject({ madeBy: "gcore", processAlive: true, signal: null, executable, modulesSource: "nt_file" });
    expect(taken.modules.filter((module) => module.buildId === null)).toEqual([]);
  });
});
