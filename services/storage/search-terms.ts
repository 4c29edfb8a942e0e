/**
 * What a job can be found by, taken from its report when that is stored.
 *
 * Terms are an inverted index: one row for each (kind, value) of a job, whatever the number of frames that show it.
 */
import type { Labels } from "../contract/common.ts";
import type { Report } from "../contract/report.ts";
import type { JobTable } from "./schema.ts";
import { baseName, indexable, storable } from "./search-text.ts";

export interface Term {
  readonly kind: string;
  readonly value: string;
}

/** The crashed thread comes first, so what is cut belongs to the others. */
const mostTerms = 4_000;

export const labelKind = (name: string): string => indexable(`label.${name}`);

export function termsOfLabels(labels: Labels): Term[] {
  return Object.entries(labels).map(([name, value]) => ({ kind: labelKind(name), value: indexable(value) }));
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
  const crashedFirst = report.threads.toSorted((a, b) => Number(b.crashed) - Number(a.crashed));
  for (const thread of crashedFirst) {
    for (const frame of [...thread.frames, ...thread.python_frames]) {
      if (frame.kind !== "native" && frame.kind !== "python") continue;
      add("function", frame.function);
      add("file", frame.file);
      if (frame.kind === "python") add("function", frame.qualname);
    }
  }
  return [...seen.values()];
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
