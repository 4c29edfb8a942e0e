/** The queue's parts over a private Redis and an empty database, as the composition roots put them together. */
import { type Job, Worker } from "bullmq";
import { type RedisConnections, connectRedis } from "../../services/queue/connection.ts";
import { type AnalysisJobData, type WorkerSettings, analysisQueueName, workerSettings } from "../../services/queue/queue-settings.ts";

export const silent = { info: () => undefined, warn: () => undefined };

export const connect = (url: string): RedisConnections => connectRedis(url, silent);

export type Processor = (job: Job<AnalysisJobData>, token?: string, signal?: AbortSignal) => Promise<void>;

export interface Consumer extends AsyncDisposable {
  readonly worker: Worker<AnalysisJobData, void>;
}

/** A worker with short locks, so that taking over takes seconds. */
export async function startConsumer(redis: RedisConnections, processor: Processor, settings: Partial<WorkerSettings> = {}): Promise<Consumer> {
  const options = workerSettings(redis, { concurrency: 1, attempts: 3, lockDuration: 1_000, stalledInterval: 500, ...settings });
  const worker = new Worker<AnalysisJobData, void>(analysisQueueName, (job, token, signal) => processor(job, token, signal), options);
  worker.on("error", () => undefined);
  await worker.waitUntilReady();
  return { worker, [Symbol.asyncDispose]: () => worker.close(true) };
}

/** Asks until the answer is the wanted one, a failure counting as none; fails with what it was last after 20 s. */
export async function eventually<T>(ask: () => T | Promise<T>, wanted: (answer: T) => boolean): Promise<T> {
  const deadline = Date.now() + 20_000;
  for (let last: unknown; ; ) {
    try {
      const answer = await ask();
      if (wanted(answer)) return answer;
      last = answer;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`it stayed at ${JSON.stringify(last)}`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
