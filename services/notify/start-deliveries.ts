/**
 * Carries deliveries from the outbox to their receivers: rows whose time has come go into the queue, the queue's worker
 * makes an attempt, and what failed waits in the queue until it is due again.
 *
 * The rows are the truth. They are looked through whenever a job changes and every few seconds, and a row that the queue has
 * already is not added twice, so neither a Redis that lost everything nor a process that died loses a delivery.
 */
import { DelayedError, Queue, Worker } from "bullmq";
import { subscribe } from "../queue/channel.ts";
import { type RedisConnections, withRedis } from "../queue/connection.ts";
import { redisPrefix } from "../queue/queue-settings.ts";
import type { DeliveryStore } from "../storage/delivery-store.ts";
import { deliver, type DeliverParts } from "./deliver.ts";

const queueName = "deliveries";
/** In the queue at once; the others of a receiver wait in the database. */
const ofEachReceiver = 20;
/** A row that is due for longer, while the queue still means to wait: somebody asked for it anew. */
const overdueMilliseconds = 5_000;

interface DeliveryData {
  readonly delivery_id: string;
  readonly webhook_id: string;
}

export interface DeliveriesParts extends Omit<DeliverParts, "deliveries" | "stop"> {
  readonly redis: RedisConnections;
  readonly deliveries: DeliverParts["deliveries"] & Pick<DeliveryStore, "due">;
  readonly everyMilliseconds?: number;
  readonly concurrency?: number;
}

export interface Deliveries extends AsyncDisposable {
  /** There may be something due: look now. */
  nudge(): void;
}

/** One receiver that is slow must not keep the others waiting. */
const perReceiver = 2;
const busyMilliseconds = 500;

export function startDeliveries(parts: DeliveriesParts): Deliveries {
  const { redis, deliveries, log, everyMilliseconds = 2_000, concurrency = 8 } = parts;
  const stop = new AbortController();
  const underWay = new Map<string, number>();
  const count = (webhook: string, by: number) => {
    const left = (underWay.get(webhook) ?? 0) + by;
    if (left === 0) underWay.delete(webhook);
    else underWay.set(webhook, left);
  };

  const worker = new Worker<DeliveryData>(
    queueName,
    async (job, token) => {
      const { delivery_id: id, webhook_id: webhook } = job.data;
      const later = async (time: number) => {
        await job.moveToDelayed(time, token);
        throw new DelayedError();
      };
      if ((underWay.get(webhook) ?? 0) >= perReceiver) return later(Date.now() + busyMilliseconds);
      count(webhook, 1);
      let again: number | null;
      try {
        again = await deliver({ ...parts, stop: stop.signal }, id);
      } finally {
        count(webhook, -1);
      }
      if (again !== null) await later(again);
    },
    {
      connection: redis.dedicated(),
      prefix: redisPrefix,
      concurrency,
      lockDuration: parts.timeoutMilliseconds + 20_000,
      maxStalledCount: 1_000,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    },
  );
  worker.on("error", (error) => log.warn({ err: error }, "delivery_queue_error"));
  // The database was away: the row is still due, and the next round brings it again.
  worker.on("failed", (_job, error) => stop.signal.aborted || log.warn({ err: error }, "delivery_failed"));

  let queue: Queue<DeliveryData> | null = null;
  async function addDue(): Promise<void> {
    const rows = await deliveries.due(new Date(), ofEachReceiver);
    if (rows.length === 0) return;
    await withRedis(redis.commands, async () => {
      if (queue === null) {
        queue = new Queue<DeliveryData>(queueName, { connection: redis.commands, prefix: redisPrefix, skipMetasUpdate: true });
        queue.on("error", () => undefined); // The connection's own listener tells it.
      }
      try {
        await queue.waitUntilReady();
      } catch (error) {
        queue = null;
        throw error;
      }
      await queue.addBulk(
        rows.map(({ id, webhookId }) => ({
          name: "deliver",
          data: { delivery_id: id, webhook_id: webhookId },
          opts: { jobId: id, removeOnComplete: true, removeOnFail: true, stackTraceLimit: 0 },
        })),
      );
      for (const { id } of rows.filter(({ dueAt }) => dueAt < Date.now() - overdueMilliseconds)) {
        const job = await queue.getJob(id);
        if (job !== undefined && (await job.isDelayed())) await job.promote().catch(() => undefined); // Just taken: all the better.
      }
    });
  }

  let closed = false;
  let wanted = false;
  let current: Promise<void> | null = null;
  const askedAgain = () => wanted && !closed;
  async function round(): Promise<void> {
    do {
      wanted = false;
      try {
        await addDue();
      } catch (error) {
        log.warn({ err: error }, "deliveries_waiting");
      }
    } while (askedAgain());
  }
  const nudge = () => {
    wanted = true;
    if (closed || current !== null) return;
    current = round().finally(() => {
      current = null;
    });
  };
  const timer = setInterval(nudge, everyMilliseconds);
  const subscription = subscribe(redis, "changes", { message: nudge, connected: nudge });
  nudge();
  return {
    nudge,
    [Symbol.asyncDispose]: async () => {
      closed = true;
      clearInterval(timer);
      subscription[Symbol.dispose]();
      await current;
      const closing = worker.close();
      stop.abort();
      await closing;
      if (redis.commands.status === "ready") await queue?.close();
    },
  };
}
