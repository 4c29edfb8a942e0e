/** The pipeline: inspect, gather, debug, assemble (which diagnoses). One job, one folder, one report. */
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../../services/contract/failure.ts";
import type { JobStage, MissingBinary } from "../../services/contract/job.ts";
import type { JobOptions } from "../../services/contract/job-options.ts";
import type { Limits } from "../../services/contract/limits.ts";
import type { Report, Warning } from "../../services/contract/report.ts";
import type { NeedsStore } from "../../services/intake/needs/find-binaries.ts";
import type { BinaryStore } from "../../services/storage/binary-store.ts";
import type { BlobKey, BlobStore } from "../../services/storage/blob-store.ts";
import type { JobStore } from "../../services/storage/job-store.ts";
import type { GdbSession, OpenGdbOptions } from "../gdb/debugger.ts";
import type { UpstreamJob } from "./ask-upstream.ts";
import { assemble } from "./assemble.ts";
import { signatureOf } from "../../services/triage/signature.ts";
import { debug } from "./debug.ts";
import { withExportedNames } from "./exported-names.ts";
import { gather } from "./gather.ts";
import { inspect } from "./inspect.ts";
import type { JobFolder } from "./job-folder.ts";
import { attachedLogs } from "./logs/attached-logs.ts";
import { reportOfLogs } from "./logs/report-of-logs.ts";

export interface PipelineParts {
  readonly attachments: JobStore["attachments"];
  readonly blobs: Pick<BlobStore, "localFile">;
  readonly binaries: NeedsStore & Pick<BinaryStore, "ofJob">;
  /** Brings what upstream servers have of what the job misses; tells what went wrong. */
  readonly askUpstream?: (job: UpstreamJob) => Promise<readonly Warning[]>;
  readonly openGdb: (options: OpenGdbOptions) => Promise<GdbSession>;
  readonly gdb: string;
  readonly limits: Pick<Limits, "job_seconds" | "debug_seconds" | "debug_memory_bytes" | "frames_per_thread" | "threads">;
  /** Whether two gdbs may run for one job at the same time. */
  readonly atOnce: boolean;
  /** Makes the job's folder, by a name of its own. */
  readonly makeFolder: (name: string) => Promise<JobFolder>;
}

export interface PipelineJob {
  readonly id: string;
  readonly projectId: string;
  /** Null for a job of logs alone. */
  readonly coreBlob: BlobKey | null;
  /** Another worker may have had this job, and its folder may still be there. */
  readonly run: number;
  readonly options: JobOptions;
}

export interface PipelineResult {
  readonly report: Report;
  readonly missingBinaries: readonly MissingBinary[];
}

/**
 * After how many milliseconds a stage is told. One that is over sooner is not: nobody would see it, and to tell it costs a commit and wakes
 * all who wait for the job.
 */
const quietMs: Readonly<Partial<Record<JobStage, number>>> = { inspect: 50, gather: 50, assemble: 50 };

/** Where each stage stands in the whole, in percent. */
export type OnProgress = (stage: JobStage, percent: number) => Promise<void>;

/** Fails with a `Failure`, or with the signal's reason where that is one. */
export async function runPipeline(parts: PipelineParts, job: PipelineJob, onProgress: OnProgress, cancelled: AbortSignal): Promise<PipelineResult> {
  using deadline = startDeadline(parts.limits.job_seconds, cancelled);
  const { signal } = deadline;
  const timings: Record<string, number> = {};
  const stage: Stage = async (name, percent, work) => {
    throwIfAborted(signal);
    const started = performance.now();
    // Told while it is done. It comes last, for its failure (the job is another's now) is then the reason of the other one.
    const over = new AbortController();
    const told = sleep(quietMs[name] ?? 0, undefined, { signal: over.signal }).then(
      () => onProgress(name, percent),
      () => undefined,
    );
    told.catch(() => undefined);
    try {
      return await work();
    } finally {
      timings[name] = Math.round(performance.now() - started);
      over.abort();
      await told;
    }
  };
  if (job.coreBlob === null) return await analyseLogs(parts, job, stage, timings);
  const { coreBlob } = job;
  await using folder = await parts.makeFolder(`${job.id}-${job.run}`);
  const core = await stage("inspect", 5, () => inspect(parts.blobs, coreBlob));
  const { limits } = parts;
  const gathered = await stage("gather", 15, async () => {
    const told = (await parts.askUpstream?.({ id: job.id, projectId: job.projectId, facts: core, signal })) ?? [];
    const { id: jobId, projectId, options } = job;
    const all = await gather({ ...parts, jobId, projectId, coreBlob, options, facts: core, folder: folder.path, limits, signal });
    return { ...all, warnings: [...all.warnings, ...told] };
  });
  const { manifest, executable, indexed } = gathered;
  const debugged = await stage("debug", 30, () =>
    debug({
      folder: folder.path,
      machine: manifest.machine,
      gdb: parts.gdb,
      core: manifest.core,
      executable,
      indexed,
      limits,
      signal,
      openGdb: parts.openGdb,
      atOnce: parts.atOnce,
    }),
  );
  const report = await stage("assemble", 90, async () => {
    const logs = await attachedLogs(parts, job.id);
    const assembled = assemble({ jobId: job.id, createdAt: new Date(), core, gathered, debugged, mostThreads: limits.threads, timings_ms: timings, logs });
    const named = { ...assembled, threads: await withExportedNames(assembled.threads, manifest, folder.path) };
    return { ...named, signature: signatureOf(named) };
  });
  return { report: { ...report, timings_ms: { ...report.timings_ms, ...timings } }, missingBinaries: gathered.missing };
}

type Stage = <T>(name: JobStage, percent: number, work: () => Promise<T>) => Promise<T>;

/** No core: gdb and the helpers have nothing to do. */
async function analyseLogs(parts: PipelineParts, job: PipelineJob, stage: Stage, timings: Readonly<Record<string, number>>): Promise<PipelineResult> {
  const logs = await stage("inspect", 5, () => attachedLogs(parts, job.id));
  const report = await stage("assemble", 50, async () => reportOfLogs({ jobId: job.id, createdAt: new Date(), logs }));
  if (report === null) throw new Failure("core_lost", "the logs that the job came with are no longer stored");
  return { report: { ...report, timings_ms: { ...timings } }, missingBinaries: [] };
}

interface Deadline extends Disposable {
  readonly signal: AbortSignal;
}

/** The caller's signal, or `deadline_exceeded` when the time is up first. */
function startDeadline(seconds: number, cancelled: AbortSignal): Deadline {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new Failure("deadline_exceeded", `the analysis took longer than ${seconds} s`)), seconds * 1_000);
  return { signal: AbortSignal.any([cancelled, late.signal]), [Symbol.dispose]: () => clearTimeout(timer) };
}

function throwIfAborted(signal: AbortSignal): void {
  if (!signal.aborted) return;
  throw signal.reason instanceof Failure ? signal.reason : new Failure("job_cancelled", "the job was cancelled");
}
