import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import packageFile from "../package.json" with { type: "json" };
import { openRaw, head } from "./api/support/raw-http.ts";
import { tinyCore } from "./api/support/tiny-core.ts";
import { type PrivateRedis, startPrivateRedis } from "./support/private-redis.ts";

const program = fileURLToPath(new URL("../services/server.ts", import.meta.url));

let folder = "";
let redis: PrivateRedis;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inquest-server-"));
  redis = await startPrivateRedis();
});
afterAll(async () => {
  await redis[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

test.each(["../services/server.ts", "../workers/main.ts"])("%s --version needs no configuration", async (path) => {
  const child = spawn(process.execPath, [fileURLToPath(new URL(path, import.meta.url)), "--version"], {
    env: { PATH: process.env["PATH"] ?? "", INQUEST_LISTEN: "nonsense" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  await once(child, "close");
  expect(child.exitCode).toBe(0);
  expect(output).toBe(`${packageFile.version}\n`);
});

interface Server extends AsyncDisposable {
  readonly child: ChildProcess;
  output(): string;
  readonly ended: Promise<number | null>;
}

function start(environment: Record<string, string>): Server {
  const child = spawn(process.execPath, ["--import", "tsx", program], {
    env: { PATH: process.env["PATH"] ?? "", INQUEST_DATA_DIR: folder, INQUEST_LISTEN: "127.0.0.1:0", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = once(child, "close").then(() => child.exitCode);
  return {
    child,
    output: () => output,
    ended,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

async function urlOf(server: Server): Promise<string> {
  const port = () => /"port":(\d+).*"event":"ready"/.exec(server.output())?.[1];
  await expect.poll(port, { timeout: 30_000 }).toBeDefined();
  return `http://127.0.0.1:${port()}`;
}

test("without tokens it refuses to listen beyond loopback, naming both variables", async () => {
  await using server = start({ INQUEST_REDIS_URL: redis.url, INQUEST_LISTEN: "0.0.0.0:0" });
  expect(await server.ended).toBe(78);
  expect(server.output()).toMatch(/INQUEST_LISTEN.*INQUEST_TOKENS_FILE/s);
});

test("without Redis' address it names the variable", async () => {
  await using server = start({});
  expect(await server.ended).toBe(78);
  expect(server.output()).toContain("INQUEST_REDIS_URL");
});

test("with tokens it listens anywhere and asks for one", async () => {
  const tokens = join(folder, "tokens.json");
  await writeFile(tokens, JSON.stringify([{ sha256: "0".repeat(64), project: "web", scopes: ["read"] }]));
  await using server = start({ INQUEST_REDIS_URL: redis.url, INQUEST_LISTEN: "0.0.0.0:0", INQUEST_TOKENS_FILE: tokens });
  const url = await urlOf(server);
  expect((await fetch(`${url}/v1/jobs`)).status).toBe(401);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
});

test("SIGTERM lets a running upload finish, takes no new connection, and ends with 0; the job is there after a restart", async () => {
  const core = tinyCore(1 << 20);
  let location = "";
  {
    await using server = start({ INQUEST_REDIS_URL: redis.url });
    const url = await urlOf(server);
    await using upload = await openRaw(url);
    upload.socket.write(head("POST", "/v1/jobs", { "Content-Type": "application/octet-stream", "Content-Length": core.length, Expect: "100-continue" }));
    await upload.until(/100 Continue/);
    upload.socket.write(core.subarray(0, 1_000));
    server.child.kill("SIGTERM");
    await expect
      .poll(() =>
        fetch(`${url}/healthz`).then(
          () => "up",
          () => "down",
        ),
      )
      .toBe("down");
    upload.socket.write(core.subarray(1_000));
    const answer = await upload.until(/"links":/);
    expect(answer).toContain("202 Accepted");
    location = /location: (\S+)/i.exec(answer)?.[1] ?? "";
    expect(await server.ended).toBe(0);
  }
  await using again = start({ INQUEST_REDIS_URL: redis.url });
  const job = await fetch(`${await urlOf(again)}${location}`);
  expect(await job.json()).toMatchObject({ status: "queued", core: { size: core.length } });
});
