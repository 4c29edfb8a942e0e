/**
 * What the queue's two ends agree on.
 *
 * The worker is built like this:
 *
 *     await using redis = connectRedis(config.redisUrl, log);
 *     const worker = new Worker<AnalysisJobData>(
 *       analysisQueueName,
 *       // Three parameters: BullMQ makes a signal only for a processor that takes one.
 *       async (delivered, token, signal) => {
 *         const started = await jobs.start(delivered.data.job_id);
 *         if (started === null) return; // cancelled, deleted or done before: nothing to do
 *         const { id } = started.job;
 *         try {
 *           const result = await analyse(started, signal); // progress: jobs.setProgress(id, started.run, …); false means stop
 *           await jobs.finish(id, started.run, result); // false: it was taken from us, drop the result
 *         } catch (error) {
 *           if (signal?.reason === shutdownReason) {
 *             await jobs.giveBack(id, started.run, { countAttempt: false });
 *             return await returnToQueue(delivered, token); // throws what tells BullMQ so
 *           }
 *           if (signal?.aborted) return; // cancelled, or the lock was lost: the row belongs to another
 *           if (isRetryable(error) && started.job.attempts < config.limits.attempts) {
 *             await jobs.giveBack(id, started.run, { countAttempt: true });
 *             throw error; // BullMQ brings it again after the backoff
 *           }
 *           await jobs.fail(id, started.run, …);
 *           throw unrecoverable(error);
 *         } finally {
 *           await changes.announce(id); // and after each setProgress
 *         }
 *       },
 *       workerSettings(redis, { concurrency: 1, attempts: config.limits.attempts }),
 *     );
 *     worker.on("lockRenewalFailed", (ids) => ids.forEach((id) => worker.cancelJob(id, "lock lost")));
 *     await using cancellations = listenForCancellations(redis, { jobs, running: () => [...ids], cancel: (id) => worker.cancelJob(id, "cancelled") });
 *     await using heartbeat = startHeartbeat(redis, info);
 *     // on SIGTERM: await stopWorker(worker);
 */
import { type Job, type JobsOptions, UnrecoverableError, WaitingError, type Worker, type WorkerOptions } from "bullmq";
import { Failure } from "../contract/failure.ts";
import { type Job as JobDocument, jobPriorities, type JobPriority } from "../contract/job.ts";
import type { RedisConnections } from "./connection.ts";

export const analysisQueueName = "analysis";

/** Of every key and channel in Redis. */
export const redisPrefix = "inquest";

export interface AnalysisJobData {
  readonly job_id: string;
}

const MiB = 1024 * 1024;

/** Places of one urgency. */
const steps = 8;

/** A job's place in the queue, but for those that came before it: 1 comes first. */
export interface QueuedJob {
  readonly id: string;
  readonly coreSize: number;
  readonly priority: JobPriority;
}

export const queuedJob = ({ id, core, priority }: Pick<JobDocument, "id" | "core" | "priority">): QueuedJob => ({ id, coreSize: core?.size ?? 0, priority });

/**
 * The urgency that its sender gave goes first. Within it, up to 64 MiB is the first step, and each factor of four one more, so a
 * small core never waits behind a row of huge ones.
 */
export function priorityOf({ coreSize, priority }: Pick<QueuedJob, "coreSize" | "priority">): number {
  const size = Math.max(0, Math.min(steps - 2, Math.ceil(Math.log2(Math.max(coreSize, 1) / (64 * MiB)) / 2)));
  return 1 + jobPriorities.indexOf(priority) * steps + size;
}

/** A job of a large core that has waited this long goes before small ones that came later. */
const patienceMilliseconds = 10 * 60_000;
/** And one of low priority counts as any other after this, so that it comes to its turn on a service that is never idle. */
const lowPatienceMilliseconds = 12 * 3_600_000;

/** The same for a job that has waited for so long. */
export function patientPriority(job: Pick<QueuedJob, "coreSize" | "priority">, waitedMs: number): number {
  const priority = job.priority === "low" && waitedMs > lowPatienceMilliseconds ? "normal" : job.priority;
  return priorityOf({ coreSize: waitedMs > patienceMilliseconds ? 0 : job.coreSize, priority });
}

/** Jobs leave Redis when they end, well or badly: the database keeps what became of them. */
export function jobSettings(job: QueuedJob, attempts: number): JobsOptions {
  return {
    jobId: job.id,
    attempts,
    priority: priorityOf(job),
    backoff: { type: "exponential", delay: 2_000, jitter: 0.5 },
    removeOnComplete: true,
    removeOnFail: true,
    stackTraceLimit: 0,
  };
}

export interface WorkerSettings {
  readonly concurrency: number;
  readonly attempts: number;
  /** Milliseconds without a sign of life after which another worker may take a job. */
  readonly lockDuration?: number;
  readonly stalledInterval?: number;
}

/** A killed worker's job is taken over after `lockDuration` + `stalledInterval` at the latest. */
export function workerSettings(redis: RedisConnections, settings: WorkerSettings): WorkerOptions {
  return {
    connection: redis.dedicated(),
    prefix: redisPrefix,
    concurrency: settings.concurrency,
    lockDuration: settings.lockDuration ?? 15_000,
    stalledInterval: settings.stalledInterval ?? 5_000,
    // A stall is no attempt of BullMQ's; the row's `attempts` counts every start, so a core that kills its workers ends too.
    maxStalledCount: Math.max(settings.attempts - 1, 0),
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  };
}

/** The reason of the abort when a worker shuts down: its jobs go back to the queue and lose no attempt. */
export const shutdownReason = "shutdown";

/**
 * Takes no new job, aborts those in hand and waits until they are given back. A job that is just being taken has no signal
 * yet when the first call comes, so it is said again until the worker is closed.
 */
export async function stopWorker(worker: Pick<Worker, "cancelAllJobs" | "close">): Promise<void> {
  const cancel = () => worker.cancelAllJobs(shutdownReason);
  const again = setInterval(cancel, 50);
  cancel();
  try {
    await worker.close();
  } finally {
    clearInterval(again);
  }
}

/** Only faults of the infrastructure are worth another try; what is no `Failure` is a defect or a fault nobody foresaw, and is tried again too. */
export const isRetryable = (error: unknown): boolean => !(error instanceof Failure) || error.retry;

/** What to throw so that BullMQ does not try again. The message carries the code alone: details belong to the database. */
export function unrecoverable(error: unknown): Error {
  return new UnrecoverableError(error instanceof Failure ? error.code : "internal_error");
}

/** Puts a running job back where it was, for any worker to take. Always throws: the processor must end with it. */
export async function returnToQueue(job: Pick<Job, "moveToWait">, token: string | undefined): Promise<never> {
  await job.moveToWait(token);
  throw new WaitingError();
}
