/**
 * What a job can be found by: its own columns and labels from the start, what its report shows when that is stored.
 *
 * Terms go to the search index: each (kind, value) once for a job, whatever the number of frames that show it. Kinds that
 * give a job one value are columns as well, by which jobs are counted.
 */
import type { Labels } from "../contract/common.ts";
import { JobStatus } from "../contract/job.ts";
import type { Report } from "../contract/report.ts";
import type { Thread } from "../contract/thread.ts";
import type { JobTable } from "./schema.ts";
import { baseName, indexable, storable } from "./search-text.ts";
import { Words } from "./search-words.ts";

export interface Term {
  readonly kind: string;
  readonly value: string;
}

/** The crashed thread comes first, so what is cut belongs to the others. */
const mostTerms = 4_000;
const mostWords = 1_000;

const always = () => true;

/** 3.11.7, not the 3.11 and 3 that it is found by too. */
export const isFullVersion = (value: string): boolean => /^\d+\.\d+\.\d/.test(value);

/** The kinds that are columns, beside every label, and which of their values are. */
export const columnKinds: ReadonlyMap<string, (value: string) => boolean> = new Map([
  ["status", always],
  ["signal", always],
  ["signature", always],
  ["executable", always],
  ["python", isFullVersion],
]);

/** Every job is found by this one. */
export const everyJob: Term = { kind: "all", value: "" };

export const labelKind = (name: string): string => indexable(`label.${name}`);

export const statusTerm = (status: JobStatus): Term => ({ kind: "status", value: status });
export const statusTerms: readonly Term[] = JobStatus.enum.map(statusTerm);

export function termsOfLabels(labels: Labels): Term[] {
  return Object.entries(labels).map(([name, value]) => ({ kind: labelKind(name), value: indexable(value) }));
}

export const termsOfSignature = (hash: string | null): Term[] => (hash === null ? [] : [{ kind: "signature", value: hash }]);

type IndexedRow = Pick<JobTable, "status" | "signal" | "executable" | "signature_hash" | "labels">;

export function termsOfRow(row: IndexedRow): Term[] {
  const labels: Labels = JSON.parse(row.labels);
  return [
    everyJob,
    statusTerm(row.status),
    ...(row.signal === null ? [] : [{ kind: "signal", value: String(row.signal) }]),
    ...(row.executable === null ? [] : [{ kind: "executable", value: row.executable }]),
    ...termsOfSignature(row.signature_hash),
    ...termsOfLabels(labels),
  ];
}

function addWords(words: Words, thread: Thread): void {
  words.add(thread.name);
  for (const each of thread.exception === null ? [] : [thread.exception, ...thread.exception.chain]) {
    words.add(each.type);
    words.add(each.message);
  }
  for (const frame of [...thread.frames, ...thread.python_frames, ...thread.native_frames]) {
    if (words.full) return;
    if (frame.kind === "folded") continue;
    words.add(frame.function);
    words.add(frame.file);
    if (frame.kind === "python") {
      words.add(frame.qualname);
      words.add(frame.defined_as ?? null); // earlier reports have none
    }
    for (const { name } of frame.kind === "python" ? frame.locals : frame.arguments) words.add(name);
  }
}

const crashedFirst = (report: Report): Thread[] => report.threads.toSorted((a, b) => Number(b.crashed) - Number(a.crashed));

/** For free text: functions, files, messages, names of locals. */
function wordsOfReport(report: Report): Term[] {
  const words = new Words(mostWords);
  words.add(report.signature?.title ?? null);
  for (const { title, detail } of report.diagnoses) {
    words.add(title);
    words.add(detail);
  }
  for (const thread of crashedFirst(report)) addWords(words, thread);
  return words.all.map((value) => ({ kind: "word", value }));
}

export function termsOfReport(report: Report): Term[] {
  const seen = new Map<string, Term>();
  const add = (kind: string, value: string | null) => {
    if (value === null || value === "" || seen.size >= mostTerms) return;
    const term = { kind, value: indexable(value) };
    seen.set(`${kind}\n${term.value}`, term);
  };
  // 3.11.7 is found as 3.11.7, as 3.11 and as 3.
  const version = report.python?.version.split(".") ?? [];
  for (const [last] of version.entries()) add("python", version.slice(0, last + 1).join("."));
  for (const diagnosis of report.diagnoses) add("diagnosis", diagnosis.code);
  for (const extension of report.python?.extension_modules ?? []) add("extension", extension.name);
  for (const thread of crashedFirst(report)) {
    for (const frame of [...thread.frames, ...thread.python_frames]) {
      if (frame.kind !== "native" && frame.kind !== "python") continue;
      add("function", frame.function);
      add("file", frame.file);
      if (frame.kind === "python") {
        add("function", frame.qualname);
        add("function", frame.defined_as ?? null);
      }
    }
  }
  return [...seen.values(), ...wordsOfReport(report)];
}

export function columnsOfReport(report: Report): Partial<JobTable> {
  const { executable, signal, pid } = report.process;
  return {
    ...(executable === null ? {} : { executable: indexable(baseName(executable)) }),
    ...(signal === null ? {} : { signal: signal.number }),
    ...(pid === null ? {} : { pid }),
    python_version: report.python === null ? null : indexable(report.python.version),
    signature_hash: report.signature === null ? null : indexable(report.signature.hash),
    signature_title: report.signature === null ? null : storable(report.signature.title),
  };
}
