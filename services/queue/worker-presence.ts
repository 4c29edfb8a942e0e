/**
 * Which workers are alive and what they can do, as each tells by its heartbeat.
 *
 * A worker's key expires by itself when it dies, so no clocks are compared. After a loss of Redis' data the next beat
 * brings everything back.
 */
import type { RedisConnections } from "./connection.ts";
import { withRedis } from "./connection.ts";
import { redisPrefix } from "./queue-settings.ts";

export interface WorkerInfo {
  readonly id: string;
  readonly pid: number;
  readonly started_at: string;
  readonly concurrency: number;
  /** Such as `gdb: "13.1"`, `sandbox: "bubblewrap 0.8.0"`, `gdb_multiarch: null`. */
  readonly capabilities: Readonly<Record<string, string | boolean | null>>;
}

export interface WorkerDirectory {
  /** Workers whose heartbeat was heard in the last 15 s. Rejects with `queue_unavailable`. */
  alive(): Promise<WorkerInfo[]>;
}

const beatMilliseconds = 5_000;
const aliveMilliseconds = 15_000;

const listKey = `${redisPrefix}:workers`;
const workerKey = (id: string): string => `${redisPrefix}:worker:${id}`;

/** The worker's side: told at once and then every few seconds, taken back when disposed. */
export function startHeartbeat(redis: RedisConnections, info: WorkerInfo): AsyncDisposable {
  const { commands } = redis;
  const beat = async () => {
    try {
      await commands.multi().sadd(listKey, info.id).set(workerKey(info.id), JSON.stringify(info), "PX", aliveMilliseconds).exec();
    } catch {
      // Redis is gone; `ready` beats again.
    }
  };
  const tell = () => void beat();
  tell();
  commands.on("ready", tell);
  const timer = setInterval(tell, beatMilliseconds);
  return {
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      commands.off("ready", tell);
      await commands
        .multi()
        .srem(listKey, info.id)
        .del(workerKey(info.id))
        .exec()
        .catch(() => undefined);
    },
  };
}

/** The API's side. */
export function openWorkerDirectory(redis: RedisConnections): WorkerDirectory {
  return {
    alive: () =>
      withRedis(redis.commands, async () => {
        const ids = await redis.commands.smembers(listKey);
        if (ids.length === 0) return [];
        const texts = await redis.commands.mget(ids.map(workerKey));
        const gone = ids.filter((_, position) => texts[position] === null);
        if (gone.length > 0) await redis.commands.srem(listKey, ...gone);
        return texts.flatMap((text): WorkerInfo[] => (typeof text === "string" ? [JSON.parse(text)] : []));
      }),
  };
}
