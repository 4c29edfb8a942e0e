/**
 * The report for people: plain text, no colours, about a hundred columns.
 *
 * It opens with the answer and goes on to the evidence: the crashed thread merged, the findings, the other threads, what
 * was suspended, what is missing, the modules, the interpreter's own notations, and the machine's view at the end.
 */
import type { Module, Report } from "../contract/report.ts";
import { attachmentLines } from "./attachments.ts";
import { lastPart } from "./frames.ts";
import { headline } from "./headline.ts";
import { labelled, pageWidth, section, wrap } from "./layout.ts";
import { faulthandlerDump, traceback } from "./notation.ts";
import { censusLines, openLines } from "./open-files.ts";
import { runLines } from "./run.ts";
import { columns, safe, safeCut } from "./safe-text.ts";
import { suspendedLines } from "./suspended.ts";
import { tracedMemoryLines } from "./traced-memory.ts";
import { crashedThreadLines, otherThreadLines, threadName, threadState } from "./threads.ts";

/** A section that has nothing to tell is not there. */
const titled = (title: string, lines: readonly string[]): readonly string[] => (lines.length === 0 ? [] : [...section(title), ...lines]);

const indented = (text: string, indent: string): readonly string[] => wrap(text, pageWidth - indent.length).map((line) => indent + line);

function threads(report: Report): readonly string[] {
  const [first, ...others] = report.threads;
  if (first === undefined) return titled("Threads", ["none could be read"]);
  const state = threadState(first);
  const title = `${first.crashed ? "Crashed thread" : "Thread"} ${threadName(first)}${state === "" ? "" : `: ${state}`}`;
  const otherLines = otherThreadLines(others).slice(1);
  return [...titled(title, crashedThreadLines(first)), ...titled(others.length === 1 ? "The other thread" : `The ${others.length} other threads`, otherLines)];
}

function findings(report: Report): readonly string[] {
  return report.diagnoses.flatMap((each, index) => [
    ...(index === 0 ? [] : [""]),
    ...wrap(`${safeCut(each.title, 300)}  [${each.code}, ${each.confidence}]`, pageWidth),
    ...indented(safeCut(each.detail, 2_000), "  "),
    ...each.links.map((link) => `  ${safeCut(link, 300)}`),
  ]);
}

function notations(report: Report): readonly string[] {
  const [first] = report.threads;
  const lines = first === undefined ? [] : traceback(first.python_frames, report.process.signal?.name ?? null);
  return lines.length === 0 ? [] : [...lines, "", ...faulthandlerDump(report)];
}

const isAbsent = (module: Module) => module.found === "missing" || module.found === "mismatch";

function moduleNote(module: Module): string {
  if (isAbsent(module)) return module.found;
  const origin = module.found === "debuginfod" ? "from debuginfod, " : module.found === "store" ? "from the store, " : "";
  return `${origin}${module.debug_info ? "debug information" : module.symbols ? "symbols" : "stripped"}`;
}

function modules(report: Report): readonly string[] {
  const width = Math.min(44, Math.max(0, ...report.modules.map((module) => columns(lastPart(module.path)))));
  return report.modules.map((module) => `  ${module.start}  ${safeCut(lastPart(module.path), 80).padEnd(width)}  ${moduleNote(module)}`);
}

const missingShown = 16;

/** Absent files by their whole path, so that the list can be worked through: the interpreter's first, then those of the crashed thread. */
function missing(report: Report): readonly string[] {
  const crossed = new Set(report.threads[0]?.native_frames.map((frame) => (frame.kind === "native" ? frame.module : null)));
  const rank = ({ path }: Module) => (path === report.process.executable || /^(lib)?python/.test(lastPart(path)) ? 0 : crossed.has(path) ? 1 : 2);
  const absent = report.modules.filter(isAbsent).toSorted((a, b) => rank(a) - rank(b));
  if (absent.length === 0) return [];
  const lines = absent
    .slice(0, missingShown)
    .flatMap((module) => [
      `  ${safe(module.path)}`,
      `    build-id ${module.build_id ?? "unknown"}${module.found === "mismatch" ? "; the uploaded file is of another build" : ""}`,
    ]);
  const more = absent.length - missingShown;
  return [
    "Upload these and analyse again for more functions, lines and frames:",
    ...lines,
    ...(more > 0 ? [`  … ${more} more, in the JSON report's modules`] : []),
  ];
}

function registers(report: Report): readonly string[] {
  const cells = Object.entries(report.registers).map(([name, value]) => `${safeCut(name, 12).padEnd(8)} ${safeCut(value, 40).padEnd(18)}`);
  const perLine = Math.max(1, Math.floor(pageWidth / 31));
  return Array.from({ length: Math.ceil(cells.length / perLine) }, (_, row) => `  ${cells.slice(row * perLine, (row + 1) * perLine).join("  ")}`.trimEnd());
}

const disassembly = (report: Report): readonly string[] =>
  report.disassembly.map((each) => `${each.current ? "=>" : "  "} ${each.address}  ${safeCut(each.text, 200)}`);

export function renderText(report: Report): string {
  const warnings = report.warnings.flatMap((warning) =>
    labelled(safeCut(warning.code, 40), safeCut(warning.detail, 600), Math.max(24, warning.code.length + 2)),
  );
  const lines = [
    ...headline(report),
    ...threads(report),
    ...titled("Findings", findings(report)),
    ...titled("Traced memory", tracedMemoryLines(report)),
    ...titled("Suspended work", suspendedLines(report.suspended)),
    ...titled("Attached logs", attachmentLines(report)),
    ...titled("How it was run", runLines(report)),
    ...titled("What was open", openLines(report)),
    ...titled("Objects by type", censusLines(report)),
    ...titled("Missing binaries", missing(report)),
    ...titled("Warnings", warnings),
    ...titled("Modules", modules(report)),
    ...titled("In Python's own notation", notations(report)),
    ...titled("Registers of the crashed thread", registers(report)),
    ...titled("Code at the crash", disassembly(report)),
  ];
  return `${lines.join("\n")}\n`;
}
