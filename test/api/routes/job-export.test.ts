import { once } from "node:events";
import { connect } from "node:net";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { openDatabase } from "../../../services/storage/database.ts";
import { createJobStore } from "../../../services/storage/create-job-store.ts";
import { newJob } from "../../storage/sample.ts";
import { openApiUnderTest } from "../support/api-under-test.ts";

test("an export reads jobs as its client takes them, and no more when the client has left", async () => {
  await using database = await openDatabase("sqlite::memory:");
  const store = createJobStore(database);
  // More of them than any buffers hold between a server and a client that reads nothing.
  const [many, bytes] = [20_000, 10_000];
  const { job } = await store.create(newJob({ labels: { long: "x".repeat(bytes) } }));
  let [read, left] = [0, false];
  const jobs: typeof store = {
    ...store,
    iterate: async function* () {
      try {
        for (; read < many; read += 1) {
          await setImmediate();
          yield job;
        }
      } finally {
        left = true;
      }
    },
  };
  await using api = await openApiUnderTest({ parts: { jobs } });
  const { port, hostname } = new URL(await api.listen());
  const client = connect(Number(port), hostname);
  await once(client, "connect");
  client.write("GET /v1/jobs/export HTTP/1.1\r\nHost: localhost\r\n\r\n");
  for (let before = -1; read === 0 || read !== before; await sleep(500)) before = read;
  expect(read).toBeLessThan(many);
  expect(left).toBe(false);
  client.destroy();
  await expect.poll(() => left, { timeout: 20_000 }).toBe(true);
  expect(read).toBeLessThan(many);
});
