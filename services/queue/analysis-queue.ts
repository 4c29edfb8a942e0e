/**
 * How a job reaches a worker: BullMQ's producer side.
 *
 * The queue carries ids and nothing else; the database is the truth. So a Redis that is gone delays jobs and loses none:
 * `add` keeps what it could not hand over and tries again, and `recover` queues again what the database knows.
 */
export const analysisQueueName = "analysis";

export interface AnalysisJobData {
  readonly job_id: string;
}

export interface QueueCounts {
  readonly waiting: number;
  readonly active: number;
  readonly delayed: number;
}

export interface AnalysisQueue extends AsyncDisposable {
  /** Never rejects for a Redis that is gone: `deferred` jobs are added as soon as it answers. Bytes of the core give the priority: small ones first. */
  add(jobId: string, coreSize: number): Promise<"added" | "deferred">;
  /** Takes the job out of the queue, and tells the worker that has it to stop at once. The row must have been changed before. */
  cancel(jobId: string): Promise<void>;
  counts(): Promise<QueueCounts>;
  /** Rejects with `queue_unavailable` when Redis does not answer. */
  ping(): Promise<void>;
}
