/**
 * The signature: what makes two crashes the same one. Pure, from the report alone, so that it can be made again.
 *
 * It is the class of the crash, the exported native functions between the crash and Python that are neither CPython's nor
 * the C library's, and the innermost Python functions of the user. Nothing counts that another copy of the same software
 * would not show: no address, no line, no name that stripping takes, no folder of the machine. docs/adr has the reasons.
 */
import { createHash } from "node:crypto";
import type { Diagnosis, Report, Signature } from "../contract/report.ts";
import type { Thread } from "../contract/thread.ts";
import type { KeyedFrame } from "./keyed-frame.ts";
import { messageClass } from "./message-class.ts";
import { diedInAllocator, endedItself, nativeKeys } from "./native-keys.ts";
import { moduleName } from "./native-name.ts";
import { pythonKeys } from "./python-keys.ts";

/** Raised when the rules change: stored reports then get new signatures, and the old hashes lead to their groups. */
export const signatureVersion = 5;

const diagnosed = (report: Report, code: string): Diagnosis | null => report.diagnoses.find((diagnosis) => diagnosis.code === code) ?? null;

function signalName({ process }: Report): string {
  return process.signal === null ? "no signal" : (process.signal.name ?? `signal ${process.signal.number}`);
}

/** Which check of the allocator notices a damaged heap or a wrong pointer, and whether it faults before, is chance. */
const allocatorSignals: ReadonlySet<string> = new Set(["SIGSEGV", "SIGBUS", "SIGABRT"]);

/** What the process died of, in words that are the same for the same fault. */
function classOf(report: Report, crashed: Thread): string {
  if (diagnosed(report, "stack_overflow") !== null) return "stack overflow";
  if (allocatorSignals.has(signalName(report)) && diedInAllocator(crashed.native_frames)) return "crash of the allocator";
  const message = messageClass(report.diagnoses);
  return message === null ? signalName(report) : `${signalName(report)} ${message}`;
}

/** `own` tells apart what failed in one function of the standard library, and the function behind it who called it. */
function titleOf(kind: string, native: readonly string[], { python, own, recursion }: TitledPython): string {
  const failed = native.filter((key) => key !== endedItself).slice(0, 1);
  const where = [...new Set([...failed, ...python.slice(0, 1), ...(own !== null && python.includes(own) ? [own] : [])])];
  const behind = recursion ? undefined : python.find((key) => !where.includes(key));
  const verb = recursion ? " in the recursion of " : " in ";
  return where.length === 0 ? kind : `${kind}${verb}${where.join(", called by ")}${behind === undefined ? "" : `, from ${behind}`}`;
}

interface TitledPython {
  readonly python: readonly string[];
  readonly own: string | null;
  readonly recursion: boolean;
}

export function hashOf(kind: string, keys: readonly string[]): string {
  return createHash("sha256")
    .update([kind, ...keys].join("\n"))
    .digest("hex")
    .slice(0, 32);
}

const keysOf = (frames: readonly KeyedFrame[]) => frames.flatMap((frame) => (frame.kept ? [frame.key] : []));

/** The file is not there of a module that counts by its name alone, or of the one that the crash is in: it would tell the function. */
function lacksFiles(report: Report, crashed: Thread, native: readonly string[]): boolean {
  const absent = new Set(report.modules.filter(({ found }) => found === "missing" || found === "mismatch").map(({ path }) => moduleName(path)));
  const [innermost] = crashed.native_frames;
  return native.some((key) => absent.has(key)) || (innermost?.kind === "native" && absent.has(moduleName(innermost.module ?? "")));
}

/** The native side ends in guesses, or at once: without the files nobody can say which functions were there. */
function isPartial(thread: Thread): boolean {
  const frames = thread.native_frames.filter((frame) => frame.kind === "native");
  return frames.length <= 1 || frames.some((frame) => frame.trust === "scan");
}

/** With the names that every version and a log of faulthandler tell: `total`, not `Cart.total`. */
const unqualified = (thread: Thread): Thread => ({
  ...thread,
  python_frames: thread.python_frames.map((frame) => (frame.kind === "python" ? { ...frame, qualname: null, defined_as: null } : frame)),
});

/** Null where nothing died, or where nothing but the signal is known of the thread that did. */
export function signatureOf(report: Report): Signature | null {
  const crashed: Thread | undefined = report.threads.find((thread) => thread.crashed);
  if (crashed === undefined || report.process.started_by_gcore) return null;
  const kind = classOf(report, crashed);
  const python = pythonKeys(report, crashed, kind === "stack overflow");
  const pythonPart = keysOf(python.frames);
  const all = nativeKeys(crashed.native_frames, pythonPart.length === 0);
  const native = python.recursion ? all.map((frame) => (frame.kept ? { ...frame, kept: false, why: "a recursion is told by its cycle" } : frame)) : all;
  const nativePart = keysOf(native);
  if (nativePart.length + pythonPart.length === 0 && kind === signalName(report) && isPartial(crashed)) return null;
  return {
    hash: hashOf(kind, [...nativePart, "", ...pythonPart]),
    title: titleOf(kind, nativePart, { ...python, python: pythonPart }),
    version: signatureVersion,
    broad_hash: hashOf(signalName(report), ["", ...keysOf(pythonKeys(report, unqualified(crashed), kind === "stack overflow").frames)]),
    // Without a Python function nothing tells which whole one it could be of.
    partial: pythonPart.length > 0 && !python.recursion && (nativePart.length === 0 ? isPartial(crashed) : lacksFiles(report, crashed, nativePart)),
    frames: [{ key: kind, kept: true, why: "the class of the crash" }, ...native, ...python.frames],
  };
}
