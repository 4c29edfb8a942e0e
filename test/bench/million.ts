/**
 * `npm run bench -- million [JOBS [FILE]]`: what lists, filters, groups and counts take with a million jobs in SQLite, over the
 * API's own routes, at rest and while another process submits and finishes jobs; and exports.
 *
 * The first call of each is told by itself: it compiles, and finds nothing in memory. Processor time is that of the API's thread.
 *
 * A FILE that exists is used again as it is.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "../../services/storage/database.ts";
import { createGroupStore } from "../../services/storage/group-store.ts";
import { countJobsByStatus } from "../../services/storage/job-counts.ts";
import { createJobStore } from "../../services/storage/create-job-store.ts";
import { createReportStore } from "../../services/storage/report-store.ts";
import { openApiUnderTest } from "../api/support/api-under-test.ts";
import { days, diagnoses, executables, fillJobs, groupCount, hashOfGroup, hosts, pick, releases, versions } from "./fill-jobs.ts";
import { MiB } from "./measure.ts";
import { measureExports } from "./million-export.ts";

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

const serving = opened.use(new AsyncDisposableStack());
const database = serving.use(await openDatabase(`sqlite:${file}`));
const api = serving.use(
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

/** Follows the cursors, and holds against them that no job comes twice. */
async function cursorAfter(jobsBefore: number, query: string): Promise<string> {
  let [cursor, last] = ["", "~"];
  for (let seen = 0; seen < jobsBefore; seen += 200) {
    const { items, next_cursor: next }: { items: { id: string }[]; next_cursor: string | null } = (
      await api.app.inject(`/v1/jobs?limit=200&${query}${cursor === "" ? "" : `&cursor=${cursor}`}`)
    ).json();
    for (const { id } of items) {
      if (id >= last) throw new Error(`${id} came after ${last}`);
      last = id;
    }
    if (next === null) break;
    cursor = next;
  }
  return `${query}&cursor=${cursor}`;
}
const deepPages = 10_000;
const deep = await cursorAfter(deepPages * 50, "");
const deepFiltered = await cursorAfter(deepPages * 50, "status=succeeded");
const deepRare = await cursorAfter(400, "label.region=eu&label.host=web1");
say(`cursors followed for ${deepPages} pages of 50\n`);

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
  ["10,000 pages down", () => `/v1/jobs?limit=50&${deep}`],
  ["10,000 pages down, filtered", () => `/v1/jobs?limit=50&${deepFiltered}`],
  ["400 jobs down, rare ones", () => `/v1/jobs?limit=50&${deepRare}`],
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

/** The smallest value that `part` of them do not exceed. */
const at = (sorted: readonly number[], part: number) => sorted[Math.ceil(sorted.length * part) - 1] ?? Number.NaN;
const column = (text: string | number) => (typeof text === "number" ? text.toFixed(1) : text).padStart(10);

async function measure(title: string): Promise<void> {
  say(
    `${title.padEnd(40)}${["first", "p50", "p99", "cpu first", "cpu p50", "cpu p99"].map(column).join("")}   ms of ${samples}, load ${loadavg()[0]?.toFixed(1)}`,
  );
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
    const figures = [times, busy].flatMap((values) => {
      const sorted = values.toSorted((one, other) => one - other);
      return [values[0] ?? Number.NaN, at(sorted, 0.5), at(sorted, 0.99)];
    });
    say(`${name.padEnd(40)}${figures.map(column).join("")}${refused}`);
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

await measure("at rest");
await writing(() => measure("while another process writes"));
await serving.disposeAsync();
await measureExports(file, say);
