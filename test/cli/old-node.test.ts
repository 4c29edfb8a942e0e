/** The command on a machine whose own Node is older than the code: as `npm link` and Debian's packages leave it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, cp, link, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const launcher = fileURLToPath(new URL("../../services/cli/inquest.mjs", import.meta.url));
/** What a Node below 22.15 lacks. */
const older = `data:text/javascript,import zlib from "node:zlib";import { syncBuiltinESMExports } from "node:module";delete zlib.createZstdCompress;syncBuiltinESMExports();`;

let folder: string;
let node: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inquest-old-node-"));
  node = join(folder, "node");
  await link(process.execPath, node).catch(() => copyFile(process.execPath, node));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(script: string, words: readonly string[]) {
  const child = spawn(node, ["--import", older, script, ...words], { env: { PATH: "/nowhere", HOME: folder }, stdio: ["ignore", "pipe", "pipe"] });
  let told = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (chunk: string) => (told += chunk));
  const [status] = await once(child, "close");
  return { status, told };
}

test("it goes on with the Node that is installed beside it, and ends as that does", async () => {
  expect(await run(launcher, ["--help"])).toMatchObject({ status: 0, told: expect.stringContaining("usage: inquest COMMAND") });
  expect(await run(launcher, ["dance"])).toMatchObject({ status: 1, told: expect.stringContaining("no command dance") });
});

test("without one it says what to install", async () => {
  await cp(launcher, join(folder, "services/cli/inquest.mjs"));
  const { status, told } = await run(join(folder, "services/cli/inquest.mjs"), ["--help"]);
  expect({ status, told }).toMatchObject({ status: 1, told: expect.stringMatching(/^inquest: Node v.* is too old; install 22\.15 or newer/) });
});
