/**
 * Connections to Redis: `unix:/path/of/the.sock`, `redis://…` or `rediss://…`.
 *
 * Redis may be gone for a while, and two kinds of callers want different things then. A request wants to know at once:
 * `commands` fails when Redis is not there, or does not answer within the time. A worker or subscriber wants to go on by
 * itself when Redis is back: each takes a `dedicated` connection, which waits.
 */
import { Redis, type RedisOptions } from "ioredis";
import { Failure } from "../contract/failure.ts";
import type { Logger } from "../log/logger.ts";

export interface RedisConnections extends AsyncDisposable {
  readonly commands: Redis;
  dedicated(): Redis;
}

const answerMilliseconds = 5_000;

type Options = Omit<RedisOptions, "replyMapping">;

function open(url: string, options: Options): Redis {
  const settings: Options = { retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 10), 1_000), ...options };
  if (!url.startsWith("unix:")) return new Redis(url, settings);
  return new Redis({ ...settings, path: url.slice("unix:".length).replace(/^\/\/(?=\/)/, "") });
}

/** Opens without waiting: a Redis that is not there yet is no error. */
export function connectRedis(url: string, log: Pick<Logger, "info" | "warn">): RedisConnections {
  const all = new Set<Redis>();
  let told = false;
  const watched = (redis: Redis): Redis => {
    all.add(redis);
    redis.on("error", (error: Error) => {
      if (!told) log.warn({ err: error }, "redis_unreachable");
      told = true;
    });
    redis.on("ready", () => {
      if (told) log.info({}, "redis_back");
      told = false;
    });
    redis.on("end", () => all.delete(redis));
    return redis;
  };
  return {
    commands: watched(open(url, { enableOfflineQueue: false, maxRetriesPerRequest: 0, commandTimeout: answerMilliseconds })),
    dedicated: () => watched(open(url, { maxRetriesPerRequest: null })),
    [Symbol.asyncDispose]: () => {
      for (const redis of all) redis.disconnect();
      return Promise.resolve();
    },
  };
}

/** Does the work, or fails with `queue_unavailable` when Redis is gone or takes too long. */
export async function withRedis<T>(redis: Redis, work: () => Promise<T>): Promise<T> {
  const unavailable = (cause: unknown) => new Failure("queue_unavailable", "Redis does not answer.", { cause, retryAfter: 5 });
  if (redis.status !== "ready") throw unavailable(null);
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("no answer in time")), answerMilliseconds + 1_000);
  try {
    return await Promise.race([work(), late]);
  } catch (error) {
    throw unavailable(error);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until Redis answers, or the time is up: true when it does. */
export async function redisReady(redis: Redis, milliseconds: number): Promise<boolean> {
  const ready = (): boolean => redis.status === "ready";
  if (ready()) return true;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  redis.once("ready", resolve);
  await promise;
  clearTimeout(timer);
  redis.off("ready", resolve);
  return ready();
}
