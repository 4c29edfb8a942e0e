import { expect, test } from "vitest";
import { eventStream } from "../../services/api/event-stream.ts";
import { newJob } from "../storage/sample.ts";
import { openApiUnderTest } from "./support/api-under-test.ts";

test("a silent stream is kept alive by comments", async () => {
  await using api = await openApiUnderTest();
  const { jobs, changes } = api.parts;
  const { job } = await jobs.create(newJob());
  const stop = new AbortController();
  const seen: string[] = [];
  for await (const text of eventStream({ jobs, changes, project: "default", id: job.id, after: 0, signal: stop.signal, heartbeatMs: 20 })) {
    seen.push(text);
    if (text.startsWith(":")) stop.abort();
  }
  expect(seen[0]).toBe("retry: 2000\n\n");
  expect(seen[1]).toMatch(/^id: 1\nevent: status\ndata: \{.*\}\n\n$/);
  expect(seen.at(-1)).toMatch(/^: .*\n\n$/);
});
