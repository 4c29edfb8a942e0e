/** Every log of the attachments beside the core: a summary for the report, and the memory checkers' reports for the diagnosis. */
import type { LogSummary } from "../../../services/contract/report.ts";
import type { Thread } from "../../../services/contract/thread.ts";
import type { FaulthandlerDump } from "../../../services/logs/faulthandler.ts";
import type { MemoryReport } from "../../../services/logs/memory-report.ts";
import type { CrashSite } from "../crash-site.ts";
import type { AttachedLog } from "./attached-logs.ts";
import { type Comparison, compareDump } from "./compare-dump.ts";
import type { JudgedReport } from "./judged-report.ts";

export interface JudgedCore {
  readonly pid: number | null;
  readonly alive: boolean;
  readonly site: Pick<CrashSite, "signal" | "pc">;
  readonly threads: readonly Thread[];
  readonly interpreters: number;
}

/** Told by the log alone: nothing to compare with. */
const unjudged: Comparison = { agreement: null, differences: [] };

const rank: Readonly<Record<string, number>> = { same: 0, differs: 1, null: 2, other_process: 3 };

/** Frames that are compared: an address that is in both stacks by chance is of the outermost ones. */
const innermost = 8;

/** The crash of the report is the core's: one place of its innermost frames is in the core's stack. */
function comparePlace(report: MemoryReport, core: JudgedCore): Comparison {
  if (core.pid !== null && core.pid !== report.pid)
    return { agreement: "other_process", differences: [`the log is of process ${report.pid}, the core of ${core.pid}`] };
  const { end } = report;
  if (end === null) return unjudged;
  const { signal, pc } = core.site;
  if (end.signal !== null && signal !== null && signal.number !== end.signal)
    return { agreement: "differs", differences: [`the log ends with signal ${end.signal}, the core with ${signal.number}`] };
  const frames = core.threads.find((thread) => thread.crashed)?.native_frames ?? [];
  const pcs = new Set([pc, ...frames.map((frame) => (frame.kind === "native" ? frame.pc : null))].flatMap((each) => (each === null ? [] : [BigInt(each)])));
  const places = end.frames.slice(0, innermost).map((frame) => BigInt(frame.address));
  if (pcs.size === 0 || places.length === 0) return unjudged;
  // Both tools tell the call itself, one byte before the address that it returns to.
  if (places.some((place) => pcs.has(place) || pcs.has(place + 1n))) return { agreement: "same", differences: [] };
  // A stack that ends in guesses or at once proves nothing.
  if (frames.length < 3) return unjudged;
  return { agreement: "differs", differences: ["no place of the log's last stack is on the core's crashed stack"] };
}

const summaryOfDump = ({ filename, size }: AttachedLog, dump: FaulthandlerDump, { agreement, differences }: Comparison): LogSummary => ({
  filename,
  size,
  kind: "faulthandler",
  pid: dump.pid,
  message: dump.message === null ? (dump.reason === "timeout" ? "Timeout" : null) : `Fatal Python error: ${dump.message.slice(0, 500)}`,
  count: dump.threads.length,
  agreement,
  differences: [...differences],
});

const summaryOfReport = ({ filename, size }: AttachedLog, report: MemoryReport, { agreement, differences }: Comparison): LogSummary => ({
  filename,
  size,
  kind: report.kind,
  pid: report.pid,
  message: report.errors.at(-1)?.what.slice(0, 500) ?? null,
  count: report.errors.length,
  agreement,
  differences: [...differences],
});

const textAlone = ({ filename, size }: AttachedLog): LogSummary => ({
  filename,
  size,
  kind: "text",
  pid: null,
  message: null,
  count: null,
  agreement: null,
  differences: [],
});

const told = 8;

/** `core`: null when there is none. Of many dumps or processes in one file, those are told that fit best. */
export function judgeLogs(
  logs: readonly AttachedLog[],
  core: JudgedCore | null,
): { readonly summaries: readonly LogSummary[]; readonly memory: readonly JudgedReport[] } {
  const summaries: LogSummary[] = [];
  const memory: JudgedReport[] = [];
  const closest = (one: LogSummary, other: LogSummary) => (rank[String(one.agreement)] ?? 9) - (rank[String(other.agreement)] ?? 9);
  for (const log of logs) {
    // Newest first: the last dump of a log is the crash.
    const dumps = log.dumps
      .toReversed()
      .map((dump) =>
        summaryOfDump(log, dump, core === null ? unjudged : compareDump(dump, { ...core, signal: core.alive ? null : (core.site.signal?.name ?? null) })),
      );
    const reports = log.memory
      .filter(({ errors, end }) => errors.length > 0 || end !== null)
      .map((report) => {
        const comparison = core === null ? unjudged : comparePlace(report, core);
        memory.push({ filename: log.filename, report, agreement: comparison.agreement });
        return summaryOfReport(log, report, comparison);
      });
    summaries.push(...dumps.toSorted(closest).slice(0, told), ...reports.toSorted(closest).slice(0, told));
    if (dumps.length + reports.length === 0) summaries.push(textAlone(log));
  }
  return { summaries, memory };
}
