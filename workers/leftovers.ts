/** Job folders that a killed worker left behind. */
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { JobStore } from "../services/storage/job-store.ts";

/** `0193…-RUN`, as the pipeline names them. */
const jobFolder = /^([0-9a-f-]{36})-(\d+)$/;

/** Where an index is made: nobody takes as long as this. */
const indexFolder = /^index-[0-9a-f-]{36}$/;
const HOUR = 3_600_000;

/** Where gdbs of a worker wait for its next job; the number is its process. */
const waiting = /^waiting-(\d+)-[0-9a-f-]{36}$/;
export const waitingFolder = (id: string) => `waiting-${process.pid}-${id}`;

/** Not of a worker that lives. A process of another container may be taken for one of this, and the other way round: either costs little. */
function isAbandoned(pid: number): boolean {
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
}

const remove = (path: string) => rm(path, { recursive: true, force: true, maxRetries: 3 });

/** At start: folders of jobs that nobody works on any more. Those of unfinished jobs may be in use; `removeFormerRuns` gets them. */
export async function sweepJobFolders(workDir: string, jobs: Pick<JobStore, "unfinished">): Promise<number> {
  await mkdir(workDir, { recursive: true, mode: 0o700 });
  const names = await readdir(workDir);
  if (names.length === 0) return 0;
  const unfinished = new Set<string>();
  for await (const job of jobs.unfinished()) unfinished.add(job.id);
  let swept = 0;
  for (const name of names) {
    const id = jobFolder.exec(name)?.[1];
    const waits = waiting.exec(name);
    if (waits !== null) {
      if (isAbandoned(Number(waits[1]))) await remove(join(workDir, name));
      continue;
    }
    if (indexFolder.test(name)) {
      const made = await stat(join(workDir, name)).catch(() => null);
      if (made !== null && Date.now() - made.mtimeMs > HOUR) await remove(join(workDir, name));
      continue;
    }
    if (id === undefined || unfinished.has(id)) continue;
    await remove(join(workDir, name));
    swept += 1;
  }
  return swept;
}

/** Before a run begins: what an earlier run of the same job left. Its worker is dead, or lost the job. */
export async function removeFormerRuns(workDir: string, jobId: string, run: number): Promise<void> {
  for (const name of await readdir(workDir).catch(() => [])) {
    const match = jobFolder.exec(name);
    if (match?.[1] === jobId && Number(match[2]) < run) await remove(join(workDir, name));
  }
}
