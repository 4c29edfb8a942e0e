/**
 * Every statement that the API and the stores send, held against SQLite's query planner: none reads a whole
 * table that grows with the jobs. The list of statements is made by driving all of them, not by hand.
 */
import { DatabaseSync } from "node:sqlite";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createBulkChangeStore } from "../../services/storage/bulk-change-store.ts";
import { createBulkStore } from "../../services/storage/bulk-store.ts";
import { openDatabase } from "../../services/storage/database.ts";
import { createGroupStore } from "../../services/storage/group-store.ts";
import { countJobsByStatus } from "../../services/storage/job-counts.ts";
import { createJobStore } from "../../services/storage/create-job-store.ts";
import { createReportStore } from "../../services/storage/report-store.ts";
import { regroupNext } from "../../services/storage/regrouping.ts";
import { indexEarlier } from "../../services/storage/search/index-earlier.ts";
import { sweepBlobs } from "../../services/storage/blob-trash.ts";
import { type DeliveryStore, createDeliveryStore } from "../../services/storage/delivery-store.ts";
import { createWebhookStore } from "../../services/storage/webhook-store.ts";
import { webhookEvents } from "../../services/contract/webhook.ts";
import { type ApiUnderTest, openApiUnderTest } from "../api/support/api-under-test.ts";
import { newCore, newJob, newReport } from "./sample.ts";

/** Grow with the jobs. All others grow with the projects, or are read whole by their nature. */
const big = [
  "jobs",
  "job_events",
  "reports",
  "attachments",
  "job_binaries",
  "counted_jobs",
  "groups",
  "signatures",
  "signature_facets",
  "signature_keys",
  "search_terms",
  "search_postings",
  "search_columns",
  "search_jobs",
  "search_blocks",
  "bulk_items",
  "webhook_deliveries",
];

const filters = [
  "",
  "status=succeeded",
  "signal=11&signature=deadbeef",
  "executable=python3.11&python_version=3.11&function=main&file=x&extension=_ctypes&diagnosis=null_dereference&label.a=b&q=main+deref*",
  "since=2020-01-01T00:00:00Z&until=2100-01-01T00:00:00Z",
  "label.a=b&since=2020-01-01T00:00:00Z",
];

/** All that is asked of a webhook's log, over HTTP and by who sends. */
async function useWebhook(api: ApiUnderTest, deliveries: DeliveryStore, id: string): Promise<void> {
  const log = `/v1/webhooks/${id}/deliveries`;
  for (const filter of ["", "&status=pending"]) {
    const page = (await api.ask({ url: `${log}?limit=1${filter}` })).json();
    expect(page.next_cursor).not.toBeNull();
    await api.ask({ url: `${log}?limit=1${filter}&cursor=${page.next_cursor}` });
  }
  const ping = (await api.ask({ method: "POST", url: `/v1/webhooks/${id}/ping` })).json();
  for (const [method, path] of [["GET", ""] as const, ["POST", "/redeliver"] as const]) await api.ask({ method, url: `${log}/${ping.id}${path}` });
  await api.ask({ url: `/v1/webhooks/${id}` });
  await api.ask({ url: "/v1/webhooks" });
  const [first, second] = await deliveries.due(new Date("2100-01-01T00:00:00Z"), 2);
  if (first === undefined || second === undefined) throw new Error("nothing is due");
  await deliveries.open(first.id);
  const attempt = { at: "2026-01-01T00:00:00.000Z", duration_ms: 1, response_status: 500, error: "bad_status" as const };
  await deliveries.record(first.id, attempt, { kind: "again", dueAt: "2026-01-01T00:00:00.000Z" });
  await deliveries.record(second.id, attempt, { kind: "dead" });
}

test("no statement reads a whole table that grows with the jobs", async () => {
  const folder = await mkdtemp(join(tmpdir(), "inquest-plans-"));
  await using cleaning = new AsyncDisposableStack();
  cleaning.defer(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "jobs.sqlite");
  const statements = new Set<string>();
  const database = cleaning.use(await openDatabase(`sqlite:${file}`, { observe: ({ sql }) => statements.add(sql) }));
  const [jobs, groups, reports] = [createJobStore(database), createGroupStore(database), createReportStore(database)];
  const [webhooks, deliveries] = [createWebhookStore(database), createDeliveryStore(database)];
  const api = cleaning.use(
    await openApiUnderTest({ database, parts: { database, jobs, groups, reports, webhooks, deliveries, countJobs: () => countJobsByStatus(database) } }),
  );
  const hook = (await api.ask({ method: "POST", url: "/v1/webhooks", payload: { url: "https://hooks.example.com/", events: [...webhookEvents] } })).json();

  const made: string[] = [];
  for (let at = 0; at < 3; at += 1) {
    const { job } = await jobs.create(newJob({ labels: { a: "b" }, idempotencyKey: `k${at}` }));
    await jobs.start(job.id);
    await jobs.setProgress(job.id, 1, "debug", 10);
    const sample = newReport(job.id);
    await jobs.finish(job.id, 1, {
      report: {
        ...sample,
        signature:
          sample.signature === null
            ? null
            : {
                ...sample.signature,
                hash: `s${at}`,
                frames: [
                  { key: "a", kept: true, why: "" },
                  { key: `b`, kept: true, why: "" },
                ],
              },
      },
      missingBinaries: [],
    });
    made.push(job.id);
  }
  const id = made[0] ?? "";
  for (const filter of filters) {
    const withOut = (...names: string[]) =>
      filter
        .split("&")
        .filter((part) => !names.some((name) => part.startsWith(name)))
        .join("&");
    const page = await api.ask({ url: `/v1/jobs?limit=1&${filter}` });
    const { next_cursor: cursor } = page.json();
    if (cursor !== null) await api.ask({ url: `/v1/jobs?limit=1&${filter}&cursor=${cursor}` });
    await api.ask({ url: `/v1/jobs/export?include=report&${filter}` });
    await api.ask({ url: `/v1/jobs/export?format=csv&${filter}` });
    for (const by of ["status,signal", "signature,label.a", "diagnosis,executable", "function", "python_version"])
      await api.ask({ url: `/v1/stats?by=${by}&interval=1d&${filter}` });
    for (const sort of ["count", "last_seen", "first_seen"]) {
      for (const more of ["", "&status=open", "&new_since=2020-01-01T00:00:00Z"]) {
        const groupPage = await api.ask({ url: `/v1/groups?sort=${sort}&limit=1${more}&${withOut("status")}` });
        const { next_cursor: next } = groupPage.json();
        if (next !== null) await api.ask({ url: `/v1/groups?sort=${sort}&limit=1${more}&${withOut("status")}&cursor=${next}` });
      }
    }
  }
  for (const path of [`/v1/jobs/${id}`, `/v1/jobs/${id}/report`, `/v1/jobs/${id}/events`, "/v1/groups/s0", "/metrics", "/readyz"]) await api.app.inject(path);
  for (const path of ["/v1/groups/feed.atom", "/v1/groups/s0/sarif", "/v1/groups/s0/compare/s1", `/v1/jobs/${id}/compare/${made[1]}`])
    expect((await api.ask({ url: path })).statusCode).toBe(200);
  await useWebhook(api, deliveries, hook.id);
  const bulks = createBulkStore(database);
  await bulks.begin("default", id, "2100-01-01T00:00:00.000Z");
  await bulks.add(id, [{ position: 0, filename: null, jobId: id, error: null }]);
  await bulks.end(id, null);
  await bulks.get("default", id);
  await bulks.items(id, { after: -1, limit: 10, refused: true });
  const changes = createBulkChangeStore(database, { labels_per_job: 64, label_bytes: 1_024 });
  for (const url of ["/v1/jobs/label?label.a=b", "/v1/jobs/reanalyze?dry_run=true&since=2020-01-01T00:00:00Z", "/v1/jobs/reanalyze?status=failed"])
    await api.ask({ method: "POST", url, ...(url.includes("label?") ? { payload: { labels: { c: "d" } } } : {}) });
  const twin = newJob({ core: newCore("twin") });
  await jobs.create(twin);
  await jobs.start(twin.id);
  await createJobStore(database, { coresPerGroup: 1 }).finish(twin.id, 1, { report: newReport(twin.id), missingBinaries: [] });
  const second = newJob({ core: newCore("twin") });
  await jobs.create(second);
  await jobs.takeOver(second.id, null);
  await jobs.edit("default", second.id, { labels: { e: "f" } }, null, { labels_per_job: 64, label_bytes: 1_024 });
  await jobs.delete("default", twin.id);
  expect(await changes.claim(1)).toBeNull();
  await groups.edit("default", "s0", { note: "x" }, null);
  await groups.merge("default", "s0", ["s1"], null);
  expect((await api.ask({ url: "/v1/groups/s0" })).json()).toMatchObject({ count: 2 });
  await groups.split("default", "s0", ["s1"], null);
  await jobs.requeue("default", id);
  await jobs.start(id);
  await jobs.giveBack(id, 2, { countAttempt: true });
  await jobs.abandon(id, { code: "c", stage: "s", detail: "d", hint: "h" });
  await jobs.requeue("default", id);
  await jobs.cancel("default", id);
  await jobs.stopped([id]);
  for await (const job of jobs.unfinished()) expect(job).toBeDefined();
  for await (const job of jobs.parked("default")) expect(job).toBeDefined();
  for await (const job of jobs.parked(null)) expect(job).toBeDefined();
  await regroupNext(database, 99, (report) => (report.signature === null ? null : { ...report.signature, hash: `new ${report.signature.hash}`, version: 99 }));
  await jobs.expire(new Date("2200-01-01T00:00:00Z"));
  await indexEarlier(database, new AbortController().signal);
  await deliveries.expire(new Date("2200-01-01T00:00:00Z"));
  for (const change of [{ active: true }, { active: false }]) await webhooks.change("default", hook.id, change);
  await webhooks.renewSecret("default", hook.id);
  await webhooks.delete("default", hook.id);
  await jobs.delete("default", made[1] ?? "");
  await sweepBlobs(database, { remove: () => Promise.resolve(true) });

  const planner = new DatabaseSync(file, { readOnly: true });
  cleaning.defer(() => planner.close());
  const wrong: string[] = [];
  // Seen to be told, too.
  const slow = 'select * from "jobs" where "labels" = ?';
  const slowly = 'select "kind", sum("count") from "signature_facets" where "project_id" = ? and "signature" in (?, ?) group by "kind", "value"';
  for (const sql of [slow, slowly, ...statements]) {
    if (!/^\s*(select|update|delete|insert|with)/i.test(sql)) continue;
    // Without values the planner must take any for possible.
    for (const { detail } of planner.prepare(`explain query plan ${sql}`).all()) {
      const step = String(detail);
      // By the project alone, all facets of it are walked.
      const scanned = /^SCAN (\w+)/.exec(step)?.[1] ?? /^SEARCH (signature_facets) .*\(project_id=\?\)$/.exec(step)?.[1];
      const table = scanned === undefined ? null : (new RegExp(`"(\\w+)" as "${scanned}"`).exec(sql)?.[1] ?? scanned);
      if (table !== null && big.includes(table)) wrong.push(`${step}: ${sql.slice(0, 400)}`);
    }
  }
  expect(statements.size).toBeGreaterThan(150);
  expect(wrong).toEqual([`SCAN jobs: ${slow}`, expect.stringMatching(/^SEARCH signature_facets USING .*: select "kind", sum/)]);
});
