/**
 * Fills a new SQLite database with finished jobs as a year of crashes would leave them: groups by Zipf's law, releases that
 * follow each other, hosts, days, stacks that share their outer functions. The same number gives the same database.
 *
 * Rows and blocks are written directly, block by block, in the forms that the stores read.
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { openDatabase } from "../../services/storage/database.ts";
import { facetsOf } from "../../services/storage/group-facets.ts";
import { encodeReport } from "../../services/storage/report-store.ts";
import type { JobTable } from "../../services/storage/schema.ts";
import { emptyBits, blockJobs, encodeBits, setBit } from "../../services/storage/search/bit-block.ts";
import { emptyColumn, encodeColumn } from "../../services/storage/search/column-block.ts";
import { columnKinds, isFullVersion, type Term, termsOfReport, termsOfRow } from "../../services/storage/search-terms.ts";
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
const regions = ["eu", "us", "ap"];
export const firstDay = Date.UTC(2026, 0, 1);
export const days = 300;
const span = days * 86_400_000;

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
  readonly reports: ReadonlyMap<
    string,
    { readonly body: Uint8Array; readonly size: number; readonly report: ReturnType<typeof newReport>; readonly terms: readonly Term[] }
  >;
}

async function shapeOf(at: number): Promise<GroupShape> {
  const random = randomFrom(at + 1);
  const hash = digest(`group ${at}`).slice(0, 32);
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
  const reports = new Map();
  for (const version of new Set([some, pick(versions, random)])) {
    const sample = newReport("");
    const report = newReport("", {
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
        sample.signature === null
          ? null
          : { ...sample.signature, hash, broad_hash: hash, title, frames: own.map((frame) => ({ key: frame.function, kept: true, why: "" })) },
    });
    reports.set(version, { ...(await encodeReport(report)), report, terms: termsOfReport(report) });
  }
  return { hash, title, executable, signal, reports };
}

/** An id of this millisecond; the serial number keeps it apart. */
function idAt(milliseconds: number, serial: number): string {
  const time = milliseconds.toString(16).padStart(12, "0");
  const tail = serial.toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${tail}`;
}

class Block {
  readonly sets = new Map<number, ReturnType<typeof emptyBits>>();
  readonly columns = new Map<string, { readonly values: Map<number, number>; readonly places: Uint16Array }>();
  readonly times = new Uint32Array(blockJobs);

  add(ordinal: number, terms: readonly (readonly [number, Term])[]): void {
    for (const [id, { kind, value }] of terms) {
      const bits = this.sets.get(id) ?? emptyBits();
      this.sets.set(id, bits);
      setBit(bits, ordinal, true);
      if (!(columnKinds.has(kind) || kind.startsWith("label.")) || (kind === "python" && !isFullVersion(value))) continue;
      const column = this.columns.get(kind) ?? { values: new Map([[0, 0]]), places: new Uint16Array(blockJobs) };
      this.columns.set(kind, column);
      const place = column.values.get(id) ?? column.values.size;
      column.values.set(id, place);
      column.places[ordinal] = place;
    }
  }
}

export async function fillJobs(path: string, count: number, tell: (text: string) => void = () => undefined): Promise<void> {
  await (await openDatabase(`sqlite:${path}`))[Symbol.asyncDispose]();
  const shapes: GroupShape[] = [];
  for (let at = 0; at < groupCount; at += 1) shapes.push(await shapeOf(at));
  tell(`${groupCount} groups`);
  const database = new DatabaseSync(path);
  // A database that is not filled to its end is of no use, so nothing is kept to roll back.
  database.exec("pragma journal_mode = off; pragma synchronous = off; pragma locking_mode = exclusive; pragma cache_size = -1000000");
  const statements = new Map<string, StatementSync>();
  const insert = (table: string, row: Readonly<Record<string, string | number | null | Uint8Array>>) => {
    let statement = statements.get(table);
    if (statement === undefined) {
      const names = Object.keys(row);
      statement = database.prepare(`insert into ${table} (${names.join(", ")}) values (${names.map(() => "?").join(", ")})`);
      statements.set(table, statement);
    }
    statement.run(...Object.values(row));
  };

  const random = randomFrom(0);
  const project_id = "default";
  const ids = new Map<string, number>();
  const termId = ({ kind, value }: Term): number => {
    const name = `${kind}\n${value}`;
    const known = ids.get(name);
    if (known !== undefined) return known;
    ids.set(name, ids.size + 1);
    insert("search_terms", { id: ids.size, project_id, kind, value });
    return ids.size;
  };
  const counts = new Map<string, { count: number; first: string; last: string }>();
  const facetCounts = new Map<string, number>();
  const termLists = new Map<readonly Term[], readonly (readonly [number, Term])[]>();
  const idsOf = (terms: readonly Term[]) => terms.map((term): readonly [number, Term] => [termId(term), term]);
  const logarithm = Math.log(groupCount);

  database.exec("begin");
  for (let first = 0; first < count; first += blockJobs) {
    const block = new Block();
    const blockNumber = first / blockJobs;
    const jobs = Math.min(blockJobs, count - first);
    const timeAt = (serial: number) => firstDay + Math.floor((serial / count) * span);
    const base = timeAt(first) - 86_400_000;
    for (let ordinal = 0; ordinal < jobs; ordinal += 1) {
      const serial = first + ordinal;
      const time = timeAt(serial);
      const shape = shapes[Math.min(groupCount - 1, Math.floor(Math.exp(random() * logarithm)) - 1 + Math.floor((serial / count) * 50))] ?? shapes[0];
      if (shape === undefined) break;
      const chance = random();
      const status = chance < 0.96 ? "succeeded" : chance < 0.99 ? "failed" : "cancelled";
      const done = status === "succeeded";
      const [version, stored] = pick([...shape.reports], random);
      const labels = {
        host: pick(hosts, random),
        release: releases[Math.min(29, Math.floor((serial / count) * 30 + random() * 2))] ?? "",
        region: pick(regions, random),
      };
      const id = idAt(time, serial);
      const created = new Date(time).toISOString();
      const row: JobTable = {
        id,
        project_id,
        status,
        idempotency_key: null,
        created_at: created,
        started_at: created,
        finished_at: created,
        expires_at: new Date(time + 365 * 86_400_000).toISOString(),
        core_expires_at: null,
        stage: "done",
        percent: 100,
        attempts: 1,
        run: 1,
        when_missing: "analyze",
        waits_until: null,
        core_blob: null,
        core_filename: "core.4711",
        core_size: 12_345_678,
        core_sha256: digest(id),
        pid: 4711,
        signal: shape.signal,
        core_executable: shape.executable,
        executable: shape.executable,
        command_line: null,
        labels: JSON.stringify(labels),
        missing_binaries: "[]",
        error: null,
        python_version: done ? version : null,
        signature_hash: done ? shape.hash : null,
        signature_title: done ? shape.title : null,
        number: serial,
        options: "{}",
      };
      insert("jobs", { ...row });
      const own = idsOf(termsOfRow(row));
      const shown = done ? (termLists.get(stored.terms) ?? idsOf(stored.terms)) : [];
      if (done) termLists.set(stored.terms, shown);
      const terms = [...own, ...shown];
      block.add(ordinal, terms);
      block.times[ordinal] = time - base;
      insert("search_jobs", { project_id, number: serial, job_id: id, terms: new Uint8Array(Uint32Array.from(terms, ([term]) => term).buffer) });
      if (!done) continue;
      insert("reports", { job_id: id, run: 1, created_at: created, size: stored.size, encoding: "zstd", body: stored.body });
      const facets = facetsOf(row, stored.report);
      insert("counted_jobs", { job_id: id, project_id, signature: shape.hash, facets: JSON.stringify(facets) });
      const known = counts.get(shape.hash) ?? { count: 0, first: created, last: created };
      counts.set(shape.hash, { count: known.count + 1, first: known.first, last: created });
      for (const [kind, value] of facets) {
        const name = `${shape.hash}\n${kind}\n${value}`;
        facetCounts.set(name, (facetCounts.get(name) ?? 0) + 1);
      }
    }
    insert("search_blocks", { project_id, block: blockNumber, jobs, base_ms: base, first_ms: timeAt(first), last_ms: timeAt(first + jobs - 1) });
    for (const [term, set] of block.sets) {
      const bits = encodeBits(set);
      if (bits !== null) insert("search_postings", { term, block: blockNumber, bits });
    }
    for (const [field, { values, places }] of block.columns) {
      const body = encodeColumn({ ...emptyColumn(), values: Uint32Array.from(values.keys()), places });
      if (body !== null) insert("search_columns", { project_id, field, block: blockNumber, body });
    }
    insert("search_columns", { project_id, field: "time", block: blockNumber, body: new Uint8Array(block.times.buffer, 0, jobs * 4) });
    if (blockNumber % 25 === 24) {
      database.exec("commit; begin");
      tell(`${first + jobs} jobs`);
    }
  }
  insert("search_heads", { project_id, last_block: Math.floor((count - 1) / blockJobs), changes: count });
  for (const shape of shapes) {
    const counted = counts.get(shape.hash);
    if (counted === undefined) continue;
    const seen = { count: counted.count, first_seen: counted.first, last_seen: counted.last };
    insert("groups", { project_id, hash: shape.hash, title: shape.title, ...seen, status: "open", revision: 1 });
    insert("signatures", {
      project_id,
      hash: shape.hash,
      group_hash: shape.hash,
      broad_hash: shape.hash,
      partial: 0,
      version: 1,
      title: shape.title,
      keys: "[]",
      ...seen,
      placed_by_hand: 0,
    });
  }
  for (const [name, facets] of facetCounts) {
    const [signature = "", kind = "", value = ""] = name.split("\n");
    insert("signature_facets", { project_id, signature, kind, value, count: facets });
  }
  database.exec("commit; pragma journal_mode = wal");
  database.close();
}
