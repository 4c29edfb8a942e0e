import { mkdtemp, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { probeSandbox } from "../../../workers/gdb/probe-sandbox.ts";
import { requireProgram } from "../../../services/sandbox/sandbox.ts";
import { debuggerFolders, hiddenFolders } from "../../../workers/gdb/debugger-folders.ts";
import { startSandboxed } from "../../../services/sandbox/sandboxed-process.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inquest-sandbox-"));
  await mkdir(join(folder, "out"));
  await writeFile(join(folder, "secret"), "of this job");
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const GiB = 2 ** 30;

/** Runs Python inside a sandboxed gdb and gives back what it prints. */
async function inside(code: string, changes: { readonly data?: number } = {}): Promise<string> {
  const gdb = requireProgram("gdb", "debugger_missing");
  const { child } = startSandboxed({
    command: [gdb, "-nx", "-batch", "-ex", `python exec(${JSON.stringify(code)})`],
    limits: { addressSpace: 4 * GiB, data: changes.data ?? GiB, cpuSeconds: 60, fileSize: 1 << 20 },
    readOnly: [...debuggerFolders(gdb), [folder, "/job"]],
    hidden: hiddenFolders(gdb),
    writable: [[join(folder, "out"), "/job/out"]],
  });
  child.stdin.end();
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await new Promise((resolve) => child.once("close", resolve));
  return text.trim();
}

const attempt = (action: string) => `
import os, socket, resource
try:
    ${action}
    print("done")
except (OSError, ValueError) as error:
    print(type(error).__name__)
`;

test("the host's files are not there", async () => {
  const seen = await inside("import os; print(sorted(os.listdir('/')), os.listdir('/dev'), os.path.exists('/usr/bin/sh'))");
  expect(seen).toMatch(/^\['dev', 'job', 'lib'.*'tmp', 'usr'\] \['(null|urandom)', '(null|urandom)'\] False$/);
});

test("this process's environment is not there", async () => {
  expect(await inside("import os; print(sorted(os.environ))")).toMatch(/^\['COLUMNS', 'HOME', 'LC_ALL', 'LINES', 'PATH'(, 'PWD')?\]$/);
});

test("it runs as nobody", async () => {
  expect(await inside("import os; print(os.getuid(), os.getgid())")).toBe("65534 65534");
});

test.each([
  ["open a socket", "socket.socket(socket.AF_INET)", "PermissionError"],
  ["open a unix socket", "socket.socket(socket.AF_UNIX)", "PermissionError"],
  ["fork", "os.fork()", "PermissionError"],
  ["run a shell", "os.execv('/bin/sh', ['sh'])", "FileNotFoundError"],
  ["write to the job", "open('/job/secret', 'w')", "OSError"],
  ["write beside the mounts", "open('/file', 'w')", "OSError"],
  ["raise its limits", "resource.setrlimit(resource.RLIMIT_CORE, (1, 1))", "ValueError"],
])("it cannot %s", async (_, action, answer) => {
  expect(await inside(attempt(action))).toMatch(new RegExp(`^${answer}$`));
});

test("it may write its answers, up to the limit of one file", async () => {
  expect(await inside(attempt("open('/job/out/answer', 'w').write('x')"))).toBe("done");
  expect(await readdir(join(folder, "out"))).toContain("answer");
  expect(
    await inside(
      `import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n${attempt("os.write(os.open('/job/out/large', os.O_WRONLY | os.O_CREAT), b'x' * (2 << 20)) > (1 << 20) and print('too much')")}`,
    ),
  ).not.toContain("too much");
});

test("it dumps no core", async () => {
  expect(await inside("import resource; print(resource.getrlimit(resource.RLIMIT_CORE))")).toBe("(0, 0)");
});

test("its memory is bounded", async () => {
  expect(await inside("len(bytearray(300 << 20)); print('had it')", { data: 200 << 20 })).not.toContain("had it");
});

test("threads work", async () => {
  expect(await inside("import threading; t = threading.Thread(target=print, args=('ran',)); t.start(); t.join()")).toBe("ran");
});

test("the probe answers for this machine and compiles the helpers once", async () => {
  const helperCache = join(folder, "helpers");
  const first = await probeSandbox({ gdb: "gdb", helperCache });
  expect(first).toEqual({ ok: true, gdb: expect.stringMatching(/^\d+/), helpers: expect.stringContaining(helperCache) });
  expect(await probeSandbox({ gdb: "gdb", helperCache })).toEqual(first);
  const files = await readdir(helperCache, { recursive: true });
  expect(files.filter((file) => file.endsWith("commands.py"))).toHaveLength(1);
  expect(files.filter((file) => /commands\.[\w-]+\.pyc$/.test(file))).toHaveLength(1);
});

test("the probe of an absent gdb says so", async () => {
  const answer = await probeSandbox({ gdb: "/nowhere/gdb", helperCache: join(folder, "helpers") });
  expect(answer).toEqual({ ok: false, code: "debugger_missing", reason: "/nowhere/gdb is not installed" });
});
