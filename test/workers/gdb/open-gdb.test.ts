import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Compile } from "typebox/compile";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Failure } from "../../../services/contract/failure.ts";
import type { OpenGdbOptions, Rung } from "../../../workers/gdb/debugger.ts";
import { openGdb, startGdbAhead } from "../../../workers/gdb/open-gdb.ts";
import { type HelperNativeFrame, type Manifest, NativeAnswer } from "../../../workers/pipeline/helper-answer.ts";
import { type Core, type Interpreter, interpreterAt, makeCore, programsFolder } from "../../corpus/make-core.ts";
import { makeJobFolder } from "./job-folder.ts";

const execute = promisify(execFile);

let core: Core;
let manifest: Manifest;
let executable: string | null;
let scratch: string;
let folder: string;

const native = Compile(NativeAnswer);

async function anyPython(): Promise<Interpreter> {
  const found = await interpreterAt("/usr/bin/python3");
  if (found === null) throw new Error("these tests crash /usr/bin/python3, and there is none");
  return found;
}

beforeAll(async () => {
  core = await makeCore(await anyPython(), join(programsFolder, "threads.py"), { environment: { PYTHONFAULTHANDLER: "" } });
  scratch = await mkdtemp(join(tmpdir(), "inquest-gdb-test-"));
  folder = join(scratch, "job");
  ({ manifest, executable } = await makeJobFolder(folder, core.path));
});

afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
  await core[Symbol.asyncDispose]();
});

const options = (changes: Partial<OpenGdbOptions> = {}): OpenGdbOptions => ({
  jobDir: folder,
  rung: "dwarf",
  gdb: "gdb",
  limits: { debug_seconds: 60, debug_memory_bytes: 2 ** 31 },
  signal: new AbortController().signal,
  ...changes,
});

async function nativeAnswer(changes: Partial<OpenGdbOptions> = {}, files = { core: manifest.core, executable }): Promise<NativeAnswer> {
  await using gdb = await openGdb(options(changes));
  await gdb.loadCore(files);
  const { answer } = await gdb.runHelper("native");
  if (!native.Check(answer)) throw new Error(JSON.stringify(native.Errors(answer)[0]));
  return answer;
}

const isFrame = (frame: NativeAnswer["threads"][number]["frames"][number]): frame is HelperNativeFrame => frame.kind === "native";

/** Processes whose command line names the job's folder: bubblewrap, as long as its gdb lives. */
function processesOf(jobDir: string): string[] {
  return readdirSync("/proc").filter((entry) => {
    try {
      return /^\d+$/.test(entry) && readFileSync(`/proc/${entry}/cmdline`, "latin1").includes(jobDir);
    } catch {
      return false;
    }
  });
}

test("a gdb that waits for its job has imported what its half of the answer needs, and no more", async () => {
  for (const [half, other] of [
    ["native", "report"],
    ["python", "native"],
  ] as const) {
    const { session, loaded } = await startGdbAhead(options(), 0, [half]);
    await using _session = session;
    await loaded;
    const { console } = await session.request('-interpreter-exec console "python import sys; print(sys.modules.keys())"', 10_000);
    expect(console.join("")).toContain(half === "native" ? "'inquest.native'" : "'inquest.report'");
    expect(console.join("")).not.toContain(`'inquest.${other}'`);
  }
});

test("tells the C frames of every thread, the crashed one first", async () => {
  const answer = await nativeAnswer();
  expect(answer.threads).toHaveLength(4);
  expect(answer.threads[0]?.lwp).toBe(manifest.crashed_lwp);
  for (const thread of answer.threads) {
    const frames = thread.frames.filter(isFrame);
    expect(frames.length).toBeGreaterThan(3);
    const evaluators = frames.filter((frame) => /^(_PyEval_EvalFrameDefault|_TAIL_CALL_)/.test(frame.function ?? ""));
    expect(frames.filter((frame) => frame.evaluator)).toEqual(evaluators);
    const pointers = frames.map((frame) => BigInt(frame.sp ?? 0));
    expect(pointers.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))).toEqual(pointers);
  }
});

test("places each frame in its module, relative to the module's load bias", async () => {
  const answer = await nativeAnswer();
  const frames = answer.threads.flatMap((thread) => thread.frames.filter(isFrame));
  for (const frame of frames.filter((each) => each.module !== null)) {
    const module = manifest.modules.find((each) => each.path === frame.module);
    const pc = BigInt(frame.pc ?? 0);
    expect(module?.mappings.some(({ start, end }) => BigInt(start) <= pc && pc < BigInt(end))).toBe(true);
    expect(BigInt(frame.offset ?? 0)).toBeLessThanOrEqual(pc);
  }
  expect(frames.filter((frame) => frame.module !== null).length).toBeGreaterThan(10);
});

test("names functions of the libraries at hand when the executable is missing", async () => {
  const jobDir = join(scratch, "no-executable");
  const made = await makeJobFolder(jobDir, core.path, (path) => path.includes(".so"));
  const answer = await nativeAnswer({ jobDir }, { core: "/job/core", executable: null });
  expect(made.manifest.modules[0]?.file).toBeNull();
  expect(answer.threads[0]?.frames.filter(isFrame).map((frame) => frame.function)).toContain("ffi_call");
});

test("names the functions of libraries without debug information as C++ has them", async () => {
  await using ended = await makeCore(await anyPython(), join(programsFolder, "cpp_terminates.py"));
  const jobDir = join(scratch, "cpp");
  const made = await makeJobFolder(jobDir, ended.path);
  for (const rung of ["dwarf", "readnever"] as const) {
    const answer = await nativeAnswer({ jobDir, rung }, { core: made.manifest.core, executable: made.executable });
    const functions = answer.threads[0]?.frames.filter(isFrame).map((frame) => frame.function) ?? [];
    expect(functions).toContain("std::terminate()");
    expect(functions.filter((name) => name?.startsWith("_Z"))).toEqual([]);
  }
});

test("tells the registers, the instructions round the crash and the address that it read", async () => {
  const answer = await nativeAnswer();
  const current = answer.disassembly.filter((instruction) => instruction.current);
  expect(current.map((instruction) => instruction.address)).toEqual([answer.threads[0]?.frames.find(isFrame)?.pc]);
  expect(answer.disassembly.length).toBeGreaterThan(9);
  expect(Object.keys(answer.registers).length).toBeGreaterThan(15);
  expect(answer.facts).toMatchObject({ siginfo: { signo: 11, code: 1, address: 0 }, memory_operands: [{ address: "0x0" }] });
});

test("tells what a signal handler interrupted", async () => {
  await using handled = await makeCore(await anyPython(), join(programsFolder, "threads.py"), { environment: { PYTHONFAULTHANDLER: "1" } });
  const jobDir = join(scratch, "handled");
  const made = await makeJobFolder(jobDir, handled.path);
  const answer = await nativeAnswer({ jobDir }, { core: "/job/core", executable: made.executable });
  expect(answer.threads[0]?.frames.filter(isFrame).some((frame) => frame.signal_trampoline)).toBe(true);
  expect(answer.facts).toMatchObject({ siginfo: { signo: 11, pid: expect.any(Number) }, interrupted: { memory_operands: [{ address: "0x0" }] } });
});

test("gets over a signal handler whose C library is missing, by the frame that the kernel made", async () => {
  await using handled = await makeCore(await anyPython(), join(programsFolder, "threads.py"), { environment: { PYTHONFAULTHANDLER: "1" } });
  const jobDir = join(scratch, "handled-alone");
  const made = await makeJobFolder(jobDir, handled.path, (path) => path.startsWith("/usr/bin/python"));
  const answer = await nativeAnswer({ jobDir }, { core: "/job/core", executable: made.executable });
  const frames = answer.threads[0]?.frames.filter(isFrame) ?? [];
  const trampoline = frames.findIndex((frame) => frame.signal_trampoline);
  expect(trampoline).toBeGreaterThan(0);
  expect(frames.slice(trampoline).some((frame) => frame.evaluator)).toBe(true);
  expect(answer.threads[0]?.stop_reason).toBeNull();
});

test("reaches the outer end of a deep recursion, and folds its middle", async () => {
  const program = join(scratch, "recursion.py");
  const lines = ["import ctypes, sys", "sys.setrecursionlimit(10**6)", "def f(n): return max([n + 1], key=f) if n < 700 else ctypes.string_at(0)", "f(0)"];
  await writeFile(program, `${lines.join("\n")}\n`);
  await using deep = await makeCore(await anyPython(), program, { environment: { PYTHONFAULTHANDLER: "" } });
  const jobDir = join(scratch, "deep");
  const made = await makeJobFolder(jobDir, deep.path);
  const answer = await nativeAnswer({ jobDir }, { core: "/job/core", executable: made.executable });
  const [thread] = answer.threads;
  expect(thread).toMatchObject({ truncated: false, stop_reason: null });
  const folds = thread?.frames.filter((frame) => frame.kind === "folded") ?? [];
  expect(folds).toHaveLength(1);
  expect((folds[0]?.cycle ?? 0) * (folds[0]?.count ?? 0)).toBeGreaterThan(1_000);
  expect(thread?.frames.filter(isFrame).map((frame) => frame.function)).toContain("Py_RunMain");
});

test.each<Rung>(["dwarf", "readnever"])("names functions on the rung %s", async (rung) => {
  const answer = await nativeAnswer({ rung });
  const functions = answer.threads[0]?.frames.filter(isFrame).map((frame) => frame.function);
  expect(functions).toContain("Py_RunMain");
});

test("works from the core alone when nothing was uploaded", async () => {
  await makeJobFolder(join(scratch, "bare"), core.path, () => false);
  const answer = await nativeAnswer({ jobDir: join(scratch, "bare") }, { core: manifest.core, executable: null });
  expect(answer.threads).toHaveLength(4);
  expect(answer.threads[0]?.frames[0]).toMatchObject({ pc: expect.stringMatching(/^0x/), trust: "cfi" });
  // Nothing is guessed: each stack ends at the first frame whose module has no file, and says so.
  expect(answer.threads.map((thread) => [thread.frames.length, thread.stop_reason])).toEqual(Array.from({ length: 4 }, () => [1, "no file of the module"]));
  expect(answer.modules.every((module) => !module.symbols && !module.debug_info)).toBe(true);
});

test("gets over the modules without a file: the executable alone leads to the outermost frame", async () => {
  const jobDir = join(scratch, "executable-only");
  await makeJobFolder(jobDir, core.path, (path) => path === manifest.executable);
  const [crashed] = (await nativeAnswer({ jobDir })).threads;
  const frames = crashed?.frames.filter(isFrame) ?? [];
  const bridged = frames.findIndex((frame) => frame.trust === "scan");
  expect(bridged).toBe(1);
  expect(frames.slice(bridged).some((frame) => frame.evaluator)).toBe(true);
  expect(frames.at(-1)?.function).toBe("_start");
  expect(crashed?.stop_reason).toBe(null);
});

test("a truncated core gives what is left of it, and a warning", async () => {
  const jobDir = join(scratch, "truncated");
  await makeJobFolder(jobDir, core.path);
  const whole = await readFile(core.path);
  await writeFile(join(jobDir, "core"), whole.subarray(0, Math.floor(whole.length / 2)));
  await using gdb = await openGdb(options({ jobDir }));
  const { warnings } = await gdb.loadCore({ core: manifest.core, executable });
  expect(warnings.map((warning) => warning.code)).toContain("core_truncated");
  expect(native.Check((await gdb.runHelper("native")).answer)).toBe(true);
});

test("shows gdb no file on the last rung", async () => {
  await using gdb = await openGdb(options({ rung: "python-only" }));
  expect(await gdb.loadCore({ core: manifest.core, executable })).toEqual({ warnings: [] });
  expect((await gdb.runHelper("native")).answer).toMatchObject({ threads: [] });
});

test("tells gdb's version", async () => {
  await using gdb = await openGdb(options({ rung: "python-only" }));
  expect(await gdb.version()).toMatch(/^\d+\.\d+/);
});

test("a refused file is an error of that command, and gdb lives on", async () => {
  await using gdb = await openGdb(options());
  await writeFile(join(folder, "text"), "no core\n");
  await expect(gdb.loadCore({ core: "/job/text", executable: null })).rejects.toMatchObject({ code: "debugger_command" });
  await gdb.loadCore({ core: manifest.core, executable });
  expect((await gdb.runHelper("native")).answer).toMatchObject({ threads: { length: 4 } });
});

test.each(["/job/sysroot/a\nshell id", "/job/x\0y"])("refuses the path %j", async (path) => {
  await using gdb = await openGdb(options({ rung: "readnever" }));
  await expect(gdb.loadCore({ core: manifest.core, executable: path })).rejects.toMatchObject({ code: "debugger_command" });
});

test("takes an executable whose path would mean something to gdb", async () => {
  const jobDir = join(scratch, "odd");
  const odd = `${jobDir}/sysroot/it's "odd" \\ $(id) -readnow ü`;
  await makeJobFolder(jobDir, core.path);
  await writeFile(odd, await readFile("/usr/bin/python3"));
  await using gdb = await openGdb(options({ jobDir }));
  await gdb.loadCore({ core: manifest.core, executable: `/job${odd.slice(jobDir.length)}` });
  expect((await gdb.runHelper("native")).answer).toMatchObject({ threads: { length: 4 } });
});

test("has no word on a table of structs where there is no DWARF of an interpreter, and takes only plain words", async () => {
  await using gdb = await openGdb(options());
  expect(await gdb.confirmLayout("3.11.2", "3.11")).toBeNull();
  await expect(gdb.confirmLayout("3.11.2", "3.11 x\n-gdb-exit")).rejects.toMatchObject({ code: "debugger_command" });
  await expect(gdb.confirmLayout("3.11", "3.11")).rejects.toMatchObject({ code: "debugger_command" });
});

test("compares a table of structs with the DWARF that gdb has", async () => {
  const jobDir = join(scratch, "structs");
  await makeJobFolder(jobDir, core.path);
  const ask = `import sysconfig; print(*map(sysconfig.get_path, ("include", "platinclude")), "%d.%d.%d" % __import__("sys").version_info[:3])`;
  const [include = "", also = "", version = ""] = (await execute("/usr/bin/python3", ["-c", ask])).stdout.trim().split(" ");
  const tool = fileURLToPath(new URL("../../../gdb-scripts/tools/compile_headers.py", import.meta.url));
  await execute("/usr/bin/python3", [tool, "--include", include, "--also", also, join(jobDir, "sysroot/structs.o")]);
  await using gdb = await openGdb(options({ jobDir }));
  await gdb.loadCore({ core: manifest.core, executable: "/job/sysroot/structs.o" });
  const [minor = ""] = /^\d+\.\d+/.exec(version) ?? [];
  expect([await gdb.confirmLayout(version, minor), await gdb.confirmLayout(version, `${minor}-debug`)]).toEqual([true, false]);
  expect(await gdb.confirmLayout("3.8.1", "3.8")).toBe(false);
});

test.each(["/job/out/../manifest.json", "/tmp/x.json", "/job/out/a/b.json"])("writes no answer to %s", async (out) => {
  await using gdb = await openGdb(options({ rung: "python-only" }));
  await expect(gdb.runHelper("native", "/job/manifest.json", out)).rejects.toMatchObject({ code: "debugger_command" });
});

test("does not follow a link that stands where the answer belongs", async () => {
  await rm(join(folder, "out/linked.json"), { force: true });
  await symlink("/etc/hostname", join(folder, "out/linked.json"));
  await using gdb = await openGdb(options({ rung: "python-only" }));
  await expect(gdb.runHelper("native", "/job/manifest.json", "/job/out/linked.json")).rejects.toBeInstanceOf(Failure);
  await rm(join(folder, "out/linked.json"));
});

test("cancelling ends gdb at once, with the signal's own reason, and leaves no process", async () => {
  const controller = new AbortController();
  await using gdb = await openGdb(options({ signal: controller.signal }));
  const running = gdb.loadCore({ core: manifest.core, executable }).then(() => gdb.runHelper("native"));
  const reason = new Failure("deadline_exceeded", "the time is up");
  controller.abort(reason);
  await expect(running).rejects.toBe(reason);
  await gdb[Symbol.asyncDispose]();
  expect(processesOf(folder)).toEqual([]);
});

test("a signal that was aborted before starts nothing", async () => {
  await expect(openGdb(options({ signal: AbortSignal.abort() }))).rejects.toMatchObject({ code: "job_cancelled" });
});

test("an absent gdb is named as such", async () => {
  await expect(openGdb(options({ gdb: "/nowhere/gdb" }))).rejects.toMatchObject({ code: "debugger_missing" });
});

test("a foreign core's Python half needs no other gdb", async () => {
  await using gdb = await openGdb(options({ machine: "s390x", rung: "python-only" }));
  expect((await gdb.runHelper("native")).answer).toMatchObject({ threads: [] });
});

test("memory beyond the limit ends gdb or its command, and nothing else", async () => {
  await expect(nativeAnswer({ limits: { debug_seconds: 60, debug_memory_bytes: 24 * 2 ** 20 } })).rejects.toMatchObject({ stage: "debug" });
  await sleep(10);
  expect(processesOf(folder)).toEqual([]);
});
