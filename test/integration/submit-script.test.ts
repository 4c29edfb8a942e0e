/** `curl -s …/submit.py | python3 - CORE` against the whole service, with this machine's Python and those that INQUEST_TEST_PYTHONS names. */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Caller, Scope } from "../../services/api/auth/caller.ts";
import type { Job } from "../../services/contract/job.ts";
import { openApiUnderTest } from "../api/support/api-under-test.ts";
import { type Core, type Interpreter, makeCore, programsFolder } from "../corpus/make-core.ts";
import { defaultInterpreters, interpretersFrom } from "../matrix/interpreters.ts";
import { startDroppingRelay } from "../support/dropping-relay.ts";
import { type Stack, startStack } from "../support/stack.ts";

const [own] = await defaultInterpreters(process.env["PATH"] ?? "");
if (own === undefined) throw new Error("no python3 is installed");
const named = (process.env["INQUEST_TEST_PYTHONS"] ?? "").split(/[\s,:]+/).filter((path) => path.startsWith("/"));
const others = named.length === 0 ? [] : await interpretersFrom({ paths: named, pyenvRoot: null, roots: [], path: "" });
const old = others.filter(({ version: [major, minor] }) => major < 3 || (major === 3 && minor < 6));
const runners: readonly Interpreter[] = [own, ...others.filter(({ path, version: [major, minor] }) => path !== own.path && major === 3 && minor >= 6)];

interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function ended(child: ChildProcess): Promise<Run> {
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  const [status] = await once(child, "close");
  return { status, stdout, stderr };
}

let stack: Stack;
let core: Core;
let second: Core;
let folder: string;
let script: string;

/** The script comes over the pipe, as from curl. */
async function send(python: string, words: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Run> {
  const child = spawn(python, ["-", ...words], { env: { PATH: process.env["PATH"] ?? "", ...environment }, stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.on("error", () => undefined).end(script);
  return ended(child);
}

async function jobs(): Promise<readonly Job[]> {
  const page: { readonly items: readonly Job[] } = JSON.parse(await (await fetch(`${stack.url}/v1/jobs?limit=50`)).text());
  return page.items;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inquest-submit-"));
  const program = join(programsFolder, "null_dereference.py");
  [stack, core, second] = await Promise.all([startStack({ environment: { INQUEST_LOG_LEVEL: "warn" } }), makeCore(own, program), makeCore(own, program)]);
  script = await (await fetch(`${stack.url}/submit.py`)).text();
});
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
  await core[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

describe("the script", () => {
  it("sends the core and what is missing of it, and prints the report; a second crash sends only its core", async () => {
    const first = await send(own.path, [core.path]);
    expect(first).toMatchObject({ status: 0, stdout: expect.stringContaining("null_dereference.py") });
    expect(first.stderr).toMatch(/sending \d+ files/);
    const again = await send(own.path, [second.path]);
    expect(again).toMatchObject({ status: 0, stdout: expect.stringContaining("null_dereference.py") });
    expect(again.stderr).not.toMatch(/sending \d+ file/);
    expect(again.stderr).toContain("sending the core");
  });

  for (const runner of runners) {
    it(`runs on Python ${runner.version.join(".")}, and answers scripts with JSON`, async () => {
      const { status, stdout } = await send(runner.path, ["--json", "--quiet", "--label", "host=web1", core.path]);
      expect(status).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        job: { status: "succeeded", labels: { host: "web1" } },
        report: { schema: 1, process: { signal: { name: "SIGSEGV" } } },
      });
    });
  }

  it("finds the binaries by itself: those of the report's modules were sent that the core maps from disk", async () => {
    const { stdout } = await send(own.path, ["--json", "--quiet", core.path]);
    const { report } = JSON.parse(stdout);
    const found = report.modules.filter(({ path }: { path: string }) => path.startsWith("/")).map(({ found: how }: { found: string }) => how);
    expect(found.length).toBeGreaterThan(2);
    expect(new Set(found)).not.toContain("missing");
  });

  it("tells what is wrong by its exit code: usage 1, refused 2, unreachable 4", async () => {
    const text = join(folder, "core.text");
    await writeFile(text, "not a core");
    expect(await send(own.path, [text])).toMatchObject({ status: 1, stderr: expect.stringContaining("not an ELF core") });
    expect(await send(own.path, [])).toMatchObject({ status: 1 });
    expect(await send(own.path, ["--label", "", core.path])).toMatchObject({ status: 1 });
    const refused = await send(own.path, ["--no-binaries", "--label", `long=${"x".repeat(4096)}`, core.path]);
    expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining("labels_invalid") });
    const nobody = await send(own.path, ["--url", "http://127.0.0.1:1", "--retries", "0", core.path]);
    expect(nobody).toMatchObject({ status: 4, stderr: expect.stringContaining("cannot be reached") });
  });

  it("sends logs with a core over a link that drops, and logs alone", async () => {
    const log = join(folder, "stderr.log");
    await writeFile(log, 'Fatal Python error: Segmentation fault\n\nCurrent thread 0x00007f0000000000 (most recent call first):\n  File "a.py", line 3 in f\n');
    await using api = await openApiUnderTest();
    await using relay = await startDroppingRelay(await api.listen(), { request: /^PATCH /, after: 1_000_000, drops: 2 });
    const words = ["--url", relay.url, "--json", "--no-wait", "--attach", log, "--label", "host=web1", "--priority", "high"];
    for (const pack of ["never", "gzip"]) {
      const { status, stdout, stderr } = await send(own.path, [...words, "--no-binaries", "--resume-from", "1M", "--pack", pack, core.path]);
      expect(status, stderr).toBe(0);
      const { job } = JSON.parse(stdout);
      expect(job).toMatchObject({ labels: { host: "web1" }, priority: "high", core: { filename: basename(core.path), size: (await stat(core.path)).size } });
      expect(await api.parts.jobs.attachments(job.id)).toMatchObject([{ filename: "stderr.log" }]);
    }
    expect(relay.dropped).toBe(2);
    for (const from of ["1T", "1"]) {
      const { status, stdout, stderr } = await send(own.path, [...words, "--resume-from", from]);
      expect(status, stderr).toBe(0);
      expect(JSON.parse(stdout).job).toMatchObject({ core: null, labels: { host: "web1" }, priority: "high" });
    }
  });

  it.each([
    ["as a form", ["--resume-from", "1T"], 1_000_000],
    ["resumable", ["--resume-from", "1M", "--pack", "never"], 1_500_000],
    ["resumable, packed by gzip on the way", ["--resume-from", "1M", "--pack", "gzip"], 150_000],
    ["resumable, packed by zstd on the way", ["--resume-from", "1M", "--pack", "zstd"], 150_000],
  ] as const)("goes on when the link drops in the middle (%s), and makes one job of it", async (_how, words, after) => {
    await using relay = await startDroppingRelay(stack.url, { after, drops: 2 });
    const before = (await jobs()).length;
    const { status, stdout, stderr } = await send(own.path, ["--url", relay.url, "--json", "--no-wait", ...words, core.path]);
    expect(stderr).toMatch(/again/);
    expect(status, stderr).toBe(0);
    expect(relay.dropped).toBe(2);
    expect((await jobs()).length).toBe(before + 1);
    const sha256 = createHash("sha256")
      .update(await readFile(core.path))
      .digest("hex");
    expect(JSON.parse(stdout).job.core).toMatchObject({ sha256, filename: basename(core.path) });
    expect((await readdir(join(stack.dataDir, "uploads")).catch(() => [])).filter((name) => name.endsWith(".part"))).toEqual([]);
  });

  it("gets through where the link drops at every stage, and leaves nothing half-written", async () => {
    await using api = await openApiUnderTest();
    await using relay = await startDroppingRelay(
      await api.listen(),
      { request: /^POST \/v1\/binaries\/missing /, after: 0, drops: 1 },
      { request: /^POST \/v1\/binaries /, after: 1_000_000, drops: 1 },
      { request: /^POST \/v1\/uploads /, after: 0, drops: 1 },
      { request: /^PATCH /, after: 1_000_000, drops: 2 },
    );
    const { status, stdout, stderr } = await send(own.path, ["--url", relay.url, "--json", "--no-wait", "--resume-from", "1M", "--pack", "never", core.path]);
    expect(status, stderr).toBe(0);
    expect(relay.dropped).toBe(5);
    expect(stderr).toMatch(/again[^]*sending \d+ files[^]*again[^]*sending the core[^]*the rest again/);
    const { job } = JSON.parse(stdout);
    expect(job.core.sha256).toBe(
      createHash("sha256")
        .update(await readFile(core.path))
        .digest("hex"),
    );
    expect(job.missing_binaries.filter(({ needed_for: why }: { needed_for: string }) => why !== "symbols")).toEqual([]);
    expect((await api.ask({ url: "/v1/jobs" })).json().items).toHaveLength(1);
    expect(await readdir(join(api.folder, "blobs/tmp"))).toEqual([]);
    expect((await readdir(join(api.folder, "uploads"))).filter((name) => name.endsWith(".part"))).toEqual([]);
  });

  it("prints the report though the link drops while it waits for it", async () => {
    await using relay = await startDroppingRelay(
      stack.url,
      { request: /^GET \/v1\/jobs\/[^/]+ /, after: 0, drops: 1 },
      { request: /^GET \/v1\/jobs\/[^/]+\?/, after: 0, drops: 1 },
      { request: /^GET \/v1\/jobs\/[^/]+\/report/, after: 0, drops: 1 },
    );
    // Not equal to one that was sent before: its report would be there at once.
    const another = `${core.path}.another`;
    await writeFile(another, Buffer.concat([await readFile(core.path), randomBytes(64)]));
    const { status, stdout, stderr } = await send(own.path, ["--url", relay.url, another]);
    expect(status, stderr).toBe(0);
    expect(stdout).toContain("null_dereference.py");
    expect(relay.dropped).toBeGreaterThanOrEqual(2);
  });

  it("sends what a packed core misses, although only the service can look inside it", async () => {
    const packed = join(folder, "core.python3.0.8a2f6c2d7c1e4b0f9d3e5a6b7c8d9e0f.4711.1700000000000000.zst");
    await writeFile(packed, zstdCompressSync(await readFile(core.path)));
    await using fresh = await startStack();
    const { status, stdout, stderr } = await send(own.path, ["--url", fresh.url, "--json", packed]);
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(/sending \d+ files/);
    const { job, report } = JSON.parse(stdout);
    expect(job.core).toMatchObject({ size: (await stat(core.path)).size });
    expect(job.missing_binaries.filter(({ needed_for: why }: { needed_for: string }) => why !== "symbols")).toEqual([]);
    expect(report.modules.some(({ found }: { found: string }) => found === "store")).toBe(true);
  });

  it("measures a link that it does not know, and packs for one that is slow", async () => {
    // A link of 8 MB/s to another machine.
    const line = `import runpy, sys, time
module = runpy.run_path(sys.argv[1])
Service, send = module["Service"], module["Service"].once
def slowly(self, method, path, headers, body):
    if method == "PATCH":
        time.sleep(body[0] / 8e6 if body[0] else 0)
    return send(self, method, path, headers, body)
Service.once = slowly
Service.local = False
options = module["parser"]().parse_args(sys.argv[2:])
options.labels = {}
sys.exit(module["Submission"](Service(options.url, None, 0), options).run(options.cores[0]))
`;
    const path = join(folder, "slow-submit.py");
    await writeFile(path, script);
    const large = join(folder, "core.large");
    const bytes = await readFile(core.path);
    await writeFile(large, Buffer.concat([bytes, Buffer.alloc(Math.max(0, (12 << 20) - bytes.length), "text ")]));
    const words = ["--url", stack.url, "--no-wait", "--json", "--no-binaries", large];
    const { stdout, stderr } = await ended(spawn(own.path, ["-c", line, path, ...words]));
    expect(stderr).toMatch(/packed by (?:zstd|gzip)/);
    expect(JSON.parse(stdout).job.core.sha256).toBe(
      createHash("sha256")
        .update(await readFile(large))
        .digest("hex"),
    );
  });

  it("does not send twice with a token that may only submit", async () => {
    const caller: Caller = { project: "default", scopes: new Set<Scope>(["submit"]) };
    await using api = await openApiUnderTest({ parts: { authenticate: () => caller } });
    const url = await api.listen();
    const first = await send(own.path, ["--url", url, core.path]);
    expect(first).toMatchObject({ status: 0, stderr: expect.stringContaining("may submit but not read") });
    expect(first.stderr).toMatch(/sending \d+ file/);
    const again = await send(own.path, ["--url", url, second.path]);
    expect(again.stderr).not.toMatch(/sending \d+ file/);
    expect(again.status).toBe(0);
    expect(await send(own.path, ["--url", url, "--resume-from", "1M", second.path])).toMatchObject({
      status: 0,
      stderr: expect.not.stringContaining("sending 1 file"),
    });
  });

  for (const runner of old) {
    it(`says on Python ${runner.version.join(".")} what it needs`, async () => {
      expect(await send(runner.path, [core.path])).toMatchObject({ status: 1, stderr: expect.stringMatching(/^inquest: this needs Python 3\.6 .*\n$/) });
    });
  }

  it("notices a core that changes while it is sent", async () => {
    const growing = join(folder, "core.growing");
    await writeFile(growing, await readFile(core.path));
    const line = `import os, runpy, sys
module = runpy.run_path(sys.argv[1])
file = module["LocalFile"](sys.argv[2])
chunks = file.chunks()
next(chunks)
os.utime(sys.argv[2], (1, 1))
try:
    list(chunks)
except module["Changed"]:
    print("changed")
`;
    const path = join(folder, "submit.py");
    await writeFile(path, script);
    expect((await ended(spawn(own.path, ["-c", line, path, growing]))).stdout).toBe("changed\n");
  });

  it("takes the cores of a folder once each, also across runs", async () => {
    const place = join(folder, "cores");
    await mkdir(place);
    await writeFile(join(place, "coredump-python3.77"), await readFile(core.path));
    await writeFile(join(place, "core.notes"), "no core");
    const words = ["--watch", place, "--once", "--no-wait"];
    const first = await send(own.path, words);
    expect(first.stdout.trim().split("\n")).toHaveLength(1);
    expect(first.status).toBe(0);
    expect(await send(own.path, words)).toMatchObject({ status: 0, stdout: "" });
  });

  it("takes a core from coredumpctl", async () => {
    const tools = join(folder, "tools");
    await mkdir(tools);
    await writeFile(join(tools, "coredumpctl"), `#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\n[ "$4" = python3 ] && cp ${core.path} "$2"\n`);
    await chmod(join(tools, "coredumpctl"), 0o755);
    const environment = { PATH: `${tools}:${process.env["PATH"] ?? ""}` };
    expect(await send(own.path, ["--no-wait", "--coredumpctl", "python3"], environment)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining("/v1/jobs/"),
    });
    expect(await send(own.path, ["--no-wait", "--coredumpctl", "nothing"], environment)).toMatchObject({ status: 1 });
  });
});

describe("the kernel's handler", () => {
  const places = () => ({ prefix: join(folder, "lib"), spool: join(folder, "spool"), pattern: join(folder, "core_pattern") });
  const words = (more: readonly string[] = []) => {
    const { prefix, spool, pattern } = places();
    return ["--prefix", prefix, "--spool", spool, "--core-pattern-file", pattern, "--keep-free", "1M", ...more];
  };
  /** Only standard input is open. */
  const asKernel = (handler: string, args: readonly string[]) =>
    spawn("sh", ["-c", 'exec "$0" "$@" >&- 2>&-', handler, ...args], { stdio: ["pipe", "ignore", "ignore"] });
  const until = async (holds: () => Promise<boolean>) => {
    while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 100));
  };

  it("takes a core from the pipe, lets the crashed process go and sends it, whatever the process called itself", async () => {
    const { prefix, spool, pattern } = places();
    await writeFile(pattern, "core.%p\n");
    expect(await send(own.path, ["--install-handler", ...words()])).toMatchObject({ status: 0 });
    expect(await readFile(pattern, "utf8")).toBe(`|${prefix}/submit.py --handle %P %e %s %t\n`);
    const child = asKernel(join(prefix, "submit.py"), ["--handle", "4194304", "--url=http://x y", "11", "1700000000"]);
    createReadStream(core.path).pipe(child.stdin);
    const [status] = await once(child, "close");
    expect(status).toBe(0);
    await until(async () => (await jobs()).some((job) => job.core?.filename === "coredump---url_http___x_y.4194304"));
    await until(async () => (await readdir(spool)).every((name) => !name.startsWith("coredump-")));
  });

  it("keeps to its limits: a core that is too large is cut off, not waited for", async () => {
    const { prefix, spool } = places();
    expect(await send(own.path, ["--install-handler", ...words(["--max-core", "2M"])])).toMatchObject({ status: 0 });
    const child = asKernel(join(prefix, "submit.py"), ["--handle", "4194304", "big", "11", "1700000000"]);
    child.stdin.on("error", () => undefined);
    const timer = setInterval(() => child.stdin.write(Buffer.alloc(1 << 16, 1)), 1);
    await once(child, "exit");
    clearInterval(timer);
    expect(await readFile(join(spool, "handler.log"), "utf8")).toContain("cut off by a limit");
    await until(async () => (await readdir(spool)).includes("coredump-big.4194304.refused"));
  });

  it("remembers what was in core_pattern across a second install, and puts it back", async () => {
    const { prefix, pattern } = places();
    expect(await send(own.path, ["--install-handler", ...words()])).toMatchObject({ status: 0 });
    expect(await send(own.path, ["--uninstall", ...words()])).toMatchObject({ status: 0 });
    expect(await readFile(pattern, "utf8")).toBe("core.%p\n");
    await expect(readdir(prefix)).rejects.toThrow("ENOENT");
    expect(await send(own.path, ["--uninstall", ...words()])).toMatchObject({ status: 1 });
  });

  it("leaves a core_pattern alone that was changed since", async () => {
    const { pattern } = places();
    await send(own.path, ["--install-handler", ...words()]);
    await writeFile(pattern, "|/somebody/else\n");
    expect(await send(own.path, ["--uninstall", ...words()])).toMatchObject({ status: 0, stdout: expect.stringContaining("changed since") });
    expect(await readFile(pattern, "utf8")).toBe("|/somebody/else\n");
  });
});
