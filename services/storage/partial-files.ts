/**
 * Partial files of processes that are gone.
 *
 * A name carries the place (host and PID namespace, hashed), the PID and the process's start time in clock ticks. In our
 * own place, a file whose process is gone, or whose PID is another process by now, is removed at once. Files of other
 * places (a store shared by containers) are removed when nobody has written to them for an hour.
 */
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { lstat, opendir, unlink } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { isMissing } from "./storage-failure.ts";

const FOREIGN_AGE_MS = 3_600_000;
const form = /^([0-9a-f]{12})\.(\d+)\.(\d+)\.[0-9a-f]{24}\.part$/;

function orElse(read: () => string, fallback: string): string {
  try {
    return read();
  } catch {
    return fallback;
  }
}

const place = createHash("sha256")
  .update(`${hostname()}\n${orElse(() => readlinkSync("/proc/self/ns/pid"), "")}`)
  .digest("hex")
  .slice(0, 12);

/** Field 22 of /proc/PID/stat; null when there is no such process. The name in field 2 may hold blanks and brackets. */
function startTime(pid: number): string | null {
  const stat = orElse(() => readFileSync(`/proc/${pid}/stat`, "latin1"), "");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
}

const ownStart = startTime(process.pid) ?? "0";

export function partialName(): string {
  return `${place}.${process.pid}.${ownStart}.${randomBytes(12).toString("hex")}.part`;
}

async function isStale(path: string, name: string): Promise<boolean> {
  const [, where, pid, start] = form.exec(name) ?? [];
  if (where === undefined) return false; // not ours: leave it alone
  if (where === place) return startTime(Number(pid)) !== start;
  return Date.now() - (await lstat(path)).mtimeMs > FOREIGN_AGE_MS;
}

export async function sweepPartials(folder: string): Promise<number> {
  let swept = 0;
  for await (const entry of await opendir(folder)) {
    const path = join(folder, entry.name);
    try {
      if (!(await isStale(path, entry.name))) continue;
      await unlink(path);
      swept += 1;
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  return swept;
}
