import { execFile } from "node:child_process";
import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isRunning } from "../../../services/sandbox/child-pid.ts";
import { gdbArguments } from "../../../workers/gdb/gdb-arguments.ts";
import { requireProgram } from "../../../services/sandbox/sandbox.ts";
import { debuggerFolders, hiddenFolders } from "../../../workers/gdb/debugger-folders.ts";
import { startSandboxed } from "../../../services/sandbox/sandboxed-process.ts";
import { MiSession, scrubStderr } from "../../../workers/gdb/session.ts";

const execute = promisify(execFile);

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inquest-session-"));
  await mkdir(join(folder, "out"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const GiB = 2 ** 30;

function start(lineCap = 1 << 20) {
  const gdb = requireProgram("gdb", "debugger_missing");
  const sandboxed = startSandboxed({
    command: [gdb, ...gdbArguments("python-only")],
    limits: { addressSpace: 4 * GiB, data: GiB, cpuSeconds: 60, fileSize: GiB },
    readOnly: debuggerFolders(gdb),
    hidden: hiddenFolders(gdb),
    writable: [[join(folder, "out"), "/out"]],
  });
  return { sandboxed, session: new MiSession(sandboxed, { lineCap, graceMs: 500 }) };
}

const python = (code: string) => `-interpreter-exec console "python ${code}"`;

async function processOf(sandboxed: ReturnType<typeof startSandboxed>): Promise<number> {
  const pid = await sandboxed.commandPid;
  if (pid === null) throw new Error("the sandbox did not tell its process");
  return pid;
}

test("answers go to those who asked, in whatever order they asked", async () => {
  await using session = start().session;
  await session.ready(20_000);
  const answers = await Promise.all([1, 2, 3].map((number) => session.request(python(`print(${number})`), 20_000)));
  expect(answers.map((answer) => answer.class)).toEqual(["done", "done", "done"]);
});

test("what gdb prints while a command runs comes with its answer", async () => {
  await using session = start().session;
  await session.ready(20_000);
  const { console } = await session.request(python("print('na\\303\\257ve')"), 20_000);
  expect(console.join("")).toBe("naïve\n");
});

test("a refused command fails with gdb's words and the session lives on", async () => {
  await using session = start().session;
  await session.ready(20_000);
  await expect(session.request("-no-such-command", 20_000)).rejects.toMatchObject({ code: "debugger_command", message: /no-such-command/ });
  await expect(session.request("-gdb-version", 20_000)).resolves.toMatchObject({ class: "done" });
});

test.each(["shell id", "-gdb-version\nshell id", "-a\rb", "-a\0b", ""])("sends no line that is not one MI command: %j", async (line) => {
  await using session = start().session;
  await session.ready(20_000);
  await expect(session.request(line, 20_000)).rejects.toMatchObject({ code: "debugger_command" });
});

test("a slow command is interrupted: it fails as overdue and gdb serves the next one", async () => {
  await using session = start().session;
  await session.ready(20_000);
  await expect(session.request(python("import time; time.sleep(60)"), 300)).rejects.toMatchObject({ code: "debugger_timeout" });
  await expect(session.request("-gdb-version", 20_000)).resolves.toMatchObject({ class: "done" });
});

test("a stopped gdb is overdue, killed, and leaves no process", async () => {
  const { sandboxed, session } = start();
  await session.ready(20_000);
  const pid = await processOf(sandboxed);
  process.kill(pid, "SIGSTOP");
  await expect(session.request("-gdb-version", 300)).rejects.toMatchObject({ code: "debugger_timeout" });
  expect(session.ended).toMatchObject({ code: "debugger_timeout" });
  await session[Symbol.asyncDispose]();
  expect(isRunning(pid)).toBe(false);
});

test("a gdb killed in mid-command has died of that signal, and leaves no process", async () => {
  const { sandboxed, session } = start();
  await session.ready(20_000);
  const pid = await processOf(sandboxed);
  const running = session.request(python("import time; time.sleep(60)"), 20_000);
  process.kill(pid, "SIGKILL");
  await expect(running).rejects.toMatchObject({ code: "debugger_died", message: /signal 9|SIGKILL/ });
  await expect(session.request("-gdb-version", 20_000)).rejects.toMatchObject({ code: "debugger_died" });
  await session[Symbol.asyncDispose]();
  expect(isRunning(pid)).toBe(false);
});

test("closing a session in mid-command leaves no process", async () => {
  const { sandboxed, session } = start();
  await session.ready(20_000);
  const pid = await processOf(sandboxed);
  const running = session.request(python("import time; time.sleep(60)"), 20_000).catch((error: unknown) => error);
  await session[Symbol.asyncDispose]();
  expect(await running).toMatchObject({ code: "debugger_died" });
  expect(isRunning(pid)).toBe(false);
});

test("a gdb that leaves has died, with its status", async () => {
  await using session = start().session;
  await session.ready(20_000);
  await expect(session.request(python("import os; os._exit(3)"), 20_000)).rejects.toMatchObject({ code: "debugger_died", message: /status 3/ });
});

test("a record beyond the cap ends the session as a breach of protocol", async () => {
  await using session = start(1_000).session;
  await session.ready(20_000);
  await expect(session.request(python("print('a' * 5000)"), 20_000)).rejects.toMatchObject({ code: "debugger_protocol" });
});

test("a command that the sandbox cannot execute is missing", async () => {
  const sandboxed = startSandboxed({
    command: ["/usr/lib/no-such-program"],
    limits: { addressSpace: 4 * GiB, data: GiB, cpuSeconds: 60, fileSize: GiB },
    readOnly: [],
    hidden: [],
    writable: [],
  });
  await using session = new MiSession(sandboxed, { lineCap: 1_000, graceMs: 100 });
  await expect(session.ready(20_000)).rejects.toMatchObject({ code: "debugger_missing" });
});

test("tells of stderr its last line, printable and short", () => {
  expect(scrubStderr("one\nBacktrace \x1b[31m\xff\n")).toBe("Backtrace ?[31m?");
  expect(scrubStderr(`${"x".repeat(500)}\n`)).toHaveLength(200);
  expect(scrubStderr("")).toBe("");
});

test("the scripts that a binary brings along are not run", async () => {
  const lines = ["\\004", "inlined\\n", "gdb.set_convenience_variable('ran', 1)\\n", "\\000"];
  const section = [
    '.pushsection .debug_gdb_scripts,\\"MS\\",@progbits,1',
    ...lines.map((line) => `.ascii \\"${line.replaceAll("\\", "\\\\")}\\"`),
    ".popsection",
  ];
  const source = join(folder, "scripts.c");
  await writeFile(source, `__asm__("${section.join("\\n")}");\n`);
  const library = join(folder, "out", "scripts.so");
  await execute("gcc", ["-shared", "-o", library, source]);
  const asked = "python print(gdb.convenience_variable('ran'))";
  // A gdb that may run them does.
  const free = await execute("gdb", ["-nx", "-batch", "-iex", "set auto-load safe-path /", "-ex", asked, library]);
  expect(free.stdout.trim()).toBe("1");
  await using session = start().session;
  await session.ready(20_000);
  await session.request("-file-exec-and-symbols /out/scripts.so", 20_000);
  const { console } = await session.request(`-interpreter-exec console "${asked}"`, 20_000);
  expect(console.join("").trim()).toBe("None");
});
