/**
 * Python frames as the interpreter itself writes them, so that tools that read its output can read ours: the traceback
 * (Lib/traceback.py) and faulthandler's dump (Python/traceback.c, `_Py_DumpTracebackThreads`).
 */
import type { FoldedFrames, PythonFrame, Report, Thread } from "../contract/report.ts";
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

/** `unsigned long` of the crashed machine, with all its digits, as faulthandler prints it. */
function threadId(thread: Thread): string {
  const digits = thread.python_thread_id?.slice(2) ?? (thread.lwp ?? 0).toString(16);
  return `0x${digits.padStart(16, "0")}`;
}

function dumpThread(thread: Thread, current: boolean): readonly string[] {
  const title = `${current ? "Current thread" : "Thread"} ${threadId(thread)} (most recent call first):`;
  if (thread.python_frames.length === 0) return [title, "  <no Python frame>"];
  return [
    title,
    ...thread.python_frames.map((frame) =>
      frame.kind === "folded" ? "  ..." : `  File "${fileOf(frame)}", line ${frame.line ?? "???"} in ${safeCut(frame.function, 500)}`,
    ),
  ];
}

/** faulthandler stops after 100 threads as well. */
const threadsDumped = 100;

/** The current thread first, the others after it. */
export function faulthandlerDump(report: Report): readonly string[] {
  const threads = report.threads.filter((thread) => thread.python_frames.length > 0 || thread.python_thread_id !== null);
  const fault = faults[report.process.signal?.name ?? ""];
  const lines = fault === undefined ? [] : [`Fatal Python error: ${fault}`, ""];
  threads.slice(0, threadsDumped).forEach((thread, index) => {
    if (index > 0) lines.push("");
    lines.push(...dumpThread(thread, index === 0));
  });
  return threads.length > threadsDumped ? [...lines, "..."] : lines;
}
