/**
 * The jobs: one row each, the truth that the queue only delivers.
 *
 * Every change of status is a compare-and-set in SQL, so a cancelled job never succeeds and a job that two workers ran
 * stores one result: `start` hands out a `run` number, and only the holder of the latest may write. Each change appends
 * to the job's event log in the same transaction.
 *
 * `projectId` is the tenant. Calls that answer users take it; the worker's calls go by the job's id, which came from the queue.
 */
import type { Labels } from "../contract/common.ts";
import type { CoreSummary, Job, JobChange, JobError, JobPriority, JobStage, JobStatus, MissingBinary, WhenMissing } from "../contract/job.ts";
import type { JobOptions } from "../contract/job-options.ts";
import type { LabelLimits } from "../contract/labels.ts";
import type { Report } from "../contract/report.ts";
import type { NewBinary } from "./binary-store.ts";
import type { BlobKey } from "./blob-store.ts";
import type { Stats, StatsQuery } from "./job-stats.ts";

export const defaultProject = "default";

export interface Attachment {
  readonly filename: string | null;
  readonly size: number;
  readonly sha256: string;
  readonly blob: BlobKey;
}

export interface NewJob {
  /** UUIDv7; its time becomes `created_at`. */
  readonly id: string;
  readonly projectId: string;
  readonly idempotencyKey: string | null;
  readonly status: "queued" | "awaiting_binaries";
  readonly whenMissing: WhenMissing;
  readonly options: JobOptions;
  readonly priority: JobPriority;
  /** RFC 3339: when a parked job starts without what it waits for; null for one that is not parked. */
  readonly waitsUntil: string | null;
  /** Null, both of them, for a job of logs alone. */
  readonly core: CoreSummary | null;
  readonly coreBlob: BlobKey | null;
  readonly labels: Labels;
  readonly missingBinaries: readonly MissingBinary[];
  readonly binaries: readonly NewBinary[];
  readonly attachments: readonly Attachment[];
  /** RFC 3339; null for never. */
  readonly expiresAt: string | null;
  readonly coreExpiresAt: string | null;
}

export interface CreatedJob {
  readonly job: Job;
  readonly created: boolean;
}

/** The job as users see it, and what only the service needs to know. */
export interface StoredJob {
  readonly job: Job;
  readonly projectId: string;
  readonly whenMissing: WhenMissing;
  /** Null once the core was deleted or has expired, and for a job that came without one (`job.core` is null). */
  readonly coreBlob: BlobKey | null;
  /** Raised by every change that people make. */
  readonly revision: number;
}

/** All given filters must hold. Times are RFC 3339, `since` included, `until` not. */
export interface JobFilters {
  readonly status?: JobStatus | undefined;
  readonly signal?: number | undefined;
  /** The hash of a signature or of a group: jobs of all signatures in that group. */
  readonly signature?: string | undefined;
  /** The executable's name; a path counts by its last segment. */
  readonly executable?: string | undefined;
  /** `3.11.7`, or `3.11` for all of its releases. */
  readonly pythonVersion?: string | undefined;
  /** A Python function (name or qualname) or a C function on any thread's stack. */
  readonly function?: string | undefined;
  readonly file?: string | undefined;
  readonly extension?: string | undefined;
  readonly diagnosis?: string | undefined;
  readonly labels?: Labels | undefined;
  /** Words of functions, files, messages and names of locals, all of them; `pars*` for all that begin so. */
  readonly q?: string | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
}

export interface JobPage {
  readonly items: Job[];
  readonly nextCursor: string | null;
}

export interface JobEvent {
  /** From 1, without holes, per job: the `id:` of server-sent events. */
  readonly seq: number;
  readonly kind: "status" | "progress";
  readonly data: { readonly status: JobStatus; readonly stage: JobStage; readonly percent: number };
  readonly at: string;
}

export interface StartedJob extends StoredJob {
  /** To be given back with every write of this run. */
  readonly run: number;
}

export interface JobResult {
  readonly report: Report;
  readonly missingBinaries: readonly MissingBinary[];
}

export interface JobStore {
  /** One transaction for the row, its binaries and attachments. The same idempotency key gives the job that was there; the new upload's blobs then go to the trash. */
  create(job: NewJob): Promise<CreatedJob>;
  /** The same for many, in their order: all in one transaction. */
  createAll(jobs: readonly NewJob[]): Promise<readonly CreatedJob[]>;
  get(projectId: string, id: string): Promise<StoredJob | null>;
  byIdempotencyKey(projectId: string, key: string): Promise<Job | null>;
  /** Newest first. A cursor that is not ours rejects with `invalid_cursor`. */
  list(projectId: string, filters: JobFilters, page: { readonly limit: number; readonly cursor: string | null }): Promise<JobPage>;
  /** Counts of the jobs that the filters leave. Rejects with `invalid_parameter` for a field that is none, and for what is too much to count. */
  stats(projectId: string, filters: JobFilters, query: StatsQuery): Promise<Stats>;
  /** Newest first, at constant memory. */
  iterate(projectId: string, filters: JobFilters): AsyncIterable<Job>;
  attachments(id: string): Promise<Attachment[]>;
  /** Events after `seq` (0 for all), oldest first. */
  events(id: string, after: number): Promise<JobEvent[]>;

  // The user's changes.
  /** Any unfinished job becomes `cancelled`; null when there is no such job, the job as it is when it had ended before. */
  cancel(projectId: string, id: string): Promise<Job | null>;
  /** Removes the row and all that hangs on it, whatever its status; its blobs go to the trash. False when there was none. */
  delete(projectId: string, id: string): Promise<boolean>;
  /** Ended (or parked) jobs back to `queued`, with other options where some are given. Null: no such job. Rejects with `job_running`, `job_cancelled` or `core_lost`. */
  requeue(projectId: string, id: string, options?: JobOptions | null): Promise<Job | null>;
  /** `revision`: only if nobody has changed it since; else rejects with `precondition_failed`. Null: no such job. Rejects with `labels_invalid`. */
  edit(projectId: string, id: string, change: JobChange, revision: number | null, limits: LabelLimits): Promise<StoredJob | null>;

  // Jobs that wait for binaries.
  /** Oldest first; of one project, or of all. */
  parked(projectId: string | null): AsyncIterable<ParkedJob>;
  /** `awaiting_binaries` to `queued`; null when somebody else was first. */
  unpark(id: string, missing: readonly MissingBinary[]): Promise<Job | null>;
  /** What a parked job still waits for. */
  stillMissing(id: string, missing: readonly MissingBinary[]): Promise<void>;

  // The worker's changes. False: the job was cancelled, deleted or taken over; the work is to be dropped.
  /** `queued` (or `running`, of a worker that died) to `running`; null when the job is not to be run. */
  start(id: string): Promise<StartedJob | null>;
  setProgress(id: string, run: number, stage: JobStage, percent: number): Promise<boolean>;
  /** Report, status and search columns in one transaction. */
  finish(id: string, run: number, result: JobResult): Promise<boolean>;
  /** The report of an equal core becomes this job's too. `run` null: before it ever ran. False: there is none that would do, and the core is to be analysed. */
  takeOver(id: string, run: number | null): Promise<boolean>;
  fail(id: string, run: number, error: JobError): Promise<boolean>;
  /** `running` back to `queued`: before a retry (the attempt counts), or when the worker is shut down (it does not). */
  giveBack(id: string, run: number, options: { readonly countAttempt: boolean }): Promise<boolean>;

  // Housekeeping.
  /** `running` rows, then `queued` ones, each oldest first, for re-queueing. */
  unfinished(): AsyncIterable<UnfinishedJob>;
  /** An unfinished job that the queue gave up, whatever its run. */
  abandon(id: string, error: JobError): Promise<boolean>;
  /** Of these ids, those that are no longer to be worked on (cancelled or deleted). */
  stopped(ids: readonly string[]): Promise<string[]>;
  /** Drops cores and reports whose time is up, and rows some time after. */
  expire(now: Date): Promise<{ readonly cores: number; readonly reports: number; readonly jobs: number }>;
}

export interface ParkedJob extends StoredJob {
  /** RFC 3339; null for a job of an older version, which waits on. */
  readonly waitsUntil: string | null;
}

export interface UnfinishedJob {
  readonly id: string;
  readonly status: "queued" | "running";
  readonly createdAt: string;
  readonly attempts: number;
  readonly coreSize: number;
  readonly priority: JobPriority;
}
