import { expect, test } from "vitest";
import { connectRedis, withRedis } from "../../services/queue/connection.ts";
import { startPrivateRedis } from "../support/private-redis.ts";
import { connect, eventually } from "./parts.ts";

test.each(["unix:", "unix://"])("a socket is found as %sPATH", async (scheme) => {
  await using server = await startPrivateRedis();
  await using redis = connect(`${scheme}${server.socket}`);
  expect(
    await eventually(
      () => redis.commands.ping(),
      (answer) => answer === "PONG",
    ),
  ).toBe("PONG");
});

test("a Redis that is not there fails a command at once, by code and without its address", async () => {
  await using redis = connect("redis://user:secret@127.0.0.1:1/");
  await expect(withRedis(redis.commands, () => redis.commands.ping())).rejects.toMatchObject({
    code: "queue_unavailable",
    message: expect.not.stringContaining("127.0.0.1"),
  });
});

test("an outage is told once, and its end too", async () => {
  await using server = await startPrivateRedis();
  const told: string[] = [];
  await using redis = connectRedis(server.url, {
    info: (_: unknown, event?: string) => told.push(event ?? ""),
    warn: (_: unknown, event?: string) => told.push(event ?? ""),
  });
  await eventually(
    () => redis.commands.ping(),
    (answer) => answer === "PONG",
  );
  await server.stop();
  await eventually(
    () => told.length,
    (length) => length === 1,
  );
  await server.start();
  await eventually(
    () => told.length,
    (length) => length === 2,
  );
  expect(told).toEqual(["redis_unreachable", "redis_back"]);
});
