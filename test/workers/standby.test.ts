/** Waiting gdbs, real ones in the real sandbox, and a real core that comes after them. */
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { OpenGdbOptions } from "../../workers/gdb/debugger.ts";
import { helperScripts } from "../../workers/gdb/helper-scripts.ts";
import { type Standby, startStandby } from "../../workers/standby.ts";
import { interpreterAt, makeCore, programsFolder } from "../corpus/make-core.ts";
import { makeJobFolder } from "./gdb/job-folder.ts";

const limits = { debug_seconds: 60, debug_memory_bytes: 2 ** 31 };
const warnings: string[] = [];
let workDir: string;
let standby: Standby;

beforeEach(async () => {
  workDir = await mkdtemp(join(tmpdir(), "inquest-standby-"));
  warnings.length = 0;
  const log = { warn: (_fields: unknown, event?: unknown) => void warnings.push(String(event)) };
  standby = startStandby({ gdb: "gdb", helpers: helperScripts, limits, workDir, atOnce: true, log });
});

afterEach(async () => {
  await standby[Symbol.asyncDispose]();
  await rm(workDir, { recursive: true });
});

/** Sandboxes of this test's folders: their pids, by the folder that they were started for. */
function sandboxes(): { readonly pid: number; readonly waited: boolean }[] {
  return readdirSync("/proc").flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const words = readFileSync(`/proc/${entry}/cmdline`, "latin1");
      return words.includes(`${workDir}/`) ? [{ pid: Number(entry), waited: words.includes(`${workDir}/waiting-`) }] : [];
    } catch {
      return [];
    }
  });
}

/** Kills a process of a sandbox, which may be gone already: the sandbox's first process takes the others with it. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

const options = (jobDir: string): OpenGdbOptions => ({ jobDir, rung: "dwarf", gdb: "gdb", limits, signal: new AbortController().signal });

test("serves a job with gdbs that were there before it, each once, and sets up the next ones", async () => {
  const python = await interpreterAt("/usr/bin/python3");
  if (python === null) throw new Error("these tests crash /usr/bin/python3, and there is none");
  await using core = await makeCore(python, join(programsFolder, "null_dereference.py"));
  {
    await using folder = await standby.makeFolder("job");
    // Until its gdb runs, bubblewrap's child looks like bubblewrap.
    const before = await vi.waitUntil(() => (sandboxes().length === 2 ? sandboxes() : null), 10_000);
    expect(before.every(({ waited }) => waited)).toBe(true);
    const { manifest, executable } = await makeJobFolder(folder.path, core.path);
    await using native = await standby.openGdb(options(folder.path));
    await using beside = await standby.openGdb({ ...options(folder.path), rung: "python-only" });
    expect(sandboxes()).toEqual(before);
    await using third = await standby.openGdb(options(folder.path));
    expect(sandboxes().some(({ waited }) => !waited)).toBe(true);
    const half = beside.runHelper("python");
    for (const gdb of [native, third]) {
      await gdb.loadCore({ core: manifest.core, executable });
      expect((await gdb.runHelper("native")).answer).toMatchObject({ threads: [{ lwp: manifest.crashed_lwp }] });
    }
    expect((await half).answer).toMatchObject({ python: { implementation: "CPython" } });
  }
  await using next = await standby.makeFolder("next");
  expect(sandboxes().length).toBeGreaterThan(0);
  expect(await readdir(next.path)).toContain("out");
});

test("starts a new gdb where the one that waited has died", async () => {
  await using folder = await standby.makeFolder("job");
  for (const { pid } of sandboxes()) killIfThere(pid);
  await vi.waitUntil(() => sandboxes().length === 0, 10_000);
  await using gdb = await standby.openGdb(options(folder.path));
  expect(await gdb.version()).toMatch(/^\d/);
});

test("makes a folder of its own when the one that waited is gone", async () => {
  const [name] = await vi.waitUntil(async () => {
    const names = await readdir(workDir);
    return names.length > 0 && sandboxes().length > 0 ? names : null;
  });
  await rm(join(workDir, name ?? ""), { recursive: true });
  await using folder = await standby.makeFolder("job");
  expect(await readdir(folder.path)).toContain("sysroot");
  await using gdb = await standby.openGdb(options(folder.path));
  expect(await gdb.version()).toMatch(/^\d/);
});

test("passes a job's cancellation on to the gdb that waited", async () => {
  await using folder = await standby.makeFolder("job");
  const cancel = new AbortController();
  await using gdb = await standby.openGdb({ ...options(folder.path), signal: cancel.signal });
  cancel.abort();
  await expect(gdb.version()).rejects.toMatchObject({ code: "job_cancelled" });
  expect(warnings).toEqual([]);
});

test("ends what waits and clears away what a job left, when it is disposed of", async () => {
  {
    await using _folder = await standby.makeFolder("job");
  }
  await standby[Symbol.asyncDispose]();
  expect(await readdir(workDir)).toEqual([]);
  expect(sandboxes()).toEqual([]);
});
