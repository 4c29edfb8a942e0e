/**
 * Python frames as the interpreter itself writes them, so that tools that read its output can read ours: the traceback
 * (Lib/traceback.py) and faulthandler's dump (Python/traceback.c, `_Py_DumpTracebackThreads`).
 */
import type { Report } from "../contract/report.ts";
import type { FoldedFrames, PythonFrame, Thread } from "../contract/thread.ts";
import { safeCut } from "./safe-text.ts";

type Frames = readonly (PythonFrame | FoldedFrames)[];

const fileOf = (frame: PythonFrame) => safeCut(frame.file ?? "???", 500);

/** How faulthandler names the signals it handles. */
const faults: Readonly<Record<string, string>> = {
  SIGSEGV: "Segmentation fault",
  SIGABRT: "Aborted",
  SIGBUS: "Bus error",
  SIGFPE: "Floating-point exception",
  SIGILL: "Illegal instruction",
};

/** Outermost first. A run that repeats is told in the words of the traceback module. */
export function traceback(frames: Frames, signal: string | null): readonly string[] {
  if (frames.length === 0) return [];
  const lines = ["Traceback (most recent call last):"];
  for (const frame of frames.toReversed()) {
    if (frame.kind === "folded") {
      const repeated = frame.cycle === 1 ? "line repeated" : `${frame.cycle} lines repeated`;
      lines.push(frame.count === 1 ? `  [${frame.cycle} lines left out]` : `  [Previous ${repeated} ${frame.count} more times]`);
      continue;
    }
    lines.push(`  File "${fileOf(frame)}", line ${frame.line ?? "???"}, in ${safeCut(frame.function, 500)}`);
    if (frame.source_line !== null) lines.push(`    ${safeCut(frame.source_line.trim(), 200)}`);
  }
  return signal === null ? lines : [...lines, `${signal}: ${faults[signal] ?? "killed by this signal"}`];
}

/** What faulthandler cuts names, stacks and lists of threads to. */
const most = { characters: 500, frames: 100, threads: 100 };

/** `_Py_DumpASCII`: printable ASCII as it is, the rest escaped by its number. */
function ascii(text: string): string {
  const points = Array.from(text.slice(0, 2 * most.characters + 2));
  const shown = points.slice(0, most.characters).map((character) => {
    const point = character.codePointAt(0) ?? 0;
    if (point >= 0x20 && point <= 0x7e) return character;
    const hex = point.toString(16);
    return point <= 0xff ? `\\x${hex.padStart(2, "0")}` : point <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
  });
  return points.length > most.characters ? `${shown.join("")}...` : shown.join("");
}

/** Of the interpreter that died; the newest form where the report is of logs alone. */
interface Dialect {
  readonly collecting: boolean;
  /** A stack that is cut ends with `  ...`. */
  readonly ellipsis: boolean;
  readonly extensionModules: boolean;
  readonly hyphen: boolean;
  readonly threadNames: boolean;
  readonly runtimeState: boolean;
}

function dialectOf({ python }: Report): Dialect {
  const [major = 3, minor = 99] = (python?.version ?? "").split(".").filter(Boolean).map(Number);
  const since = (first: number) => major > 3 || (major === 3 && minor >= first);
  return {
    collecting: since(10),
    ellipsis: !since(13),
    extensionModules: since(10),
    hyphen: since(13),
    threadNames: since(14),
    runtimeState: since(8),
  };
}

/** `unsigned long` of the crashed machine, with all its digits, as faulthandler prints it. */
function threadId(thread: Thread, { modules }: Report): string {
  const digits = thread.python_thread_id?.slice(2) ?? (thread.lwp ?? 0).toString(16);
  const narrow = modules.length > 0 && modules.every(({ end }) => BigInt(end) <= 0x1_0000_0000n);
  return `0x${digits.padStart(narrow ? 8 : 16, "0")}`;
}

/** As the kernel keeps it, 15 bytes at most: from 3.14 on Python tells it the names of its threads. */
function kernelName(thread: Thread, { process, threads }: Report): string | null {
  // The kernel is asked for it, and knows none of a thread that is gone, as in the child of a fork.
  if (thread.lwp === null && threads.some((each) => each.lwp !== null)) return null;
  const name = thread.lwp !== null && thread.lwp === process.pid ? process.name : thread.name;
  if (name === null || name === "") return null;
  const bytes = Buffer.from(name).subarray(0, 15);
  return ascii(new TextDecoder("utf-8").decode(bytes, { stream: true }));
}

const frameLine = ({ file, line, function: name }: PythonFrame) =>
  `  File ${file === null ? "???" : `"${ascii(file)}"`}, line ${line ?? "???"} in ${ascii(name)}`;

/** A fold's own turns are not kept, so they are written again as often as they were: up to the limit. */
function frameLines(frames: Frames, ellipsis: boolean): readonly string[] {
  const lines: string[] = [];
  for (const frame of frames) {
    if (lines.length > most.frames) break;
    if (frame.kind === "python") lines.push(frameLine(frame));
    else if (frame.count > 1) {
      const cycle = lines.slice(-frame.cycle);
      for (let turn = 0; turn < frame.count && lines.length <= most.frames; turn += 1) lines.push(...cycle);
    } else return [...lines.slice(0, most.frames), "  ..."];
  }
  return lines.length > most.frames ? [...lines.slice(0, most.frames), ...(ellipsis ? ["  ..."] : [])] : lines;
}

function dumpThread(thread: Thread, current: boolean, report: Report, dialect: Dialect): readonly string[] {
  const name = dialect.threadNames ? kernelName(thread, report) : null;
  const lines = thread.python_frames.length === 0 ? ["  <no Python frame>"] : frameLines(thread.python_frames, dialect.ellipsis);
  const collecting = current && dialect.collecting && (report.python?.gc.collecting === true || (report.python === null && thread.state === "collecting"));
  return [
    `${current ? "Current thread" : "Thread"} ${threadId(thread, report)}${name === null ? "" : ` [${name}]`} (most recent call first):`,
    ...(collecting ? ["  Garbage-collecting"] : []),
    ...lines,
  ];
}

/** The first line, and the empty one behind it. */
function heading(report: Report, { hyphen, runtimeState }: Dialect): readonly string[] {
  const found = report.diagnoses.find((each) => each.code === "fatal_error");
  const message = found?.evidence["message"];
  if (typeof message === "string") {
    const { function: by, frame } = found?.evidence ?? {};
    const named = frame === null || (typeof frame === "string" && frame.startsWith("_Py_FatalError"));
    // From 3.9 on the line begins with the function: without it, it is not the one that was written.
    if (named && frame !== null && typeof by !== "string") return [];
    const raiser = named && typeof by === "string" ? `${by}: ` : "";
    const state = runtimeState ? [`Python runtime state: ${report.python?.finalizing === true ? "finalizing" : "initialized"}`] : [];
    // Its own line ends stay.
    return [...`Fatal Python error: ${raiser}${message.slice(0, 2_000)}`.split("\n").map((line) => safeCut(line, 2_100)), ...state, ""];
  }
  // A message that is not known is not made up.
  if (found !== undefined) return [];
  const fault = faults[report.process.signal?.name ?? ""];
  if (fault === undefined) return [];
  return [`Fatal Python error: ${hyphen ? fault : fault.replace("-", " ")}`, ""];
}

/** In the interpreter's own order, newest first; those whose place is not known come before. */
export function faulthandlerDump(report: Report): readonly string[] {
  const dialect = dialectOf(report);
  const threads = report.threads
    .filter((thread) => thread.python_frames.length > 0 || thread.python_thread_id !== null)
    .toSorted((one, other) => (one.python_index ?? -1) - (other.python_index ?? -1));
  const lines = [...heading(report, dialect)];
  threads.slice(0, most.threads).forEach((thread, index) => {
    if (index > 0) lines.push("");
    lines.push(...dumpThread(thread, thread.crashed, report, dialect));
  });
  if (threads.length > most.threads) lines.push("", "...");
  const extensions = report.python?.extension_modules.filter((each) => each.third_party) ?? [];
  if (dialect.extensionModules && extensions.length > 0)
    lines.push("", `Extension modules: ${extensions.map((each) => ascii(each.name)).join(", ")} (total: ${extensions.length})`);
  return lines;
}
