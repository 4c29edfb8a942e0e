/** One channel of Redis' publish and subscribe, carrying job ids. Messages may be lost; listeners must not depend on them. */
import type { RedisConnections } from "./connection.ts";
import { redisPrefix } from "./queue-settings.ts";

export type ChannelName = "changes" | "cancellations";

const channelKey = (name: ChannelName): string => `${redisPrefix}:${name}`;

/** Never rejects: a message that cannot be sent is a lost one. */
export async function publish(redis: RedisConnections, name: ChannelName, jobId: string): Promise<void> {
  try {
    await redis.commands.publish(channelKey(name), jobId);
  } catch {
    // Redis is gone; who listens looks at the database from time to time.
  }
}

/** `connected` is called whenever listening begins (again): what was said before was not heard. */
export function subscribe(redis: RedisConnections, name: ChannelName, listener: { message(jobId: string): void; connected(): void }): Disposable {
  const connection = redis.dedicated();
  connection.on("message", (_channel: string, jobId: string) => listener.message(jobId));
  connection.on("ready", () => {
    connection.subscribe(channelKey(name)).then(
      () => listener.connected(),
      () => undefined, // The connection broke again; the next `ready` subscribes.
    );
  });
  return { [Symbol.dispose]: () => connection.disconnect() };
}
