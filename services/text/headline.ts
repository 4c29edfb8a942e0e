/** What a person asks first: what died, of what, where in Python, in which thread, and why. */
import type { Report } from "../contract/report.ts";
import type { NativeFrame, PythonFrame, Thread } from "../contract/thread.ts";
import { lastPart, nativeName, nativePlace, pythonName, pythonPlace } from "./frames.ts";
import { labelled, wrap, pageWidth } from "./layout.ts";
import { safeCut } from "./safe-text.ts";
import { threadName, threadState } from "./threads.ts";

const processName = ({ process }: Report): string => {
  const path = process.executable ?? process.command_line?.[0] ?? null;
  const name = path === null ? "A process" : safeCut(lastPart(path), 120);
  return process.pid === null ? name : `${name} (pid ${process.pid})`;
};

function ending(report: Report): string {
  const { signal, started_by_gcore } = report.process;
  if (started_by_gcore) return `${processName(report)} was alive when its core was taken`;
  if (signal === null) return `${processName(report)} left a core that names no signal`;
  const name = signal.name ?? `signal ${signal.number}`;
  return `${processName(report)} died of ${name}${signal.description === null ? "" : `: ${safeCut(signal.description, 300)}`}`;
}

function signalDetails(report: Report): string {
  const { signal } = report.process;
  if (signal === null) return "";
  const parts = [
    signal.code === null ? "" : `code ${safeCut(signal.code, 40)}`,
    signal.address === null ? "" : `address ${signal.address}`,
    signal.sender_pid === null ? "" : `sent by pid ${signal.sender_pid}`,
  ];
  return parts.filter((part) => part !== "").join(", ");
}

const innermostPython = (thread: Thread): PythonFrame | null => thread.python_frames.find((frame): frame is PythonFrame => frame.kind === "python") ?? null;

/** The innermost C function; below a signal handler that raised the signal again, the one that the handler interrupted. */
function struckIn(thread: Thread, pc: string | null): NativeFrame | null {
  const natives = thread.native_frames.filter((frame): frame is NativeFrame => frame.kind === "native");
  const struck = pc === null ? -1 : natives.findIndex((frame) => frame.pc === pc);
  if (struck > 0) return natives[struck] ?? null;
  const [first] = thread.frames;
  return first?.kind === "native" ? first : null;
}

function* places(thread: Thread, pc: string | null): Generator<string> {
  const python = innermostPython(thread);
  if (python !== null) {
    const place = pythonPlace(python);
    yield* labelled("in Python", `${pythonName(python)}${place === "" ? "" : `  at ${place}`}`);
    if (python.source_line !== null) yield* labelled("", safeCut(python.source_line.trim(), pageWidth - 11));
  }
  const native = struckIn(thread, pc);
  if (native !== null) yield* labelled("in C", `${nativeName(native)}  ${nativePlace(native)}`.trimEnd());
  const state = threadState(thread);
  yield* labelled("in thread", `${threadName(thread)}${state === "" ? "" : `, ${state}`}`);
}

function pythonLine(report: Report): string {
  const { python } = report;
  if (python === null && report.warnings.some((warning) => warning.code === "no_core")) return "told by the attached logs alone: no core was sent";
  if (python === null) return `no CPython found: ${safeCut(report.python_missing_reason ?? "the reason is not known", 500)}`;
  const build = [
    python.build.debug === true ? "debug build" : "",
    python.build.free_threaded === true ? "free-threaded" : "",
    python.build.jit === true ? "JIT" : "",
  ];
  const symbols = { full: "with debug information", symbols: "with symbols, without debug information", none: "without symbols" }[python.debug_info];
  const source = { debug_offsets: "its own debug offsets", dwarf: "its debug information", table: "the built-in tables" }[python.layout_source];
  const what = [`${safeCut(python.implementation, 40)} ${safeCut(python.version, 40)}`, ...build.filter((part) => part !== ""), symbols];
  return `${what.join(", ")}; read through ${source}`;
}

/** One line for what keeps the report from telling more. */
function absence(report: Report): string {
  const absent = report.modules.filter((module) => module.found === "missing" || module.found === "mismatch");
  if (absent.length === 0) return "";
  return absent.length === 1
    ? `${safeCut(lastPart(absent[0]?.path ?? ""), 120)}, see below`
    : `${absent.length} of ${report.modules.length} binaries, see below`;
}

export function headline(report: Report): readonly string[] {
  const [first] = report.threads;
  const [cause] = report.diagnoses;
  const details = signalDetails(report);
  const command = report.process.command_line;
  return [
    ...wrap(ending(report), pageWidth),
    ...(details === "" ? [] : [`  ${details}`]),
    "",
    ...(first === undefined ? [] : places(first, report.process.crashed_lwp === first.lwp ? (report.process.signal?.pc ?? null) : null)),
    ...(cause === undefined ? [] : labelled("cause", `${safeCut(cause.title, 300)} (${cause.confidence})`)),
    "",
    ...labelled("Python", pythonLine(report)),
    ...(command === null ? [] : labelled("command", safeCut(command.join(" "), 500))),
    ...(absence(report) === "" ? [] : labelled("missing", absence(report))),
    ...labelled("job", `${report.job_id}, analysed ${report.created_at}`),
  ];
}
