/** What the benchmarks share: medians, peak memory of live processes, finding children. */
import { readdir, readFile, writeFile } from "node:fs/promises";

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

export const spread = (values: readonly number[]) => `${median(values).toFixed(0)} (${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)})`;

/** Peak resident set of a live process in bytes (VmHWM of proc(5)). */
export async function peakMemory(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "latin1");
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) * 1024;
}

const ticksPerSecond = 100; // USER_HZ, the same on every Linux that Node runs on

/** Processor time of a live process so far, all threads, in ms (utime and stime of proc(5)). */
export async function processorTime(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
}

/** Starts the count of a live process's peak again (proc(5): 5 to clear_refs). */
export async function resetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, "5");
}

/** The pids below `parent` whose command line holds `text`. */
export async function descendant(parent: number, text: string): Promise<number> {
  const all = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const parents = new Map<number, number>();
  for (const pid of all) {
    const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
    parents.set(pid, Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
  }
  for (const pid of all) {
    const line = await readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "");
    let above = pid;
    while (above > 1 && above !== parent) above = parents.get(above) ?? 0;
    if (above === parent && line.includes(text)) return pid;
  }
  throw new Error(`no process with ${text} below ${parent}`);
}

export const MiB = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(0)} MiB`;

/** CPU milliseconds that a live process has used so far, in hundredths of a second (proc(5)); not its children's. */
export async function cpuTime(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1");
  const [user, system] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13)
    .map(Number);
  return 10 * ((user ?? 0) + (system ?? 0));
}
