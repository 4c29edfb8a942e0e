/**
 * Fills a new SQLite database with finished jobs as a year of crashes would leave them: groups by Zipf's law, some of them merged,
 * releases that follow each other, hosts, days, stacks that share their outer functions. The same number gives the same database
 * but for its last day, which is the day of its making: trends look at the last two weeks.
 *
 * Jobs are told by what they have in common: a few thousand reports are made and stored for many jobs each, and most columns
 * are filled in by SQLite itself. The search index is collected block by block and comes in by the order of its key; other
 * indexes are made when the rows are there.
 */
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import type { Report } from "../../services/contract/report.ts";
import { openDatabase } from "../../services/storage/database.ts";
import { type Facet, facetsOf } from "../../services/storage/group-facets.ts";
import { encodeReport } from "../../services/storage/report-store.ts";
import { blockJobs, emptyBits, setBit } from "../../services/storage/search/bit-block.ts";
import { emptyColumn, encodeColumn } from "../../services/storage/search/column-block.ts";
import { columnKinds, isFullVersion, type Term, termsOfLabels, termsOfReport, termsOfRow } from "../../services/storage/search-terms.ts";
import { digest, newReport, pythonFrame, thread } from "../storage/sample.ts";

export const groupCount = 10_000;
export const releases = Array.from({ length: 30 }, (_, at) => `2026.${at + 1}`);
export const hosts = Array.from({ length: 400 }, (_, at) => `web${at}`);
export const executables = ["python3.11", "python3.12", "uwsgi", "celery", "gunicorn", "ray", "jupyter", "worker", "ingest", "cron", "api", "batch"];
export const versions = ["3.9.18", "3.10.13", "3.11.2", "3.11.7", "3.12.1", "3.12.4", "3.13.0"];
export const diagnoses = [
  "null_dereference",
  "wild_pointer",
  "freed_memory_access",
  "heap_corruption",
  "fatal_error",
  "abort_message",
  "stack_overflow",
  "deadlock",
];
export const days = 300;
const regions = ["eu", "us", "ap"];
const statuses = ["succeeded", "failed", "cancelled"] as const;
const dayMilliseconds = 86_400_000;
const project = "default";
/** Every so many groups one was merged into the one before it. */
const mergedEvery = 50;

export const hashOfGroup = (at: number): string => digest(`group ${at}`).slice(0, 32);

/** Numbers from 0 to 1 that are the same every time (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function pick<T>(values: readonly T[], random: () => number): T {
  const value = values[Math.floor(random() * values.length)];
  if (value === undefined) throw new RangeError("nothing to pick from");
  return value;
}

interface GroupShape {
  readonly hash: string;
  readonly title: string;
  readonly executable: string;
  readonly signal: number;
  /** Of the signature. */
  readonly keys: readonly string[];
  /** Of two versions of Python, or of one. */
  readonly reports: readonly Report[];
}

function shapeOf(at: number): GroupShape {
  const random = randomFrom(at + 1);
  const hash = hashOfGroup(at);
  const title = `SIGSEGV in handler_${at}`;
  const outer = Array.from({ length: 8 }, (_, depth) => pythonFrame({ function: `serve_${depth}`, file: `/srv/app/server${depth}.py` }));
  const own = Array.from({ length: 8 }, (_, depth) =>
    pythonFrame({
      function: depth === 0 ? `handler_${at}` : `step_${Math.floor(random() * 20_000)}`,
      file: `/srv/app/module${Math.floor(random() * 2_000)}.py`,
      locals: ["request", `value_${Math.floor(random() * 500)}`].map((name) => ({ name, type: "dict", repr: "{}", truncated: false })),
    }),
  );
  const executable = pick(executables, random);
  const signal = pick([11, 11, 11, 6, 7, 8], random);
  const some = pick(versions, random);
  const keys = ["SIGSEGV", `app.handler_${at}`, `app.step_${Math.floor(random() * 3_000)}`, `app.serve_${Math.floor(random() * 8)}`];
  const sample = newReport("");
  const reports = [...new Set([some, pick(versions, random)])].map((version) =>
    newReport("", {
      process: { ...sample.process, executable: `/usr/bin/${executable}`, signal: null },
      python:
        sample.python === null
          ? null
          : {
              ...sample.python,
              version,
              extension_modules: ["_ctypes", "numpy.core", `ext_${at % 60}`].map((name) => ({
                name,
                path: null,
                version: "1.2",
                third_party: true,
                crash_frame: null,
              })),
            },
      threads: [thread({ frames: [...own, ...outer], python_frames: [] })],
      diagnoses: sample.diagnoses.map((each) => ({ ...each, code: pick(diagnoses, random) })),
      signature:
        sample.signature === null ? null : { ...sample.signature, hash, broad_hash: hash, title, frames: keys.map((key) => ({ key, kept: true, why: "" })) },
    }),
  );
  return { hash, title, executable, signal, keys, reports };
}

type Row = Readonly<Record<string, SQLInputValue>>;

/** Rows by hundreds in one statement, in the order in which they come for each table. */
class Rows {
  static readonly #atOnce = 100;
  readonly #database: DatabaseSync;
  readonly #waiting = new Map<string, Row[]>();
  readonly #statements = new Map<string, ReturnType<DatabaseSync["prepare"]>>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  add(table: string, row: Row): void {
    let rows = this.#waiting.get(table);
    if (rows === undefined) this.#waiting.set(table, (rows = []));
    if (rows.push(row) === Rows.#atOnce) this.#send(table, rows);
  }

  end(): void {
    for (const [table, rows] of this.#waiting) if (rows.length > 0) this.#send(table, rows);
  }

  #send(table: string, rows: Row[]): void {
    const names = Object.keys(rows[0] ?? {});
    const form = `${table} ${rows.length}`;
    let statement = this.#statements.get(form);
    if (statement === undefined) {
      const row = `(${names.map(() => "?").join(", ")})`;
      statement = this.#database.prepare(`insert into ${table} (${names.join(", ")}) values ${Array(rows.length).fill(row).join(", ")}`);
      this.#statements.set(form, statement);
    }
    statement.run(...rows.flatMap((row) => Object.values(row)));
    rows.length = 0;
  }
}

/** Which jobs of a block have which terms, and the columns that come of it. */
class Block {
  /** By term: ordinals in their order. */
  readonly sets: number[][] = [];
  readonly columns = new Map<string, { readonly places: Map<number, number>; readonly ofJobs: Uint16Array }>();
  readonly times = new Uint32Array(blockJobs);

  add(ordinal: number, terms: Uint32Array, kindOf: ReadonlyMap<number, string>): void {
    for (const term of terms) {
      (this.sets[term] ??= []).push(ordinal);
      const kind = kindOf.get(term);
      if (kind === undefined) continue;
      let column = this.columns.get(kind);
      if (column === undefined) this.columns.set(kind, (column = { places: new Map([[0, 0]]), ofJobs: new Uint16Array(blockJobs) }));
      let place = column.places.get(term);
      if (place === undefined) column.places.set(term, (place = column.places.size));
      column.ofJobs[ordinal] = place;
    }
  }

  addTo(rows: Rows, block: number, jobs: number): void {
    // In the forms of bit-block.ts; lists need no set to be made first.
    for (const [term, ordinals] of Object.entries(this.sets)) {
      const sparse = ordinals.length * 2 < blockJobs / 8;
      const bits = sparse ? null : emptyBits();
      if (bits !== null) for (const ordinal of ordinals) setBit(bits, ordinal, true);
      rows.add("temp.postings", { term: Number(term), block, bits: new Uint8Array((bits ?? Uint16Array.from(ordinals)).buffer) });
    }
    for (const [field, { places, ofJobs }] of this.columns) {
      const body = encodeColumn({ ...emptyColumn(), values: Uint32Array.from(places.keys()), places: ofJobs });
      if (body !== null) rows.add("search_columns", { project_id: project, field, block, body });
    }
    rows.add("search_columns", { project_id: project, field: "time", block, body: new Uint8Array(this.times.buffer, 0, jobs * 4) });
  }
}

/** Ids by terms; which of them are columns. */
class Dictionary {
  readonly kindOf = new Map<number, string>();
  readonly #ids = new Map<string, number>();
  readonly #rows: Rows;

  constructor(rows: Rows) {
    this.#rows = rows;
  }

  ids(terms: readonly Term[]): Uint32Array {
    return Uint32Array.from(terms, ({ kind, value }) => {
      const name = `${kind}\n${value}`;
      const known = this.#ids.get(name);
      if (known !== undefined) return known;
      const id = this.#ids.size + 1;
      this.#ids.set(name, id);
      this.#rows.add("search_terms", { id, project_id: project, kind, value });
      const column = columnKinds.has(kind) ? kind !== "python" || isFullVersion(value) : kind.startsWith("label.");
      if (column) this.kindOf.set(id, kind);
      return id;
    });
  }
}

/** An id of this millisecond; the serial number keeps it apart. */
function idAt(milliseconds: number, serial: number): string {
  const time = milliseconds.toString(16).padStart(12, "0");
  const tail = serial.toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${tail}`;
}

/** Taken away while rows come in; gives what puts them back. */
function withoutIndexes(database: DatabaseSync): () => void {
  const found = database.prepare("select name, sql from sqlite_master where type = 'index' and sql is not null").all();
  for (const { name } of found) database.exec(`drop index ${String(name)}`);
  return () => {
    for (const { sql } of found) database.exec(String(sql));
  };
}

/** What was made once for a name. */
function remembered<Name, T>(make: (name: Name) => T): (name: Name) => T {
  const known = new Map<Name, T>();
  return (name) => {
    let value = known.get(name);
    if (value === undefined) known.set(name, (value = make(name)));
    return value;
  };
}

const temporary = `
  create temp table reports_made (report integer primary key, hash, title, executable, signal, version, size, body, facets_before, facets_after);
  create temp table plans (number integer primary key, job_id, report, status, created_at, expires_at, labels, label_facets);
  create temp table postings (term, block, bits);
  create temp table facets (signature, kind, value, count)`;

/** What the plans say, in the forms of the stores. Only jobs that succeeded have what their report shows. */
const fromPlans = `
  insert into jobs (id, project_id, status, created_at, started_at, finished_at, expires_at, stage, percent, attempts, run, when_missing, core_filename,
      core_size, core_sha256, pid, signal, core_executable, executable, labels, missing_binaries, number, options, python_version, signature_hash, signature_title)
    select job_id, '${project}', status, created_at, created_at, created_at, expires_at, 'done', 100, 1, 1, 'analyze', 'core.4711',
      12345678, printf('%064x', number), 4711, signal, executable, executable, labels, '[]', number, '{}',
      iif(status = 'succeeded', version, null), iif(status = 'succeeded', hash, null), iif(status = 'succeeded', title, null)
    from plans join reports_made using (report) order by number;
  insert into reports (job_id, run, created_at, size, encoding, body)
    select job_id, 1, created_at, size, 'zstd', body from plans join reports_made using (report) where status = 'succeeded' order by number;
  insert into counted_jobs (job_id, project_id, signature, facets)
    select job_id, '${project}', hash, '[["day","' || substr(created_at, 1, 10) || '"],' || facets_before || label_facets || facets_after || ']'
    from plans join reports_made using (report) where status = 'succeeded' order by number;
  insert into search_postings (term, block, bits) select term, block, bits from postings order by term, block;
  insert into signature_facets (project_id, signature, kind, value, count)
    select '${project}', signature, kind, value, count from facets order by signature, kind, value`;

interface MadeReport {
  readonly number: number;
  readonly group: number;
  /** Beside those of labels. */
  readonly facets: readonly Facet[];
  readonly terms: { readonly [Status in (typeof statuses)[number]]: Uint32Array };
}

interface MadeGroup {
  readonly hash: string;
  readonly title: string;
  readonly keys: readonly string[];
  readonly reports: readonly MadeReport[];
}

const listed = (facets: readonly Facet[]) => facets.map((facet) => JSON.stringify(facet));

async function makeGroup(at: number, rows: Rows, dictionary: Dictionary): Promise<MadeGroup> {
  const { hash, title, executable, signal, keys, reports } = shapeOf(at);
  const made: MadeReport[] = [];
  for (const [index, report] of reports.entries()) {
    const number = at * 2 + index;
    const { size, body } = await encodeReport(report);
    const row = { executable, signal, labels: "{}", created_at: "" };
    const facets = facetsOf(row, report).filter(([kind]) => kind !== "day");
    // In the order of facetsOf the labels come between extensions and python.
    const before = listed(facets.filter(([kind]) => kind !== "python"));
    const after = listed(facets.filter(([kind]) => kind === "python"));
    rows.add("temp.reports_made", {
      report: number,
      hash,
      title,
      executable,
      signal,
      version: report.python?.version ?? null,
      size,
      body,
      facets_before: before.map((each) => `${each},`).join(""),
      facets_after: after.map((each) => `,${each}`).join(""),
    });
    const shown = dictionary.ids(termsOfReport(report));
    const termsOf = (status: (typeof statuses)[number]) => {
      const own = dictionary.ids(termsOfRow({ ...row, status, signature_hash: status === "succeeded" ? hash : null }));
      return status === "succeeded" ? Uint32Array.of(...own, ...shown) : own;
    };
    const terms = { succeeded: termsOf("succeeded"), failed: termsOf("failed"), cancelled: termsOf("cancelled") };
    made.push({ number, group: at, facets, terms });
  }
  return { hash, title, keys, reports: made };
}

interface Seen {
  count: number;
  readonly first: string;
  last: string;
}

function see(seen: Map<number, Seen>, group: number, time: string): void {
  const known = seen.get(group);
  if (known === undefined) seen.set(group, { count: 1, first: time, last: time });
  else {
    known.count += 1;
    known.last = time;
  }
}

const isMerged = (group: number) => group % mergedEvery === mergedEvery - 1;

function addGroups(rows: Rows, groups: readonly MadeGroup[], seen: ReadonlyMap<number, Seen>): void {
  for (const [group, { hash, title, keys }] of groups.entries()) {
    const own = seen.get(group);
    if (own === undefined) continue;
    const founder = isMerged(group) && seen.has(group - 1) ? group - 1 : group;
    const times = (some: Seen) => ({ count: some.count, first_seen: some.first, last_seen: some.last });
    rows.add("signatures", {
      project_id: project,
      hash,
      group_hash: hashOfGroup(founder),
      broad_hash: hash,
      partial: 0,
      version: 1,
      title,
      keys: JSON.stringify(keys),
      ...times(own),
      placed_by_hand: Number(founder !== group),
    });
    for (const key of keys.slice(1)) rows.add("signature_keys", { project_id: project, key, signature: hash });
    if (founder !== group) continue;
    const guest = isMerged(group + 1) ? seen.get(group + 1) : undefined;
    const all =
      guest === undefined
        ? own
        : { count: own.count + guest.count, first: own.first < guest.first ? own.first : guest.first, last: own.last > guest.last ? own.last : guest.last };
    rows.add("groups", { project_id: project, hash, title, ...times(all), status: group % 7 === 3 ? "ignored" : "open", revision: 1 });
  }
}

export async function fillJobs(path: string, count: number, tell: (text: string) => void = () => undefined): Promise<void> {
  await (await openDatabase(`sqlite:${path}`))[Symbol.asyncDispose]();
  const span = (days - 1) * dayMilliseconds;
  const firstTime = Math.floor(Date.now() / dayMilliseconds) * dayMilliseconds - span;
  using database = new DatabaseSync(path);
  // A database that is not filled to its end is of no use, so nothing is kept on disk to roll back.
  database.exec("pragma journal_mode = memory; pragma synchronous = off; pragma locking_mode = exclusive; pragma cache_size = -500000");
  database.exec(temporary);
  database.exec("begin");
  const putIndexesBack = withoutIndexes(database);
  const rows = new Rows(database);
  const dictionary = new Dictionary(rows);
  const groups: MadeGroup[] = [];
  for (let at = 0; at < groupCount; at += 1) groups.push(await makeGroup(at, rows, dictionary));
  tell(`${groupCount} groups`);

  const random = randomFrom(0);
  const seen = new Map<number, Seen>();
  const jobsOfReports = new Map<MadeReport, number>();
  /** Days and labels, by group × 4096 + facet. */
  const counts = new Map<number, number>();
  const facets: Facet[] = [];
  const facetNumber = remembered((name: string) => {
    const [kind = "", value = ""] = name.split("\n");
    return facets.push([kind, value]) - 1;
  });
  const labelsOf = remembered((text: string) => {
    const labels: Record<string, string> = JSON.parse(text);
    const own = Object.entries(labels).map(([name, value]): Facet => [`label.${name}`, value]);
    return { facets: listed(own).join(","), numbers: own.map((facet) => facetNumber(facet.join("\n"))), terms: dictionary.ids(termsOfLabels(labels)) };
  });
  const logarithm = Math.log(groupCount);
  const timeAt = (serial: number) => firstTime + Math.floor((serial / count) * span);

  for (let first = 0, number = 0; first < count; first += blockJobs, number += 1) {
    const block = new Block();
    const jobs = Math.min(blockJobs, count - first);
    const base = timeAt(first) - dayMilliseconds;
    for (let ordinal = 0; ordinal < jobs; ordinal += 1) {
      const serial = first + ordinal;
      const [time, age] = [timeAt(serial), serial / count];
      const group = Math.min(groupCount - 1, Math.floor(Math.exp(random() * logarithm)) - 1 + Math.floor(age * 50));
      const chance = random();
      const status = chance < 0.96 ? "succeeded" : chance < 0.99 ? "failed" : "cancelled";
      const report = pick(groups[group]?.reports ?? [], random);
      const release = releases[Math.min(29, Math.floor(age * 30 + random() * 2))];
      // Named in the order of the facets.
      const labels = JSON.stringify({ host: pick(hosts, random), region: pick(regions, random), release });
      const label = labelsOf(labels);
      const created = new Date(time).toISOString();
      const id = idAt(time, serial);
      rows.add("temp.plans", {
        number: serial,
        job_id: id,
        report: report.number,
        status,
        created_at: created,
        expires_at: new Date(time + 365 * dayMilliseconds).toISOString(),
        labels,
        label_facets: label.facets,
      });
      const terms = new Uint32Array(report.terms[status].length + label.terms.length);
      terms.set(report.terms[status]);
      terms.set(label.terms, report.terms[status].length);
      block.add(ordinal, terms, dictionary.kindOf);
      block.times[ordinal] = time - base;
      rows.add("search_jobs", { project_id: project, number: serial, job_id: id, terms: new Uint8Array(terms.buffer) });
      if (status !== "succeeded") continue;
      see(seen, group, created);
      jobsOfReports.set(report, (jobsOfReports.get(report) ?? 0) + 1);
      for (const facet of [facetNumber(`day\n${created.slice(0, 10)}`), ...label.numbers]) {
        const key = group * 4_096 + facet;
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
    }
    rows.add("search_blocks", { project_id: project, block: number, jobs, base_ms: base, first_ms: timeAt(first), last_ms: timeAt(first + jobs - 1) });
    block.addTo(rows, number, jobs);
    if (number % 25 === 24) tell(`${first + jobs} jobs`);
  }
  for (const [report, times] of jobsOfReports) {
    for (const facet of report.facets) {
      const key = report.group * 4_096 + facetNumber(facet.join("\n"));
      counts.set(key, (counts.get(key) ?? 0) + times);
    }
  }
  for (const [key, times] of counts) {
    const [kind, value] = facets[key % 4_096] ?? ["", ""];
    rows.add("temp.facets", { signature: hashOfGroup(Math.floor(key / 4_096)), kind, value, count: times });
  }
  addGroups(rows, groups, seen);
  rows.add("search_heads", { project_id: project, last_block: Math.ceil(count / blockJobs) - 1, changes: count });
  rows.end();
  tell("all jobs; rows and indexes are made of them");
  database.exec(fromPlans);
  putIndexesBack();
  database.exec("commit; pragma journal_mode = wal");
}
