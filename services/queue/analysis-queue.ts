/**
 * How a job reaches a worker: BullMQ's producer side.
 *
 * The queue carries ids and nothing else; the database is the truth. So a Redis that is gone delays jobs and loses none:
 * `add` keeps what it could not hand over and tries again, and `recovery` queues again what the database knows.
 */
import { Queue } from "bullmq";
import { publish } from "./channel.ts";
import { type RedisConnections, redisReady, withRedis } from "./connection.ts";
import { type AnalysisJobData, analysisQueueName, jobSettings, type QueuedJob, redisPrefix } from "./queue-settings.ts";

export interface QueueCounts {
  readonly waiting: number;
  readonly active: number;
  /** Waiting for their next attempt. */
  readonly delayed: number;
}

export interface AnalysisQueue extends AsyncDisposable {
  /** Never rejects for a Redis that is gone: `deferred` jobs are added as soon as it answers. */
  add(job: QueuedJob): Promise<"added" | "deferred">;
  /** The same for many that were never queued before, in one go. */
  addNew(jobs: readonly QueuedJob[]): Promise<"added" | "deferred">;
  /** Takes the job out of the queue, and tells the worker that has it to stop at once. The row must have been changed before. Never rejects. */
  cancel(jobId: string): Promise<void>;
  /** Those of the ids that the queue does not know. Rejects with `queue_unavailable`, as all below. */
  lacking(jobIds: readonly string[]): Promise<string[]>;
  /** Of a job that waits; 1 comes first. */
  setPriority(jobId: string, priority: number): Promise<void>;
  counts(): Promise<QueueCounts>;
  ping(): Promise<void>;
}

const retryMilliseconds = 250;
const slowRetryMilliseconds = 2_000;

/** Waits a moment for Redis, and opens without it when it is not there. */
export async function openAnalysisQueue(redis: RedisConnections, options: { readonly attempts: number }): Promise<AnalysisQueue> {
  const { commands } = redis;
  await redisReady(commands, slowRetryMilliseconds);

  let opened: Queue<AnalysisJobData> | null = null;

  /** BullMQ asks for Redis' version once; when that very question fails, its queue never recovers. So that one is made anew. */
  async function withQueue<T>(work: (queue: Queue<AnalysisJobData>) => Promise<T>): Promise<T> {
    return withRedis(commands, async () => {
      const queue = opened ?? new Queue<AnalysisJobData>(analysisQueueName, { connection: commands, prefix: redisPrefix, skipMetasUpdate: true });
      if (opened === null) queue.on("error", () => undefined); // The connection's own listener tells it.
      opened = queue;
      try {
        await queue.waitUntilReady();
      } catch (error) {
        if (opened === queue) opened = null;
        throw error;
      }
      return work(queue);
    });
  }

  /** What Redis did not take yet, by id. */
  const pending = new Map<string, QueuedJob>();
  let timer: NodeJS.Timeout | null = null;
  let closed = false;

  async function handOver(job: QueuedJob): Promise<void> {
    const { id: jobId } = job;
    await withQueue(async (queue) => {
      const state = await queue.getJobState(jobId);
      // An earlier run of this job is just ending (it was queued again at once): BullMQ would take the id for a duplicate.
      if (state === "active") return;
      if (state === "completed" || state === "failed") await queue.remove(jobId);
      await queue.add("analyse", { job_id: jobId }, jobSettings(job, options.attempts));
      pending.delete(jobId);
    });
  }

  async function handOverPending(): Promise<void> {
    timer = null;
    for (const job of pending.values()) {
      try {
        await handOver(job);
      } catch {
        break;
      }
    }
    tryAgainLater();
  }

  function tryAgainLater(): void {
    if (closed || pending.size === 0 || timer !== null) return;
    timer = setTimeout(() => void handOverPending(), commands.status === "ready" ? retryMilliseconds : slowRetryMilliseconds);
  }

  return {
    add: async (job) => {
      pending.set(job.id, job);
      try {
        await handOver(job);
      } catch {
        // Redis is gone: it stays pending.
      }
      tryAgainLater();
      return pending.has(job.id) ? "deferred" : "added";
    },

    addNew: async (jobs) => {
      for (const job of jobs) pending.set(job.id, job);
      try {
        if (jobs.length > 0)
          await withQueue((queue) =>
            queue.addBulk(jobs.map((job) => ({ name: "analyse", data: { job_id: job.id }, opts: jobSettings(job, options.attempts) }))),
          );
        for (const { id } of jobs) pending.delete(id);
      } catch {
        // Redis is gone: they stay pending.
      }
      tryAgainLater();
      return jobs.some(({ id }) => pending.has(id)) ? "deferred" : "added";
    },

    cancel: async (jobId) => {
      pending.delete(jobId);
      await withQueue((queue) => queue.remove(jobId)).catch(() => undefined);
      await publish(redis, "cancellations", jobId);
    },

    lacking: (jobIds) =>
      withQueue(async (queue) => {
        const pipeline = commands.pipeline();
        for (const jobId of jobIds) pipeline.exists(queue.toKey(jobId));
        const answers = (await pipeline.exec()) ?? [];
        return jobIds.filter((_, position) => {
          const [error, exists] = answers[position] ?? [new Error("no answer"), null];
          if (error !== null) throw error;
          return exists === 0;
        });
      }),

    setPriority: (jobId, priority) =>
      withQueue(async (queue) => {
        const job = await queue.getJob(jobId);
        if (job !== undefined && job.priority !== priority) await job.changePriority({ priority });
      }),

    counts: () =>
      withQueue(async (queue) => {
        const counts = await queue.getJobCounts("wait", "prioritized", "active", "delayed");
        return { waiting: (counts["wait"] ?? 0) + (counts["prioritized"] ?? 0), active: counts["active"] ?? 0, delayed: counts["delayed"] ?? 0 };
      }),

    ping: async () => {
      await withRedis(commands, () => commands.ping());
    },

    [Symbol.asyncDispose]: async () => {
      closed = true;
      if (timer !== null) clearTimeout(timer);
      // Waits for a connection that may never come when Redis is gone, so nobody waits for it here.
      if (commands.status === "ready") await opened?.close();
    },
  };
}
