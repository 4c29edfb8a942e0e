/** Many cores in one request, over a link that drops in the middle of it. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createClient } from "../../services/client/client.ts";
import { openApiUnderTest } from "../api/support/api-under-test.ts";
import { tinyCore } from "../api/support/tiny-core.ts";
import { startDroppingRelay } from "../support/dropping-relay.ts";

test("each core is one job, however often the request was sent again", async () => {
  await using api = await openApiUnderTest();
  await using relay = await startDroppingRelay(await api.listen(), { request: /^POST \/v1\/bulk /, after: 1_500_000, drops: 2 });
  const folder = await mkdtemp(join(tmpdir(), "inquest-bulk-"));
  try {
    const cores = Array.from({ length: 5 }, (_, at) => join(folder, `core.${at}`));
    for (const path of cores) await writeFile(path, Buffer.concat([tinyCore(1_000), randomBytes(600_000)]));
    const bulk = await createClient({ url: relay.url }).submitBulk({ cores, priority: "normal" });
    expect(relay.dropped).toBe(2);
    expect(bulk).toMatchObject({ state: "complete", total: 5, counts: { queued: 5 } });
    const { items } = (await api.ask({ url: "/v1/jobs" })).json();
    const ids = items.map(({ id }: { id: string }) => id);
    expect(ids).toHaveLength(5);
    expect(new Set(ids)).toEqual(new Set(bulk.items.map(({ job_id: id }) => id)));
    expect(items.map(({ duplicate_of: of }: { duplicate_of: string | null }) => of)).toEqual([null, null, null, null, null]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
