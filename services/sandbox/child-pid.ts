/** The host's pid of what runs in the sandbox. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

const mostBytes = 1_000;

/** Reads `{"child-pid": N}` from bubblewrap's `--info-fd`; null when it ends without. */
export async function readChildPid(stream: Readable): Promise<number | null> {
  let text = "";
  stream.on("data", (chunk: Buffer) => {
    text = (text + chunk.toString("latin1")).slice(0, mostBytes);
  });
  stream.on("error", () => undefined);
  await once(stream, "close").catch(() => undefined);
  const match = /"child-pid"\s*:\s*(\d+)/.exec(text);
  return match === null ? null : Number(match[1]);
}

/** The first child of a process that will have one; null when it ends without. (proc(5), /proc/PID/task/TID/children) */
export async function childOf(pid: number): Promise<number | null> {
  while (isRunning(pid)) {
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, "latin1").catch(() => "");
    const first = Number(children.split(" ", 1)[0]);
    if (first > 0) return first;
    await sleep(5);
  }
  return null;
}

/** Sends a signal, 0 to ask; false when there is no such process (any more). */
export function signalProcess(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/** Neither gone nor a zombie that waits to be reaped. (proc(5), field 3 of stat) */
export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}
