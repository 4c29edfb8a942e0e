/** A bundle, unpacked as a user would, opened with its own script in this machine's gdb. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Core, interpreterAt, makeCore, programsFolder } from "../corpus/make-core.ts";
import { mappedFiles } from "../support/mapped-files.ts";
import { startStack, type Stack } from "../support/stack.ts";
import { analyse } from "../support/submit.ts";
import { onTerminal } from "../support/terminal.ts";

const execute = promisify(execFile);
let stack: Stack;
let core: Core;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inquest-bundle-"));
  const interpreter = await interpreterAt("/usr/bin/python3");
  if (interpreter === null) throw new Error("/usr/bin/python3 does not run");
  core = await makeCore(interpreter, join(programsFolder, "null_dereference.py"));
  stack = await startStack();
}, 120_000);
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
  await core[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

test("opens the view of the analysis in a local gdb, native and Python", { timeout: 120_000 }, async () => {
  const { job, report } = await analyse(stack.url, { core: core.path, binaries: await mappedFiles(core.path, null) });
  const answer = await fetch(`${stack.url}${job.links.bundle}`);
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/x-tar"]);
  await writeFile(join(folder, "bundle.tar"), Buffer.from(await answer.arrayBuffer()));
  await execute("tar", ["-xf", "bundle.tar"], { cwd: folder });
  const opened = join(folder, `inquest-${job.id}`);
  expect(await readFile(join(opened, "core"))).toEqual(await readFile(core.path));
  expect(await readFile(join(opened, "report.txt"), "utf8")).toContain("SIGSEGV");
  const { stdout } = await execute("sh", [join(opened, "debug.sh"), "-batch", "-ex", "bt", "-ex", "inquest-python"], { cwd: folder, maxBuffer: 1 << 26 });
  const crashed = report.threads.find((thread) => thread.crashed);
  const first = crashed?.native_frames.find((frame) => "function" in frame && frame.function !== null);
  expect(stdout).toContain(first !== undefined && "function" in first ? (first.function ?? "?") : "?");
  const python = JSON.parse(await readFile(join(opened, "out/python.json"), "utf8"));
  const ours = crashed?.python_frames.flatMap((frame) => ("function" in frame ? [frame.function] : []));
  expect(python.threads[0].frames.map((frame: { function: string }) => frame.function)).toEqual(ours);
});

test("`inquest open` starts the local gdb in it, on the user's terminal, and leaves nothing behind", { timeout: 120_000 }, async () => {
  const { job } = await analyse(stack.url, { core: core.path, binaries: await mappedFiles(core.path, null) });
  const launcher = fileURLToPath(new URL("../../services/cli/inquest.mjs", import.meta.url));
  const temporary = join(folder, "temporary");
  await mkdir(temporary, { recursive: true });
  const { screen, status } = await onTerminal(
    `${process.execPath} ${launcher} open ${job.id}`,
    [
      { after: /\(gdb\) /, type: "print $_siginfo.si_signo\n" },
      { after: /\(gdb\) /, type: "inquest-python\n" },
      { after: /\(gdb\) /, type: "quit\n" },
    ],
    { PATH: process.env["PATH"] ?? "", HOME: folder, TMPDIR: temporary, TERM: "dumb", INQUEST_URL: stack.url },
  );
  expect(status, screen).toBe(0);
  expect(screen).toContain("died of SIGSEGV");
  expect(screen).toContain("$1 = 11");
  expect(screen).toMatch(/\\"threads\\": 1/);
  expect(await readdir(temporary)).toEqual([]);
});

test("is 404 for a job that is not there", async () => {
  expect((await fetch(`${stack.url}/v1/jobs/0199aaaa-0000-7000-8000-000000000000/bundle`)).status).toBe(404);
});
