/** `npm start` as a user runs it: what it starts, watches, refuses and leaves behind. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { freePort, startStack } from "../support/stack.ts";

const program = fileURLToPath(new URL("../../services/all-in-one.ts", import.meta.url));
const limitMs = 30_000;

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

async function dataFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "inquest-supervisor-"));
  folders.push(folder);
  return folder;
}

/** Live processes whose command line or environment names the folder. */
async function processesOf(folder: string): Promise<{ pid: number; line: string }[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const line = await readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "");
      const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
      return `${line}${environment}`.includes(folder) ? { pid: Number(pid), line } : null;
    }),
  );
  return found.filter((each) => each !== null);
}

const pidOf = async (folder: string, text: string) => (await processesOf(folder)).find(({ line }) => line.includes(text))?.pid;

test("SIGTERM ends everything in order and leaves no process", async () => {
  const dataDir = await dataFolder();
  const stack = await startStack({ dataDir });
  expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
  expect((await processesOf(dataDir)).length).toBeGreaterThanOrEqual(4);
  expect(await stack.stop()).toBe(0);
  expect(await processesOf(dataDir)).toEqual([]);
});

test("says that it is ready with a line to try, and logs requests but not each look at its health", async () => {
  await using stack = await startStack();
  await fetch(`${stack.url}/v1/limits`);
  await expect.poll(() => stack.log()).toContain('"route":"/v1/limits"');
  expect(stack.log()).toMatch(/^Inquest is ready at http:\/\/.*\nTry: {2}curl -F core=@core /m);
  expect(stack.log()).not.toMatch(/healthz|readyz/);
});

test("a part that is killed is started again", async () => {
  const dataDir = await dataFolder();
  await using stack = await startStack({ dataDir });
  for (const part of ["workers/main.ts", "services/server.ts", "redis-server"]) {
    const former = await pidOf(dataDir, part);
    if (former === undefined) throw new Error(`${part} does not run`);
    process.kill(former, "SIGKILL");
    await expect.poll(async () => ![undefined, former].includes(await pidOf(dataDir, part)), { timeout: limitMs }).toBe(true);
  }
  const ready = () =>
    fetch(`${stack.url}/readyz`).then(
      ({ status }) => status,
      () => 0,
    );
  await expect.poll(ready, { timeout: limitMs }).toBe(200);
});

test("its parts do not outlive it when it is killed, and the next start takes the folder over", async () => {
  const dataDir = await dataFolder();
  const first = await startStack({ dataDir });
  const ended = once(first.process, "exit");
  first.process.kill("SIGKILL");
  await ended;
  const parts = async () => (await processesOf(dataDir)).filter(({ line }) => !line.includes("redis-server"));
  await expect.poll(async () => (await parts()).length, { timeout: limitMs }).toBe(0);
  const second = await startStack({ dataDir });
  expect(await second.stop()).toBe(0);
  expect(await processesOf(dataDir)).toEqual([]);
});

async function failure(environment: Record<string, string>): Promise<{ code: number | null; text: string }> {
  const child = spawn(process.execPath, [program], { env: { ...process.env, ...environment }, stdio: ["ignore", "ignore", "pipe"] });
  let text = "";
  child.stderr.on("data", (chunk: Buffer) => void (text += chunk.toString()));
  await once(child, "close");
  return { code: child.exitCode, text };
}

test("a second one in the same data folder is refused, with what to do", async () => {
  const dataDir = await dataFolder();
  await using _stack = await startStack({ dataDir });
  const { code, text } = await failure({ INQUEST_DATA_DIR: dataDir, INQUEST_LISTEN: `127.0.0.1:${await freePort()}` });
  expect(code).toBe(1);
  expect(text).toMatch(/another Inquest \(pid \d+\) runs in this data folder/);
  expect(text).toContain("INQUEST_DATA_DIR");
});

test.each([
  ["INQUEST_LISTEN", "everywhere"],
  ["INQUEST_WORKERS", "0"],
  ["INQUEST_MAX_CORE", "much"],
  ["INQUEST_LOG_LEVEL", "loud"],
  ["INQUEST_DATABASE_URL", "mysql://x"],
])("a bad %s ends the start with a message that names it", async (name, value) => {
  const { code, text } = await failure({ INQUEST_DATA_DIR: await dataFolder(), [name]: value });
  expect(code).toBe(1);
  expect(text).toContain(`${name}="${value}"`);
});

test("a port that is taken ends the start at once, and names the variable", async () => {
  const dataDir = await dataFolder();
  await using stack = await startStack({ dataDir });
  const { code, text } = await failure({ INQUEST_DATA_DIR: await dataFolder(), INQUEST_LISTEN: new URL(stack.url).host });
  expect(code).toBe(1);
  expect(text).toContain("INQUEST_LISTEN");
});
