#!/usr/bin/env node
// The `inquest` command. A Node that is too old for it (below 22.15) only starts the one that is installed beside it.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { constants } from "node:os";
import zlib from "node:zlib";

/** The package's own Node; null where it was left out, or is the one that runs. */
function ownNode() {
  try {
    const path = createRequire(import.meta.url).resolve("node/bin/node");
    return path === process.execPath ? null : path;
  } catch {
    return null;
  }
}

function startOwnNode() {
  const node = ownNode();
  if (node === null) {
    process.stderr.write(`inquest: Node ${process.version} is too old; install 22.15 or newer, or run npm install in ${new URL("../..", import.meta.url).pathname}\n`);
    process.exitCode = 1;
    return;
  }
  const child = spawn(node, process.argv.slice(1), { stdio: "inherit" });
  process.on("SIGINT", () => undefined); // the child has it as well, and decides
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  child.on("close", (status, signal) => {
    process.exitCode = signal === null ? status : 128 + constants.signals[signal];
  });
}

if (typeof zlib.createZstdCompress !== "function") startOwnNode();
else {
  // Node strips types itself from 22.18 on, but never below node_modules; there, and before, tsx does it.
  if (!process.features.typescript || import.meta.url.includes("/node_modules/")) (await import("tsx/esm/api")).register();
  const { main } = await import("./main.ts");
  process.exitCode = await main(process.argv.slice(2));
}
