/**
 * Makes gdb's index of one stored file, in the sandbox: what gdb would otherwise find out anew in every job, by reading all of the
 * file's DWARF. The file may be made to break gdb; then there is no index, and nothing else happens.
 */
import { once } from "node:events";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { v7 as newId } from "uuid";
import { Failure } from "../../services/contract/failure.ts";
import type { Limits } from "../../services/contract/limits.ts";
import { requireProgram } from "../../services/sandbox/sandbox.ts";
import { killSandboxed, startSandboxed } from "../../services/sandbox/sandboxed-process.ts";
import type { IndexClaim, IndexOutcome } from "../../services/storage/binary-indexes.ts";
import type { BlobStore } from "../../services/storage/blob-store.ts";
import { debuggerFolders, hiddenFolders } from "../gdb/debugger-folders.ts";
import { gdbArguments } from "../gdb/gdb-arguments.ts";
import { describeExit, scrubStderr } from "../gdb/session.ts";
import { makeJobFolder, placeFile } from "../pipeline/job-folder.ts";

const MiB = 1 << 20;
const mostBytes = 256 * MiB;
const written = "file.gdb-index";

export interface IndexParts {
  readonly blobs: Pick<BlobStore, "create" | "localFile">;
  readonly gdb: string;
  readonly limits: Pick<Limits, "debug_seconds" | "debug_memory_bytes">;
  readonly workDir: string;
}

/** How gdb ended; null when `signal` ended it. Its time being up is an end like another. */
async function runGdb(
  { gdb, limits }: IndexParts,
  folder: string,
  signal: AbortSignal,
): Promise<{ readonly died: string | null; readonly said: string } | null> {
  const program = requireProgram(gdb, "debugger_missing");
  const settings = gdbArguments("dwarf").filter((argument) => !argument.startsWith("--interpreter"));
  const sandboxed = startSandboxed({
    command: [program, "-batch", ...settings, "-ex", "file /job/file", "-ex", "save gdb-index /job/out"],
    limits: {
      addressSpace: limits.debug_memory_bytes + 1_024 * MiB,
      data: limits.debug_memory_bytes,
      cpuSeconds: limits.debug_seconds + 5,
      fileSize: mostBytes,
    },
    readOnly: [...debuggerFolders(program), [folder, "/job"]],
    hidden: hiddenFolders(program),
    writable: [[join(folder, "out"), "/job/out"]],
  });
  const { child } = sandboxed;
  let stderr = "";
  child.stdin.on("error", () => undefined);
  child.stdin.end();
  child.stdout.resume();
  child.stderr.on("data", (chunk: Buffer) => void (stderr = (stderr + chunk.toString("latin1")).slice(-4_096)));
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    killSandboxed(sandboxed);
  }, limits.debug_seconds * 1_000);
  const stop = () => killSandboxed(sandboxed);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    const [status, how]: unknown[] = await once(child, "close");
    if (signal.aborted) return null;
    if (late) return { died: `gdb took longer than ${limits.debug_seconds} s`, said: "" };
    const ended = typeof how === "string" || status !== 0;
    return { died: ended ? describeExit(typeof status === "number" ? status : null, typeof how === "string" ? how : null) : null, said: scrubStderr(stderr) };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

/** What gdb wrote becomes a blob, if it is an index by its head: gdb may have been taken over, so a link or a pipe is refused. */
async function keep(parts: IndexParts, folder: string, said: string): Promise<IndexOutcome> {
  const path = join(folder, "out", written);
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => null);
  if (file === null) return said === "" || /No debugging symbols/.test(said) ? { state: "none" } : { state: "failed", detail: said };
  try {
    const stat = await file.stat();
    const head = Buffer.alloc(4);
    if (!stat.isFile() || stat.size > mostBytes || (await file.read(head, 0, 4, 0)).bytesRead < 4)
      return { state: "failed", detail: "what gdb wrote is no index" };
    const version = head.readUInt32LE(0);
    if (version < 7 || version > 64) return { state: "failed", detail: `what gdb wrote has version ${version}` };
    await using writer = await parts.blobs.create();
    await pipeline(file.createReadStream({ start: 0, autoClose: false }), writer.stream);
    const blob = `indexes/${newId()}`;
    await writer.commit(blob);
    return { state: "ready", blob };
  } finally {
    await file.close();
  }
}

/** Fails only with faults of the machine: no gdb, no sandbox, a store that cannot be read or written. */
export async function makeIndex(parts: IndexParts, claim: IndexClaim, signal: AbortSignal): Promise<IndexOutcome> {
  await using folder = await makeJobFolder(parts.workDir, `index-${newId()}`);
  const place = async (blob: string, at: string) => {
    await using file = await parts.blobs.localFile(blob);
    return placeFile(file.path, join(folder.path, at));
  };
  await place(claim.blob, "file");
  const { supplement } = claim;
  if (supplement !== null) await place(supplement.blob, `debug/.build-id/${supplement.buildId.slice(0, 2)}/${supplement.buildId.slice(2)}.debug`);
  const ended = await runGdb(parts, folder.path, signal);
  if (ended === null) return { state: "back" };
  if (/^(bwrap|prlimit): /.test(ended.said)) throw new Failure("sandbox_unavailable", `the sandbox cannot be started: ${ended.said}`);
  return ended.died === null ? keep(parts, folder.path, ended.said) : { state: "failed", detail: ended.died };
}
