/** The `inquest` command as a user runs it, against a real API. No worker: jobs stay queued. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { terminalOf } from "../../services/cli/terminal.ts";
import { commands } from "../../services/cli/usage.ts";
import { type ApiUnderTest, openApiUnderTest } from "../api/support/api-under-test.ts";
import { heldChange } from "../api/support/held-change.ts";
import { signature } from "../storage/group-contract.ts";
import { newJob, newReport } from "../storage/sample.ts";
import { tinyCore } from "../api/support/tiny-core.ts";

const execute = promisify(execFile);
const launcher = fileURLToPath(new URL("../../services/cli/inquest.mjs", import.meta.url));

let api: ApiUnderTest;
let url: string;
let folder: string;
let core: string;
beforeAll(async () => {
  api = await openApiUnderTest();
  url = await api.listen();
  folder = await mkdtemp(join(tmpdir(), "inquest-cli-"));
  core = join(folder, "core.python3.4711");
  await writeFile(core, tinyCore());
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function inquest(words: readonly string[], environment: Readonly<Record<string, string>> = { INQUEST_URL: url }) {
  const child = spawn(process.execPath, [launcher, ...words], { env: { PATH: process.env["PATH"] ?? "", HOME: folder, ...environment }, cwd: folder });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  const [status] = await once(child, "close");
  return { status, stdout, stderr };
}

test("submit sends a core with its labels; list finds it by them, and pages on", async () => {
  for (const host of ["web1", "web2", "web1"]) {
    const sent = await inquest(["submit", core, "--no-wait", "--json", "--label", `host=${host}`]);
    expect(sent.status).toBe(0);
    expect(JSON.parse(sent.stdout)).toMatchObject({ core: { filename: "core.python3.4711" }, labels: { host } });
  }
  const found = await inquest(["list", "--json", "--label", "host=web1"]);
  expect(
    found.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).labels.host),
  ).toEqual(["web1", "web1"]);
  expect((await inquest(["list", "--limit", "1"])).stdout.trim().split("\n")).toHaveLength(1);
});

test("show tells a job that has not ended, without colours where no terminal is", async () => {
  const { stdout: id } = await inquest(["submit", core, "--no-wait"]);
  const { status, stdout } = await inquest(["show", id.trim()]);
  expect(status).toBe(0);
  expect(stdout).toContain(`${id.trim()}  `);
  expect(stdout).not.toContain("\x1b");
});

test("colours are for terminals, unless NO_COLOR says otherwise", () => {
  const screen = { isTTY: true, write: () => true };
  const file = { write: () => true };
  expect(terminalOf(screen, screen, false).red("x")).toBe("\x1b[31mx\x1b[0m");
  expect(terminalOf(screen, screen, true).red("x")).toBe("x");
  expect(terminalOf(file, screen, false).red("x")).toBe("x");
});

test("binaries push sends each binary once", async () => {
  const place = join(folder, "binaries");
  await mkdir(place);
  await writeFile(join(place, "notes.txt"), "no binary");
  const child = spawn("cp", ["/bin/sh", join(place, "sh")]);
  await once(child, "close");
  expect(await inquest(["binaries", "push", place])).toMatchObject({ status: 0, stderr: "1 binaries, 0 of them known there, 1 sent\n" });
  expect(await inquest(["binaries", "push", place])).toMatchObject({ status: 0, stdout: "", stderr: "1 binaries, 1 of them known there, 0 sent\n" });
});

test.each([
  ["list", "/v1/jobs"],
  ["groups", "/v1/groups"],
  ["reanalyze", "/v1/jobs/reanalyze"],
  ["delete", "/v1/jobs/delete"],
  ["label", "/v1/jobs/label"],
] as const)("%s knows every filter of the API", (name, path) => {
  const operations = api.document.paths[path];
  const parameters = ((operations?.["get"] ?? operations?.["post"])?.parameters ?? []).filter(({ in: where }) => where === "query");
  const expected = parameters
    .map((parameter) => parameter.name.replace("label.NAME", "label").replaceAll("_", "-"))
    .filter((each) => !["cursor", "wait"].includes(each));
  const own = ["set", "remove", "no-wait"];
  expect(
    Object.keys(commands[name]?.options ?? {})
      .filter((each) => !own.includes(each))
      .toSorted(),
  ).toEqual(expected.toSorted());
});

test("groups are listed, shown and changed", async () => {
  for (const hash of ["one", "one", "two"]) {
    const { job } = await api.parts.jobs.create(newJob({ labels: { release: "1.0" } }));
    const started = await api.parts.jobs.start(job.id);
    await api.parts.jobs.finish(job.id, started?.run ?? 0, { report: newReport(job.id, { signature: signature(hash) }), missingBinaries: [] });
  }
  const { stdout } = await inquest(["groups", "--sort", "count", "--label", "release=1.0"]);
  expect(stdout).toMatch(/^one +2 .*\ntwo +1 .*\n$/);
  expect(await inquest(["group", "one", "--status", "resolved", "--resolved-in", "1.1", "--note", "mended"])).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/resolved in 1\.1(.|\n)*release +1\.0 \(2\)(.|\n)*note +mended/),
  });
  const merged = await inquest(["group", "one", "--merge", "two", "--json"]);
  expect(JSON.parse(merged.stdout)).toMatchObject({ count: 3, status: "resolved" });
  expect(await inquest(["group", "one", "--status", "regressed"])).toMatchObject({ status: 1 });
  expect(await inquest(["group", "nothing"])).toMatchObject({ status: 2, stderr: expect.stringContaining("group_not_found") });
});

test("delete deletes, and reanalyze queues again", async () => {
  const { stdout: id } = await inquest(["submit", core, "--no-wait"]);
  const started = await api.parts.jobs.start(id.trim());
  await api.parts.jobs.finish(id.trim(), started?.run ?? 0, { report: newReport(id.trim()), missingBinaries: [] });
  expect(await inquest(["reanalyze", id.trim(), "--no-wait", "--json"])).toMatchObject({ status: 0, stdout: expect.stringContaining('"status":"queued"') });
  expect(await inquest(["delete", id.trim()])).toMatchObject({ status: 0, stdout: `${id.trim()} deleted\n` });
  expect(await inquest(["show", id.trim()])).toMatchObject({ status: 2 });
});

test("several small cores go in one request, each its own job, and damaged ones are told by their files", async () => {
  const paths = [11, 12, 13].map((fill) => join(folder, `core.many.${fill}`));
  for (const [index, path] of paths.entries()) await writeFile(path, tinyCore(4_096, index + 11));
  const damaged = join(folder, "core.damaged");
  await writeFile(damaged, Buffer.concat([Buffer.from("no core"), Buffer.alloc(100)]));
  const sent = await inquest(["submit", ...paths, damaged, "/bin/true", "--no-wait", "--json", "--label", "batch=bulk", "--priority", "high"]);
  expect(sent).toMatchObject({ status: 2, stderr: expect.stringMatching(/core\.damaged: .*\(not_a_core\)/) });
  const lines: Record<string, unknown>[] = sent.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const told = { status: "queued", priority: "high", labels: { batch: "bulk" } };
  expect(lines).toMatchObject([
    ...paths.map((path) => ({ ...told, core: { filename: basename(path) } })),
    { file: damaged, job: null, error: { code: "not_a_core" } },
  ]);
  expect((await api.ask({ url: "/v1/jobs?label.batch=bulk" })).json().items).toHaveLength(3);
  const again = await inquest(["submit", ...paths, "--no-wait", "--priority", "low"]);
  expect(again.stdout.trim().split("\n")).toHaveLength(3);
  expect(again.stderr).toMatch(/^bulk [0-9a-f-]{36}\n/);
  expect(await inquest(["submit", ...paths, "--priority", "urgent"])).toMatchObject({ status: 1, stderr: expect.stringContaining("high, normal, low") });
});

test("a damaged core among some that go one by one does not keep the others", async () => {
  const damaged = join(folder, "core.alone");
  await writeFile(damaged, Buffer.alloc(200));
  const sent = await inquest(["submit", damaged, core, "--no-wait", "--pack", "gzip"]);
  expect(sent).toMatchObject({ status: 2, stdout: expect.stringMatching(/^[0-9a-f-]{36}\n$/), stderr: expect.stringContaining("core.alone") });
});

test("a change of many jobs is listed, and cancelled while it runs", async () => {
  const id = await heldChange(api.parts.bulkChanges, "batch", "none");
  expect((await inquest(["changes", "--state", "running"])).stdout).toMatch(
    new RegExp(`^${id} .* running +delete +0 of 0 seen, 0 changed +label\\.batch=none\n$`),
  );
  expect(await inquest(["change", id, "--cancel"])).toMatchObject({ status: 0, stdout: expect.stringContaining("cancelled") });
  expect(await inquest(["change", id])).toMatchObject({ status: 3, stderr: expect.stringContaining("cancelled after 0 of 0") });
  expect(await inquest(["change", id, "--cancel", "--json"])).toMatchObject({ status: 0, stdout: expect.stringContaining('"state":"cancelled"') });
});

test("label and delete work on all jobs that filters leave, and a dry run only tells", async () => {
  for (let count = 0; count < 2; count += 1) await api.parts.jobs.create(newJob({ labels: { batch: "many" } }));
  expect(await inquest(["label", "--label", "batch=many", "--set", "seen=yes", "--remove", "nothing"])).toMatchObject({ status: 0, stdout: "2 labelled\n" });
  const dry = await inquest(["delete", "--label", "seen=yes", "--dry-run"]);
  expect(dry.stdout).toMatch(/^2 would be deleted\n {2}[0-9a-f-]{36} {2}queued {2}python3\.11\n/);
  expect(JSON.parse((await inquest(["delete", "--label", "batch=many", "--json"])).stdout)).toMatchObject({ changed: 2, state: "complete" });
});

test("the package holds what the command needs, and no tests", async () => {
  const { stdout } = await execute("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: fileURLToPath(new URL("../..", import.meta.url)) });
  const [{ files }]: [{ files: { path: string }[] }] = JSON.parse(stdout);
  const paths = files.map(({ path }) => path);
  expect(paths).toEqual(expect.arrayContaining(["services/cli/inquest.mjs", "services/web/submit.py", "gdb-scripts/load.py", "docker/setup.sh", "README.md"]));
  expect(paths.filter((path) => path.startsWith("test/"))).toEqual([]);
});

test("bundle writes the tar, and nothing when there is no such job", async () => {
  const { stdout: id } = await inquest(["submit", core, "--no-wait"]);
  expect(await inquest(["bundle", id.trim(), "--output", "it.tar"])).toMatchObject({ status: 0, stdout: `${join(folder, "it.tar")}\n` });
  expect(await inquest(["bundle", "nothing"])).toMatchObject({ status: 2, stderr: expect.stringContaining("job_not_found") });
});

test("the configuration file stands in for the environment", async () => {
  const home = join(folder, "config");
  await mkdir(join(home, "inquest"), { recursive: true });
  await writeFile(join(home, "inquest/config.json"), JSON.stringify({ url }));
  expect(await inquest(["list", "--limit", "1"], { XDG_CONFIG_HOME: home })).toMatchObject({ status: 0 });
  await writeFile(join(home, "inquest/config.json"), "no json");
  expect(await inquest(["list"], { XDG_CONFIG_HOME: home })).toMatchObject({ status: 1, stderr: expect.stringContaining("config.json") });
});

test("what goes wrong is told by the exit code: usage 1, refused 2, unreachable 4", async () => {
  expect(await inquest(["dance"])).toMatchObject({ status: 1 });
  expect(await inquest(["list", "--colour"])).toMatchObject({ status: 1 });
  for (const name of ["list", "groups", "changes"])
    expect(await inquest([name, "web1"])).toMatchObject({ status: 1, stdout: "", stderr: expect.stringContaining("web1: a list takes filters") });
  expect(await inquest(["submit", join(folder, "nowhere")])).toMatchObject({ status: 1 });
  expect(await inquest(["show", "nothing"])).toMatchObject({ status: 2, stderr: expect.stringContaining("job_not_found") });
  expect(await inquest(["list", "--signal", "nonsense"])).toMatchObject({ status: 2, stderr: expect.stringContaining("invalid_parameter") });
  expect(await inquest(["list"], { INQUEST_URL: "http://127.0.0.1:1" })).toMatchObject({ status: 4 });
});

test.each(["bash", "zsh", "fish"])("completion for %s knows every command and option", async (shell) => {
  const { status, stdout } = await inquest(["completion", shell]);
  expect(status).toBe(0);
  for (const [name, { options }] of Object.entries(commands)) {
    expect(stdout).toContain(name);
    for (const option of Object.keys(options)) expect(stdout).toContain(shell === "fish" ? `-l ${option}` : `--${option}`);
  }
});
