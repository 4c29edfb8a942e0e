import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import packageFile from "../package.json" with { type: "json" };

const execute = promisify(execFile);
const script = fileURLToPath(new URL("../docker/run.sh", import.meta.url));

/** The programs that one start runs, and what it prints; the shell tells each command before it runs it. */
async function start(cache: string): Promise<{ readonly programs: readonly string[]; readonly printed: string }> {
  const environment = { ...process.env, NODE_COMPILE_CACHE: cache };
  const { stdout, stderr } = await execute("sh", ["-x", script, "workers/main.ts", "--version"], { env: environment });
  return { programs: [...stderr.matchAll(/exec node_modules\/\.bin\/node .*?(\S+\.ts)/g)].map(([, program]) => program ?? ""), printed: stdout.trim() };
}

test("compiles the programs before the first start, and not again", { timeout: 120_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "inquest-compiled-"));
  try {
    const cache = join(folder, "cache");
    expect(await start(cache)).toEqual({ programs: ["services/server.ts", "workers/main.ts", "workers/main.ts"], printed: packageFile.version });
    expect(await start(cache)).toEqual({ programs: ["workers/main.ts"], printed: packageFile.version });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("compiles nothing where it cannot be kept", { timeout: 60_000 }, async () => {
  expect(await start("/dev/null/compiled")).toEqual({ programs: ["workers/main.ts"], printed: packageFile.version });
});
