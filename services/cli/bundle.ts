/** `bundle` and `open`: the core, its binaries and the helpers on the desk, and gdb in them. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Context, exitCode } from "./context.ts";
import { jobWord } from "./jobs.ts";
import { UsageError } from "./usage-error.ts";

export async function bundle(context: Context): Promise<number> {
  const { client, terminal, json, text } = context;
  const id = jobWord(context);
  const output = text("output") ?? `inquest-${id}.tar`;
  const body = Readable.from(await client.getBundle(id));
  if (output === "-") {
    await pipeline(body, process.stdout, { end: false });
    return exitCode.done;
  }
  const path = resolve(output);
  try {
    await pipeline(body, createWriteStream(`${path}.part`, { mode: 0o600 }));
    await rename(`${path}.part`, path);
  } catch (error) {
    await rm(`${path}.part`, { force: true });
    throw error;
  }
  terminal.out(json ? `${JSON.stringify({ job: id, path })}\n` : `${path}\n`);
  return exitCode.done;
}

async function unpack(body: Readable, folder: string): Promise<void> {
  const tar = spawn("tar", ["-x", "-f", "-", "--no-same-owner", "-C", folder], { stdio: ["pipe", "inherit", "inherit"] });
  const ended = once(tar, "close");
  // tar stops reading at the archive's end mark and may be gone before the padding behind it is written: its own status tells.
  const sent = pipeline(body, tar.stdin).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ERR_STREAM_PREMATURE_CLOSE" && error.code !== "EPIPE") throw error;
  });
  await Promise.all([sent, ended]);
  if (tar.exitCode !== 0) throw new UsageError(`tar ended with ${tar.exitCode ?? "a signal"}`);
}

/** gdb's own exit code. What was unpacked goes when gdb ends, unless it is to be kept. */
export async function open(context: Context): Promise<number> {
  const { client, terminal, text } = context;
  const id = jobWord(context);
  const keep = text("keep");
  const folder = keep === null ? await mkdtemp(join(tmpdir(), "inquest-")) : resolve(keep);
  await mkdir(folder, { recursive: true });
  try {
    await unpack(Readable.from(await client.getBundle(id)), folder);
    const inner = (await readdir(folder)).find((name) => name.includes(id));
    if (inner === undefined) throw new UsageError("the bundle has no folder of this job");
    terminal.err(keep === null ? "" : `${join(folder, inner)}\n`);
    const gdb = spawn("sh", ["debug.sh"], { cwd: join(folder, inner), stdio: "inherit" });
    const ignore = () => undefined;
    process.on("SIGINT", ignore); // gdb's to answer
    const [status] = await once(gdb, "close");
    process.off("SIGINT", ignore);
    return typeof status === "number" ? status : exitCode.failed;
  } finally {
    if (keep === null) await rm(folder, { recursive: true, force: true });
  }
}
