/**
 * The images without a Docker engine: `npm run test:images` (as root, with debootstrap). Runs the steps of both Dockerfiles in bare Debian
 * roots, starts API, worker and a redis-server as docker-compose.yml does (the image's user, no capabilities, read-only root, the data
 * volume shared), sends a core of this machine's python3 and prints the report. Status 1 when it is not whole.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, cp, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { interpreterAt, makeCore, programsFolder } from "../corpus/make-core.ts";
import { writeProjectTokens } from "../support/project-tokens.ts";
import { freePort } from "../support/stack.ts";
import { analyse, getText } from "../support/submit.ts";
import { type Stage, stagesOf } from "./dockerfile.ts";

const execute = promisify(execFile);
const checkout = fileURLToPath(new URL("../..", import.meta.url));
const container = fileURLToPath(new URL("container.sh", import.meta.url));
const startLimitMs = 60_000;
const tell = (line: string) => process.stdout.write(`${line}\n`);

/** The Debian that the images start from, made once and kept. */
async function bareRoot(folder: string, base: string): Promise<string> {
  const [, suite] = /^debian:(\w+)-slim$/.exec(base) ?? [];
  if (suite === undefined) throw new Error(`no bare root can be made for ${base}`);
  const root = join(folder, suite);
  await execute("sh", [
    "-c",
    '[ -e "$2/.complete" ] || { rm -rf "$2" && debootstrap --variant=minbase "$1" "$2" && touch "$2/.complete"; }',
    "sh",
    suite,
    root,
  ]);
  return root;
}

/** The stage's root: a copy of its base, with the steps run as root in turn. `stages` are those before it, by name. */
async function build(stage: Stage, base: string, root: string, stages: ReadonlyMap<string, string>): Promise<void> {
  await execute("cp", ["-a", base, root]);
  // A container is given both by its engine.
  await execute("cp", ["-L", "/etc/resolv.conf", join(root, "etc/resolv.conf")]);
  const certificates = "/etc/ssl/certs/ca-certificates.crt";
  const bind = ["--bind", certificates, "/run/certificates.crt"];
  for (const step of stage.steps) {
    await mkdir(join(root, step.directory), { recursive: true });
    if ("run" in step) {
      tell(`  RUN ${step.run}`);
      const words = [root, "0", step.directory, ...bind, "NODE_EXTRA_CA_CERTS=/run/certificates.crt", "sh", "-c", step.run];
      await execute("sh", [container, ...words], { maxBuffer: 1 << 26 });
      continue;
    }
    const { from, sources, target } = step.copy;
    const source = from === null ? checkout : stages.get(from);
    if (source === undefined) throw new Error(`no stage ${from}`);
    const into = join(root, resolve(step.directory, target));
    for (const name of sources) await cp(join(source, name), target.endsWith("/") ? join(into, name) : into, { recursive: true, verbatimSymlinks: true });
  }
}

async function image(name: string, folder: string): Promise<{ readonly stage: Stage; readonly root: string }> {
  const stages = stagesOf(await readFile(join(checkout, "docker", `${name}.Dockerfile`), "utf8"));
  const roots = new Map<string, string>();
  for (const [index, stage] of stages.entries()) {
    const root = join(folder, `${name}-${index}`);
    tell(`${name}: FROM ${stage.base}`);
    await build(stage, await bareRoot(bases, stage.base), root, roots);
    if (stage.name !== null) roots.set(stage.name, root);
    if (index === stages.length - 1) return { stage, root };
  }
  throw new Error(`${name}.Dockerfile has no stage`);
}

async function userId(root: string, name: string): Promise<string> {
  const users = (await readFile(join(root, "etc/passwd"), "utf8")).split("\n").map((line) => line.split(":"));
  const id = users.find(([user]) => user === name)?.[2];
  if (id === undefined) throw new Error(`the image has no user ${name}`);
  return id;
}

const bases = join(tmpdir(), "inquest-images");
await mkdir(bases, { recursive: true });
const folder = await mkdtemp(join(bases, "run-"));
const children: ChildProcess[] = [];
try {
  const api = await image("api", folder);
  const worker = await image("worker", folder);
  const data = join(folder, "data");
  const dataDir = api.stage.environment["INQUEST_DATA_DIR"] ?? "";
  // A new named volume begins as a copy of what the image has there, owner and mode included.
  await execute("cp", ["-a", join(api.root, dataDir), data]);
  const tokensFile = join(folder, "tokens.json");
  const tokens = await writeProjectTokens(tokensFile, ["images"]);
  await chmod(tokensFile, 0o644);

  const redisPort = await freePort();
  const queue = join(folder, "redis");
  await mkdir(queue);
  const redis = ["--port", `${redisPort}`, "--bind", "127.0.0.1", "--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction", "--dir", queue];
  children.push(spawn("redis-server", redis, { stdio: "ignore", detached: true }));

  const port = await freePort();
  const run = async ({ stage, root }: typeof api, settings: readonly string[], binds: readonly string[]) => {
    const variables = Object.entries(stage.environment).map(([name, value]) => `${name}=${value}`);
    const id = await userId(root, stage.user);
    const words = [root, id, stage.directory, "--bind", data, dataDir, ...binds, "--read-only", ...variables, ...settings, ...stage.command];
    const child = spawn("sh", [container, ...words], { stdio: ["ignore", "inherit", "inherit"], detached: true });
    children.push(child);
    tell(`${stage.command.at(-1)} as uid ${id}`);
  };
  const redisUrl = `INQUEST_REDIS_URL=redis://127.0.0.1:${redisPort}`;
  const listen = [`INQUEST_LISTEN=0.0.0.0:${port}`, redisUrl, "INQUEST_TOKENS_FILE=/run/secrets/tokens", "INQUEST_LOG_LEVEL=warn"];
  await run(api, listen, ["--bind", tokensFile, "/run/secrets/tokens"]);
  await run(worker, [redisUrl, "INQUEST_LOG_LEVEL=warn"], []);

  const service = { url: `http://127.0.0.1:${port}`, token: tokens.get("images") ?? "" };
  const deadline = Date.now() + startLimitMs;
  while (
    !(await fetch(`${service.url}/readyz`).then(
      (answer) => answer.ok,
      () => false,
    ))
  ) {
    if (Date.now() > deadline) throw new Error("not ready in time");
    await pause(250);
  }
  const python = await interpreterAt("/usr/bin/python3");
  if (python === null) throw new Error("no /usr/bin/python3");
  await using core = await makeCore(python, join(programsFolder, "null_dereference.py"));
  const { job, report } = await analyse(service, { core: core.path, binaries: ["/usr/bin/python3"] });
  tell(await getText(service, job.id));
  const whole = report.diagnoses.length > 0 && report.threads.some((thread) => thread.crashed && thread.frames.some((frame) => frame.kind === "python"));
  if (!whole) process.exitCode = 1;
  tell(whole ? "the images serve" : "the report is not whole");
} finally {
  // `unshare` does not pass a signal on, so the whole group gets it.
  for (const child of children.toReversed()) {
    const ended = child.exitCode === null && child.signalCode === null ? once(child, "exit") : null;
    if (child.pid !== undefined && ended !== null) process.kill(-child.pid, "SIGTERM");
    await ended;
  }
  await rm(folder, { recursive: true, force: true });
}
