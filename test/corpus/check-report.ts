/** Holds a report against what its program must show; returns what is wrong, in words. */
import { readFileSync } from "node:fs";
import type { Report } from "../../services/contract/report.ts";
import type { PythonFrame, Thread } from "../../services/contract/thread.ts";
import { faulthandlerDump } from "../../services/text/notation.ts";
import { type DumpedFrame, type DumpedThread, parseDump } from "./faulthandler.ts";
import type { Core } from "./make-core.ts";
import type { CorpusEntry } from "./manifest.ts";

const pythonFrames = (thread: Thread): PythonFrame[] => thread.python_frames.filter((frame) => frame.kind === "python");

/** NFKC, as the compiler normalises identifiers. */
const plain = (name: string) => name.normalize("NFKC");

function markedLines(program: string): Map<string, number> {
  const lines = readFileSync(program, "utf8").split("\n");
  return new Map(lines.flatMap((line, index) => [...line.matchAll(/# at: (\S+)/g)].map((match): [string, number] => [match[1] ?? "", index + 1])));
}

function checkStack(entry: CorpusEntry, thread: Thread, lines: ReadonlyMap<string, number>, file: string): string[] {
  // The programs crash in ctypes.string_at, which is Python code itself in every version.
  const frames = pythonFrames(thread).filter((frame) => frame.function !== "string_at");
  const names = frames.map((frame) => plain(frame.function));
  const seen = entry.innermostOnly === true ? names.slice(0, entry.stack.length) : names;
  if (seen.join(" < ") !== entry.stack.join(" < ")) return [`stack is ${names.slice(0, 12).join(" < ")}, not ${entry.stack.join(" < ")}`];
  return frames.flatMap((frame) => {
    const line = lines.get(plain(frame.function));
    const own = frame.file?.endsWith(file) === true;
    return !own || line === undefined || frame.line === line ? [] : [`${frame.function} is at line ${frame.line}, not ${line}`];
  });
}

function checkLocals(entry: CorpusEntry, thread: Thread): string[] {
  return Object.entries(entry.locals ?? {}).flatMap(([name, wanted]) => {
    const frame = pythonFrames(thread).find((each) => plain(each.function) === name);
    return Object.entries(wanted).flatMap(([local, text]) => {
      const repr = frame?.locals.find((each) => plain(each.name) === local)?.repr ?? "absent";
      const right = typeof text === "string" ? repr === text : text.test(repr);
      return right ? [] : [`${name}: ${local} is ${repr}, not ${String(text)}`];
    });
  });
}

const same = (wanted: DumpedFrame, frame: PythonFrame | undefined) =>
  frame?.function === wanted.function && frame.line === wanted.line && frame.file === wanted.file;

/** The dumped frames must all be there, in their order, with others between them at most. */
function checkAmong(dumped: DumpedThread, frames: readonly PythonFrame[]): string[] {
  let next = 0;
  for (const frame of frames) {
    const wanted = dumped.frames[next];
    if (wanted !== undefined && same(wanted, frame)) next += 1;
  }
  const lost = dumped.frames[next];
  return lost === undefined ? [] : [`thread ${dumped.id} lacks ${lost.file}:${lost.line} in ${lost.function}`];
}

/** Every thread that faulthandler told must be in the report, frame by frame (its first 100). */
function checkAgainstDump(report: Report, stderr: string): string[] {
  return parseDump(stderr).flatMap((dumped) => {
    const thread = report.threads.find((each) => each.python_thread_id === dumped.id);
    if (thread === undefined) return [`thread ${dumped.id} of faulthandler's dump is missing`];
    if (dumped.current && !thread.crashed) return [`thread ${dumped.id} crashed, the report says otherwise`];
    const frames = pythonFrames(thread);
    // faulthandler tells one interpreter of a thread, the report all of them.
    if ((report.python?.interpreters ?? 1) > 1) return checkAmong(dumped, frames);
    // The report folds what repeats and leaves out the middle of a long stack: compared up to there.
    const folded = thread.python_frames.findIndex((frame) => frame.kind === "folded");
    if (!dumped.cut && folded < 0 && frames.length !== dumped.frames.length) {
      return [`thread ${dumped.id} has ${frames.length} Python frames, faulthandler says ${dumped.frames.length}`];
    }
    const count = folded < 0 ? dumped.frames.length : folded;
    return dumped.frames.slice(0, count).flatMap((wanted, index) => {
      const frame = frames[index];
      const same = frame?.function === wanted.function && frame.line === wanted.line && frame.file === wanted.file;
      return same
        ? []
        : [
            `thread ${dumped.id} frame ${index}: ${frame?.file}:${frame?.line} in ${frame?.function}, faulthandler says ${wanted.file}:${wanted.line} in ${wanted.function}`,
          ];
    });
  });
}

function checkThreads(entry: CorpusEntry, report: Report, lenient: boolean): string[] {
  const [major = 3, minor = 0] = report.python?.version.split(".").map(Number) ?? [];
  const there = (from: readonly [number, number]) => major > from[0] || (major === from[0] && minor >= from[1]);
  return (entry.threads ?? [])
    .filter(({ from }) => from === undefined || there(from))
    .flatMap((wanted) => {
      const thread = report.threads.find((each) => each.name === wanted.name);
      if (thread === undefined) return [`no thread named ${wanted.name}`];
      const functions = pythonFrames(thread).map((frame) => frame.function);
      if (!functions.includes(wanted.function)) return [`${wanted.name} has no frame ${wanted.function}: ${functions.join(" < ")}`];
      const waits = thread.waits_for;
      const { waits: due } = wanted;
      const unknown = lenient && waits !== null && waits.owner_name === null;
      if (
        due !== undefined &&
        (waits?.kind !== due.kind || (waits.owner_name !== due.owner && !unknown) || (due.name !== undefined && waits.name !== due.name))
      ) {
        return [`${wanted.name} waits for ${JSON.stringify(waits)}, not ${JSON.stringify(due)}`];
      }
      return wanted.state === undefined || wanted.state === thread.state ? [] : [`${wanted.name} is ${thread.state}, not ${wanted.state}`];
    });
}

/** What faulthandler wrote, up to the C stack that 3.14 and later add. Of two: an abort was told first, then its signal; a fault came while the first was written. */
function dumpIn(stderr: string, signal: string | null): string | null {
  const heading = "Fatal Python error: ";
  const start = signal === "SIGABRT" ? stderr.indexOf(heading) : stderr.lastIndexOf(heading);
  if (start < 0) return null;
  const again = stderr.indexOf(`\n${heading}`, start);
  const [dump = ""] = stderr.slice(start, again < 0 ? undefined : again).split("\nCurrent thread's C stack trace");
  const extensions = /^Extension modules: .*$/m.exec(stderr.slice(start))?.[0] ?? null;
  // The shell that ran it has the last word.
  const plain = dump
    .replace(/\n*Extension modules: [^]*$/, "")
    .replace(/\n[^\n]*\(core dumped\)\n*$/, "")
    .trimEnd();
  return extensions === null ? plain : `${plain}\n\n${extensions}`;
}

/** The report's own notation is the dump, byte for byte. */
function checkNotation(report: Report, stderr: string): string[] {
  const dump = dumpIn(stderr, report.process.signal?.name ?? null);
  // A fault that came while a fatal error was written has no dump of its own.
  const other = report.process.signal?.name === "SIGSEGV" && dump?.startsWith("Fatal Python error: Segmentation fault") !== true;
  // Of a thread that several interpreters share, faulthandler tells one.
  if (dump === null || other || (report.python?.interpreters ?? 1) > 1) return [];
  // Optimised builds up to 3.9 keep Py_FatalError's message nowhere that can be told; then the signal is named.
  const untold = ({ function: by, message, frame }: Readonly<Record<string, unknown>>) =>
    message === null || (by === null && typeof frame === "string" && frame.startsWith("_Py_FatalError"));
  if (report.diagnoses.some(({ code, evidence }) => code === "fatal_error" && untold(evidence))) return [];
  const written = faulthandlerDump(report);
  const wanted = dump.split("\n");
  const at = wanted.findIndex((line, index) => line !== written[index]);
  if (at < 0 && written.length === wanted.length) return [];
  return [
    `line ${at < 0 ? wanted.length : at} of faulthandler's notation is ${written[at < 0 ? wanted.length : at] ?? "absent"}, not ${wanted[at] ?? "absent"}`,
  ];
}

/** The log that was attached is recognised and agrees. */
function checkAttachment(report: Report, stderr: string): string[] {
  if (dumpIn(stderr, null) === null || report.attachments.length === 0) return [];
  const [summary] = report.attachments;
  return summary?.kind === "faulthandler" && summary.agreement === "same" ? [] : [`the attached log: ${JSON.stringify(summary)}`];
}

/** What a report is made without: symbols, where the binaries were stripped; every binary, where the core came alone. */
export type Lacking = "nothing" | "symbols" | "binaries";

/** Whether what the program's findings rest on is missing: then they may be missing too, but may not be others. */
function lacks({ needs }: CorpusEntry, lacking: Lacking): boolean {
  return lacking === "binaries" ? needs !== undefined : lacking === "symbols" && needs === "symbols";
}

export function checkReport(entry: CorpusEntry, report: Report, core: Core, source: string, sent: Lacking = "nothing"): string[] {
  // A distribution's interpreter is stripped as it is.
  const lacking = sent === "nothing" && report.python?.debug_info === "none" ? "symbols" : sent;
  const lenient = lacks(entry, lacking);
  const messageLost = lenient && entry.signal === "SIGABRT";
  // Who sent the signal is known all the same, and that the process aborted; what is told as possible claims nothing.
  const excused = lenient && report.diagnoses.every(({ code, confidence }) => code === "sent_by_process" || code === "abort" || confidence === "possible");
  const crashed = report.threads[0];
  if (crashed === undefined) return ["the report has no thread"];
  if (report.python === null) return [`no Python: ${report.python_missing_reason}`];
  const problems: string[] = [];
  if (entry.gcore === true) {
    if (!report.process.started_by_gcore) problems.push("not told to be gcore's");
  } else {
    if (!crashed.crashed) problems.push("the first thread is not the crashed one");
    if (!entry.signal.split("|").includes(report.process.signal?.name ?? "")) problems.push(`signal is ${report.process.signal?.name}, not ${entry.signal}`);
  }
  const main = entry.gcore === true ? (report.threads.find((each) => each.lwp === report.process.pid) ?? crashed) : crashed;
  problems.push(...checkStack(entry, main, markedLines(source), entry.program), ...checkLocals(entry, main));
  if (entry.toTheEnd === true && sent === "nothing" && main.truncated) problems.push("the stack is cut");
  problems.push(...checkThreads(entry, report, lenient), ...checkAgainstDump(report, core.stderr));
  if (entry.crashedThread !== undefined && crashed.name !== entry.crashedThread) problems.push(`crashed thread is named ${crashed.name}`);
  if (entry.exception !== undefined && crashed.exception?.type !== entry.exception.type) problems.push(`exception is ${crashed.exception?.type ?? null}`);
  if (entry.exception?.message !== undefined && crashed.exception?.message !== entry.exception.message) {
    problems.push(`exception's message is ${crashed.exception?.message ?? null}`);
  }
  problems.push(...(messageLost ? [] : checkNotation(report, core.stderr)), ...checkAttachment(report, core.stderr));
  const wrong = entry.diagnosis !== undefined && report.diagnoses[0]?.code !== entry.diagnosis;
  if (wrong && !excused) problems.push(`diagnosis is ${report.diagnoses[0]?.code ?? null}`);
  const message = report.diagnoses[0]?.evidence["message"];
  if (entry.message !== undefined && !excused && !(typeof message === "string" && entry.message.test(message))) {
    problems.push(`the diagnosis tells the message as ${JSON.stringify(message ?? null)}`);
  }
  for (const [name, wanted] of excused ? [] : Object.entries(entry.evidence ?? {})) {
    const told = JSON.stringify(report.diagnoses[0]?.evidence[name] ?? null);
    if (!wanted.test(told)) problems.push(`the evidence's ${name} is ${told.slice(0, 600)}`);
  }
  const given = report.diagnoses.map((each) => each.code);
  problems.push(...(entry.never ?? []).filter((code) => given.includes(code)).map((code) => `diagnosis ${code} is given`));
  const missing = lenient ? [] : (entry.also ?? []).filter((code) => !given.includes(code));
  problems.push(...missing.map((code) => `diagnosis ${code} is missing`));
  return problems;
}
