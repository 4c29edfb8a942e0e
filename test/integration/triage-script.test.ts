/** docs/scripts/triage.sh as a user takes it: bash, curl and jq against the whole service, with real cores of the interpreters at hand. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeCore, programsFolder } from "../corpus/make-core.ts";
import { interpretersFrom } from "../matrix/interpreters.ts";
import { mappedFiles } from "../support/mapped-files.ts";
import { type Stack, startStack } from "../support/stack.ts";

const script = fileURLToPath(new URL("../../docs/scripts/triage.sh", import.meta.url));
const found = await interpretersFrom({ paths: [], pyenvRoot: join(homedir(), ".pyenv"), roots: [], path: process.env["PATH"] ?? "" });
/** The oldest and the newest Python 3 at hand; of one where there is only one. */
const modern = found.filter(({ version: [major, minor] }) => major === 3 && minor >= 6);
const interpreters = [...new Set([modern[0], modern.at(-1)])].filter((each) => each !== undefined);

let stack: Stack;
let folder: string;
let cores: string;

async function addCores(program: string): Promise<void> {
  for (const interpreter of interpreters) {
    const name = `core.${program}-${interpreter.version.join(".")}`;
    await using core = await makeCore(interpreter, join(programsFolder, `${program}.py`));
    for (const file of await mappedFiles(core.path, null)) await cp(file, join(folder, "binaries", file.replaceAll("/", "_")));
    await cp(core.path, join(cores, name));
  }
}

async function triage(...words: readonly string[]) {
  const child = spawn("bash", [script, ...words], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder, LC_ALL: "C.UTF-8", INQUEST_URL: stack.url },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  const [status] = await once(child, "close");
  return { status, stdout, stderr };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inquest-triage-"));
  cores = join(folder, "cores");
  await mkdir(cores);
  await mkdir(join(folder, "binaries"));
  stack = await startStack({ environment: { INQUEST_LOG_LEVEL: "warn" } });
  for (const program of ["null_dereference", "aborts"]) await addCores(program);
});
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const each = interpreters.length;

test("prints the groups with an example of each, and ends with 10 for those that are new", async () => {
  const { status, stdout, stderr } = await triage("-b", "binaries", "-l", "release=1.0", "cores");
  expect({ status, stderr }).toMatchObject({ status: 10, stderr: expect.stringContaining("every group is new") });
  const rows = stdout.split("\n\n")[0]?.split("\n") ?? [];
  expect(rows[0]).toMatch(/HERE +COUNT +STATUS +TREND +PYTHON +EXECUTABLE +CRASH$/);
  expect(rows.slice(1).toSorted()).toEqual([
    expect.stringMatching(/^NEW .*SIGABRT in aborts\.give_up, from aborts\.<module>$/),
    expect.stringMatching(/^NEW .*SIGSEGV in /),
  ]);
  for (const row of rows.slice(1)) expect(row.split(/ +/).slice(0, 4)).toEqual(["NEW", String(each), String(each), "open"]);
  expect(stdout).toContain("cause      A null pointer was dereferenced (certain)");
  expect(stdout).toContain(`${each * 2} cores: 2 groups, 2 of them new; 0 without a signature, 0 failed, 0 refused`);
});

test("ends with 0 when all groups are known, and counts no core twice", async () => {
  const { status, stdout, stderr } = await triage("-l", "release=1.0", "cores");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).not.toContain("NEW");
  expect(stdout).toContain(`${each * 2} cores: 2 groups, 0 of them new`);
});

test("tells the one new group among known ones, and by a time instead of a file", async () => {
  const before = new Date().toISOString();
  await addCores("division");
  const later = await triage("-n", before, "-b", "binaries", "-l", "release=1.0", "cores");
  expect(later.status).toBe(10);
  const { status, stdout } = await triage("-l", "release=1.0", "cores");
  expect(status).toBe(10);
  for (const printed of [later.stdout, stdout]) {
    expect(printed.split("\n").filter((line) => line.startsWith("NEW "))).toEqual([
      expect.stringMatching(/^NEW .*SIGFPE in /),
      expect.stringMatching(/^NEW GROUP [0-9a-f]{32} {2}SIGFPE in /),
    ]);
  }
});

test("tells what is refused, whatever its name, and goes on with the others", async () => {
  await writeFile(join(cores, 'no "core", really; @x'), "just text\n");
  const { status, stdout, stderr } = await triage("-n", new Date().toISOString(), "-l", "release=1.0", "cores");
  expect(status).toBe(2);
  expect(stderr).toMatch(/^refused {2}cores\/no "core", really; @x: not_a_core: .*\n$/);
  expect(stdout).toContain("3 groups, 0 of them new; 0 without a signature, 0 failed, 1 refused");
  expect((await readFile(join(folder, "inquest-groups.txt"), "utf8")).trim().split("\n")).toHaveLength(3);
});

test("ends with 1 for a wrong call and with 4 when nobody answers", async () => {
  expect((await triage("nowhere")).status).toBe(1);
  expect((await triage("-u", "http://127.0.0.1:9", "cores")).status).toBe(4);
});
