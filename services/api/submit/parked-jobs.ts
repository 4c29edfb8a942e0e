/**
 * Starts parked jobs: when the last binary that one waits for has come, or when its time is up.
 *
 * Called after every row that may end a wait is committed (a binary, or the parked job itself), and from time to time for
 * what a process that died left undone. Several may look at one job at once: the row's compare-and-set lets one start it.
 */
import type { Job, MissingBinary } from "../../contract/job.ts";
import { Failure } from "../../contract/failure.ts";
import { inspectCoreFile } from "../../intake/core/inspect-core.ts";
import { findBinaries } from "../../intake/needs/find-binaries.ts";
import { baseName } from "../../intake/needs/sysroot-path.ts";
import { isAwaited } from "../../intake/needs/missing-binaries.ts";
import type { Logger } from "../../log/logger.ts";
import type { AnalysisQueue } from "../../queue/analysis-queue.ts";
import { queuedJob } from "../../queue/queue-settings.ts";
import type { JobChanges } from "../../queue/job-changes.ts";
import type { BinaryStore, NewBinary } from "../../storage/binary-store.ts";
import type { BlobStore } from "../../storage/blob-store.ts";
import type { JobStore, ParkedJob } from "../../storage/job-store.ts";

export interface ParkingParts {
  readonly jobs: Pick<JobStore, "parked" | "unpark" | "stillMissing">;
  readonly binaries: Pick<BinaryStore, "byBuildIds" | "byHeads" | "byPaths" | "debugFilesNamed" | "ofJob">;
  readonly blobs: Pick<BlobStore, "localFile">;
  readonly queue: Pick<AnalysisQueue, "add">;
  readonly changes: Pick<JobChanges, "announce">;
}

/** From the core, as at the upload and in the worker. A core that is gone or unreadable is for the worker to tell of. */
async function missingNow({ binaries, blobs }: ParkingParts, parked: ParkedJob): Promise<readonly MissingBinary[] | null> {
  if (parked.coreBlob === null) return null;
  try {
    await using core = await blobs.localFile(parked.coreBlob);
    const facts = await inspectCoreFile(core.path);
    return (await findBinaries(binaries, parked.projectId, facts, await binaries.ofJob(parked.job.id))).missing;
  } catch (error) {
    if (error instanceof Failure && !error.retry) return null;
    throw error;
  }
}

async function start({ jobs, queue, changes }: ParkingParts, parked: ParkedJob, missing: readonly MissingBinary[]): Promise<boolean> {
  const job = await jobs.unpark(parked.job.id, missing);
  if (job === null) return false;
  await queue.add(queuedJob(job));
  await changes.announce(job.id);
  return true;
}

/** True when the job was started. */
export async function lookAtParked(parts: ParkingParts, parked: ParkedJob, now: Date): Promise<boolean> {
  const late = parked.waitsUntil !== null && parked.waitsUntil <= now.toISOString();
  const missing = await missingNow(parts, parked);
  if (late || missing === null || !missing.some(isAwaited)) return await start(parts, parked, missing ?? parked.job.missing_binaries);
  if (JSON.stringify(missing) !== JSON.stringify(parked.job.missing_binaries)) {
    await parts.jobs.stillMissing(parked.job.id, missing);
    await parts.changes.announce(parked.job.id);
  }
  return false;
}

/** What identifies a binary that came. */
export type Arrived = Pick<NewBinary, "build_id" | "path" | "filename">;

function concerns({ job }: ParkedJob, arrived: readonly Arrived[]): boolean {
  const ids = new Set(arrived.map((each) => each.build_id));
  const paths = new Set(arrived.map((each) => each.path));
  const names = new Set(arrived.map((each) => each.filename));
  return job.missing_binaries.some(({ build_id, path }) => (build_id === null ? paths.has(path) || names.has(baseName(path)) : ids.has(build_id)));
}

/** After binaries of a project are stored: how many jobs that started. */
export async function binariesArrived(parts: ParkingParts, project: string, arrived: readonly Arrived[]): Promise<number> {
  let started = 0;
  if (arrived.length === 0) return started;
  for await (const parked of parts.jobs.parked(project)) {
    if (concerns(parked, arrived) && (await lookAtParked(parts, parked, new Date()))) started += 1;
  }
  return started;
}

/** After a parked job's row is committed: what came meanwhile may be all that it waits for. The job as it is then. */
export async function lookAfterParking(parts: ParkingParts & { readonly jobs: Pick<JobStore, "get"> }, project: string, job: Job): Promise<Job> {
  const stored = await parts.jobs.get(project, job.id);
  if (stored === null || stored.job.status !== "awaiting_binaries") return stored?.job ?? job;
  if (!(await lookAtParked(parts, { ...stored, waitsUntil: null }, new Date()))) return stored.job;
  return (await parts.jobs.get(project, job.id))?.job ?? job;
}

export interface ParkingRounds extends ParkingParts {
  readonly log: Pick<Logger, "info" | "warn">;
  readonly everyMilliseconds?: number;
}

/** Rounds over all parked jobs from now until disposed. */
export function watchParkedJobs(parts: ParkingRounds): AsyncDisposable {
  const { log, everyMilliseconds = 10_000 } = parts;
  let closed = false;
  const round = async () => {
    try {
      let started = 0;
      for await (const parked of parts.jobs.parked(null)) {
        if (closed) return;
        if (await lookAtParked(parts, parked, new Date())) started += 1;
      }
      if (started > 0) log.info({ jobs: started }, "parked_jobs_started");
    } catch (error) {
      log.warn({ err: error }, "parked_jobs_failed");
    }
  };
  let current = round();
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    current = current.then(round).finally(() => {
      busy = false;
    });
  }, everyMilliseconds);
  return {
    [Symbol.asyncDispose]: async () => {
      closed = true;
      clearInterval(timer);
      await current;
    },
  };
}
