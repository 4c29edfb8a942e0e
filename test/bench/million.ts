/**
 * `npm run bench -- million [JOBS [FILE]]`: what lists, filters, groups and counts take with a million jobs in SQLite, over the
 * API's own routes, at rest and while another process submits and finishes jobs; and an export's peak memory.
 *
 * A FILE that exists is used again as it is.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "../../services/storage/database.ts";
import { createGroupStore } from "../../services/storage/group-store.ts";
import { countJobsByStatus } from "../../services/storage/job-counts.ts";
import { createJobStore } from "../../services/storage/job-store.ts";
import { createReportStore } from "../../services/storage/report-store.ts";
import { openApiUnderTest } from "../api/support/api-under-test.ts";
import { days, diagnoses, executables, fillJobs, groupCount, hashOfGroup, hosts, pick, releases, versions } from "./fill-jobs.ts";
import { MiB, peakMemory, resetPeak } from "./measure.ts";

const jobs = Number(process.argv[2] ?? 1_000_000);
await using opened = new AsyncDisposableStack();
const folder = await mkdtemp(join(tmpdir(), "inquest-million-"));
opened.defer(() => rm(folder, { recursive: true, force: true }));
const file = process.argv[3] ?? join(folder, "jobs.sqlite");

const say = (text: string) => process.stdout.write(`${text}\n`);
if (!existsSync(file)) {
  const begun = Date.now();
  await fillJobs(file, jobs, (text) => process.stderr.write(`${text}\n`));
  say(`filled ${jobs} jobs in ${groupCount} groups in ${Math.round((Date.now() - begun) / 1_000)} s`);
}
say(`${MiB(statSync(file).size)} of database\n`);

const database = opened.use(await openDatabase(`sqlite:${file}`));
const api = opened.use(
  await openApiUnderTest({
    parts: {
      database,
      jobs: createJobStore(database),
      reports: createReportStore(database),
      groups: createGroupStore(database),
      countJobs: () => countJobsByStatus(database),
    },
  }),
);

const any = <T>(values: readonly T[]): T => pick(values, Math.random);
const number = (below: number) => Math.floor(Math.random() * below);
/** Frequent and rare groups alike. */
const hash = () => hashOfGroup(Math.floor(groupCount ** Math.random()) - 1);
const { first: firstDay } = await database.query
  .selectFrom("search_blocks")
  .select((query) => query.fn.min<number>("first_ms").as("first"))
  .executeTakeFirstOrThrow();
const time = () => new Date(firstDay + number(days) * 86_400_000).toISOString();
const week = () => {
  const from = firstDay + number(days - 7) * 86_400_000;
  return `since=${new Date(from).toISOString()}&until=${new Date(from + 7 * 86_400_000).toISOString()}`;
};
let cursor = "";

const requests: readonly (readonly [string, () => string])[] = [
  ["list", () => "/v1/jobs?limit=50"],
  ["list, a later page", () => `/v1/jobs?limit=50&until=${time()}`],
  ["status", () => `/v1/jobs?status=${any(["succeeded", "failed", "cancelled", "queued"])}`],
  ["signal", () => `/v1/jobs?signal=${any([6, 7, 8, 11])}`],
  ["signature", () => `/v1/jobs?signature=${hash()}`],
  ["executable", () => `/v1/jobs?executable=${any(executables)}`],
  ["python_version", () => `/v1/jobs?python_version=${any([...versions, "3.11", "3"])}`],
  ["function, of a group", () => `/v1/jobs?function=handler_${Math.floor(groupCount ** Math.random()) - 1}`],
  ["function, of all", () => `/v1/jobs?function=serve_${number(8)}`],
  ["file", () => `/v1/jobs?file=/srv/app/module${number(2_000)}.py`],
  ["extension", () => `/v1/jobs?extension=ext_${number(60)}`],
  ["diagnosis", () => `/v1/jobs?diagnosis=${any(diagnoses)}`],
  ["label", () => `/v1/jobs?label.host=${any(hosts)}`],
  ["q, two words", () => `/v1/jobs?q=value_${number(500)}+step`],
  ["q, a beginning", () => `/v1/jobs?q=handler_${number(900) + 100}*`],
  [
    "six filters and a week",
    () => `/v1/jobs?status=succeeded&executable=${any(executables)}&python_version=3.11&label.region=eu&diagnosis=${any(diagnoses)}&function=serve_1&${week()}`,
  ],
  ["frequent filters, nothing in common", () => `/v1/jobs?label.release=${releases[0]}&function=serve_1&q=serve&since=2026-09-01T00:00:00Z`],
  ["frequent filters, few in common", () => `/v1/jobs?status=failed&label.release=${any(releases)}&executable=${any(executables)}&label.host=${any(hosts)}`],
  ["filtered, a page far down", () => `/v1/jobs?status=succeeded&label.region=eu&limit=50&cursor=${cursor}`],
  ["groups", () => `/v1/groups?sort=${any(["last_seen", "count", "first_seen"])}`],
  ["groups, filtered by a label", () => `/v1/groups?label.release=${any(releases)}&sort=${any(["last_seen", "count"])}`],
  ["groups, filtered by all sorts", () => `/v1/groups?executable=${any(executables)}&python_version=3.11&label.region=us&sort=${any(["last_seen", "count"])}`],
  ["groups, filtered by what all have", () => `/v1/groups?function=serve_1&sort=${any(["last_seen", "count"])}`],
  ["group", () => `/v1/groups/${hash()}`],
  ["stats by status", () => "/v1/stats?by=status"],
  ["stats by signature", () => "/v1/stats?by=signature"],
  ["stats by signature, label.release", () => "/v1/stats?by=signature,label.release"],
  ["the same, a week of it by days", () => `/v1/stats?by=signature,label.release&interval=1d&${week()}`],
  ["stats by executable, all days", () => "/v1/stats?by=executable&interval=1d"],
  ["stats by diagnosis", () => "/v1/stats?by=diagnosis"],
  ["stats by host, three filters", () => `/v1/stats?by=label.host&executable=${any(executables)}&python_version=3.11&label.region=eu&interval=1w`],
  ["metrics", () => "/metrics"],
];

const samples = 100;

const at = (sorted: readonly number[], part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;

async function measure(title: string): Promise<void> {
  const figures = (values: readonly number[]) => {
    const sorted = values.toSorted((one, other) => one - other);
    return `${at(sorted, 0.5).toFixed(1).padStart(9)}${at(sorted, 0.99).toFixed(1).padStart(9)}`;
  };
  say(`${title.padEnd(40)}${"p50".padStart(9)}${"p99".padStart(9)}${"cpu p50".padStart(9)}${"cpu p99".padStart(9)}   ms of ${samples}`);
  for (const [name, url] of requests) {
    const times: number[] = [];
    const busy: number[] = [];
    let refused = "";
    for (let count = 0; count < samples; count += 1) {
      const used = process.threadCpuUsage();
      const begun = performance.now();
      const answer = await api.app.inject(url());
      times.push(performance.now() - begun);
      const { user, system } = process.threadCpuUsage(used);
      busy.push((user + system) / 1_000);
      if (answer.statusCode !== 200) refused = ` ${answer.statusCode} ${answer.body.slice(0, 200)}`;
    }
    say(`${name.padEnd(40)}${figures(times)}${figures(busy)}${refused}`);
  }
  say("");
}

async function writing(work: () => Promise<void>): Promise<void> {
  const writer: ChildProcess = spawn(process.execPath, ["--import", "tsx", "test/storage/writer.ts", `sqlite:${file}`, "1000000", "50"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let written = 0;
  writer.stdout?.on("data", (chunk: Buffer) => {
    written += chunk.toString().split("\n").length - 1;
  });
  try {
    await work();
  } finally {
    const ended = once(writer, "exit");
    writer.kill("SIGKILL");
    await ended;
  }
  say(`${written} jobs were submitted, started and finished by the other process meanwhile\n`);
}

async function exporting(): Promise<void> {
  const base = await api.listen();
  for (const query of ["label.region=eu&format=csv", "label.region=eu", "label.host=web1&include=report"]) {
    await resetPeak(process.pid);
    const before = await peakMemory(process.pid);
    const begun = Date.now();
    let [lines, bytes] = [0, 0];
    const { body } = await fetch(`${base}/v1/jobs/export?${query}`);
    if (body === null) throw new Error("the export has no body");
    for await (const chunk of body) {
      bytes += chunk.length;
      for (const byte of chunk) if (byte === 10) lines += 1;
    }
    const grown = (await peakMemory(process.pid)) - before;
    say(`export?${query}: ${lines} lines, ${MiB(bytes)} in ${((Date.now() - begun) / 1_000).toFixed(1)} s; the process grew by ${MiB(grown)}`);
  }
}

for (let page = 0; page < 20; page += 1) {
  const answer: { next_cursor: string } = (
    await api.app.inject(`/v1/jobs?status=succeeded&label.region=eu&limit=200${cursor === "" ? "" : `&cursor=${cursor}`}`)
  ).json();
  cursor = answer.next_cursor;
}
await measure("at rest");
await writing(() => measure("while another process writes"));
await exporting();
