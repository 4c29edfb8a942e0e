/**
 * What the crashed thread was in the middle of: an import, the end of the interpreter, a signal handler. This says when a process died, not
 * why, so it comes after every cause.
 */
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { Nullable } from "../../../services/contract/common.ts";
import type { NativeFrame, Thread } from "../../../services/contract/thread.ts";
import { signalName } from "../../../services/intake/core/signals.ts";
import { plainName } from "../plumbing.ts";
import { systemName } from "../thread-state.ts";
import type { Evidence, Finding } from "./evidence.ts";

const nullableString = Nullable(Type.String());
const place = { function: Type.String(), file: nullableString, line: Nullable(Type.Integer()) };

/** `facts.crash_context`. */
const Context = Type.Object({
  imports: Type.Array(Type.String()),
  extension: Nullable(Type.Object({ name: nullableString, path: nullableString, phase: Type.Enum(["create", "exec"]) })),
  handler: Nullable(Type.Object({ signal: Type.Integer(), ...place })),
  destructors: Type.Array(Type.String()),
  outermost: Nullable(Type.Object(place)),
  daemons: Type.Array(Type.Object({ lwp: Nullable(Type.Integer()), name: nullableString })),
});

const context = Compile(Context);

function contextOf({ python }: Evidence): Static<typeof Context> | null {
  const told = python?.facts["crash_context"];
  return context.Check(told) ? told : null;
}

const crashedOf = (threads: readonly Thread[]) => threads.find((thread) => thread.crashed) ?? null;
const nativeOf = (thread: Thread | null) => (thread?.native_frames ?? []).filter((frame): frame is NativeFrame => frame.kind === "native");
const nameOf = (frame: NativeFrame) => (frame.function === null ? "" : plainName(frame.function).replace(/@.*$/, ""));

/** 2.7 keeps no frames of the import system's own: its C functions must be there. */
const importInC = /^(PyImport_ExecCodeModule(Ex)?|load_source_module|load_next|import_submodule|import_module_level|PyImport_ImportModuleLevel)$/;
const loadInC = /^_PyImport_LoadDynamicModule(WithSpec)?$/;

/** The init function of an extension that is on the stack: `PyInit_x`; in 2.7 `initx`, called by the loader. */
function initOf(frames: readonly NativeFrame[]): NativeFrame | null {
  return (
    frames.find((frame, at) => {
      const name = nameOf(frame);
      return /^PyInit_\w+$/.test(name) || (/^init\w+$/.test(name) && frames.slice(at + 1, at + 3).some((outer) => loadInC.test(nameOf(outer))));
    }) ?? null
  );
}

export const crashDuringImport: Finding = (evidence) => {
  const told = contextOf(evidence);
  const frames = nativeOf(crashedOf(evidence.threads));
  const old = evidence.python?.python?.version.startsWith("2.") === true;
  if (told === null || evidence.core.processAlive) return null;
  if (old && !frames.some((frame) => importInC.test(nameOf(frame)) || loadInC.test(nameOf(frame)))) return null;
  const init = initOf(frames);
  const imports = old && init !== null ? [...told.imports, nameOf(init).replace(/^init/, "")] : told.imports;
  const innermost = imports.at(-1);
  if (innermost === undefined) return null;
  const { extension } = told;
  const chain = imports.join(" > ");
  const runs = init?.function ?? (extension === null ? null : extension.phase === "create" ? "its PyInit function" : "its module initialisation");
  return {
    code: "crash_during_import",
    title: `The crash is inside the import of ${innermost}${extension !== null || init !== null ? ", while the extension's own initialisation ran" : ""}`,
    detail: `Modules whose import had begun and not ended, outermost first: ${chain}.${
      runs === null
        ? ""
        : ` C code of ${extension?.path ?? init?.module ?? innermost} ran (${runs}): look for an extension built for another Python, or for another version of a library that it links.`
    }`,
    confidence: "certain",
    lwp: evidence.core.crashedLwp,
    evidence: { imports, extension, init: init === null ? null : { function: init.function, module: init.module } },
    links: [],
  };
};

const ends = /^(_?Py_Finalize(Ex)?|Py_EndInterpreter|finalize_interp_clear)$/;
/** Innermost function wins: the phases lie inside each other. */
const phases: readonly (readonly [phase: string, functions: RegExp])[] = [
  ["garbage collection at the end", /^(_?PyGC_Collect\w*|PyGC_Finalize|gc_collect\w*)$/],
  ["the teardown of modules", /^(finalize_modules\w*|_?PyImport_Cleanup|_PyModule_Clear(Dict)?)$/],
  ["atexit callbacks", /^(atexit_callfuncs|_PyAtExit_Call|call_py_exitfuncs|call_sys_exitfunc|atexit_run_exitfuncs)$/],
  ["threading._shutdown", /^(wait_for_thread_shutdown)$/],
];

function phaseOf(frames: readonly NativeFrame[], end: number, told: Static<typeof Context> | null, finalizing: boolean | null): string | null {
  for (const frame of frames.slice(0, end)) {
    const phase = phases.find(([, functions]) => functions.test(nameOf(frame)));
    if (phase !== undefined) return phase[0];
  }
  const outermost = told?.outermost ?? null;
  if (outermost?.file?.endsWith("/threading.py") === true && /(^|\.)_shutdown$/.test(outermost.function)) return "threading._shutdown";
  // Callbacks run before the interpreter says that it ends (Py_FinalizeEx of Python/pylifecycle.c).
  return finalizing === false && outermost !== null ? "atexit callbacks" : null;
}

/** exit() runs what atexit() of C, __cxa_atexit and the destructors of libraries left for the end, once main() has returned or Python is done with Py_Exit. */
function inExitHandlers({ core, python }: Evidence, frames: readonly NativeFrame[]): ReturnType<Finding> {
  const exit = frames.findIndex(({ function: name, trust }) => name !== null && trust !== "scan" && systemName(name) === "exit");
  if (exit < 1 || core.processAlive) return null;
  const outer = frames.slice(exit + 1);
  const start = outer.findIndex((frame) => /^__libc_start_(main|call_main)/.test(nameOf(frame)));
  const returned = start >= 0 && outer.slice(0, start).every(({ module }) => module !== null && module === frames[exit]?.module);
  const left = outer[0] !== undefined && nameOf(outer[0]) === "Py_Exit";
  if (!returned && !left) return null;
  const over = left || python?.python == null;
  return {
    code: "crash_during_finalization",
    title: `The crash is inside exit(), after ${left ? "Py_Exit had ended the interpreter" : "main() had returned"}`,
    detail: `The C library ran the exit handlers: atexit() of C, destructors of libraries and of static C++ objects.${over ? " Python had ended by then: such a handler may use no Python object and take no GIL." : " The interpreter was not taken down before."}`,
    confidence: "certain",
    lwp: core.crashedLwp,
    evidence: { phase: "exit handlers of C", finalizing: null, destructor: null, daemon_threads: [], function: "exit" },
    links: [],
  };
}

export const crashDuringFinalization: Finding = (evidence) => {
  const crashed = crashedOf(evidence.threads);
  if (crashed === null) return null;
  const frames = nativeOf(crashed);
  const finalizing = evidence.python?.python?.finalizing ?? null;
  const end = frames.findIndex((frame) => ends.test(nameOf(frame)));
  const told = contextOf(evidence);
  if (end < 0 && finalizing !== true) return inExitHandlers(evidence, frames);
  // From its main thread; a worker of a process whose main thread waits for it crashes as at any time, and the flag is not set then.
  const aside = end < 0 && crashed.lwp !== evidence.core.pid;
  const phase = end < 0 ? null : phaseOf(frames, end, told, finalizing);
  const destructor = told?.destructors[0] ?? null;
  const daemons = (told?.daemons ?? []).filter(({ lwp }) => lwp !== crashed.lwp);
  const listed = daemons.slice(0, 8).map(({ lwp, name }) => name ?? `thread ${lwp}`);
  return {
    code: "crash_during_finalization",
    title: aside
      ? "A thread crashed while another one ended the interpreter"
      : `The crash is inside the end of the interpreter${phase === null ? "" : `, in ${phase}`}`,
    detail: `${
      aside
        ? "The interpreter was being taken down by another thread. Only daemon threads and threads of C live that long: nobody waits for them, and what they use may be gone"
        : "Py_Finalize was at work: modules, types and objects are taken down, and what a late callback or __del__ uses may be gone"
    }.${destructor === null ? "" : ` ${destructor} ran.`}${listed.length === 0 ? "" : ` Daemon threads that were still there: ${listed.join(", ")}.`}`,
    confidence: "certain",
    lwp: evidence.core.crashedLwp,
    evidence: { phase, finalizing, destructor, daemon_threads: daemons, function: end < 0 ? null : (frames[end]?.function ?? null) },
    links: [],
  };
};

const trampoline = /^(<signal handler called>|__restore(_rt)?|__kernel_(rt_)?sigreturn)$/;

/** Modules/signalmodule.c, and the evaluator's callers of it. */
const checksSignals = /^(_?PyErr_CheckSignals(Tstate)?|handle_signals|_Py_HandlePending|eval_frame_handle_pending|Py_MakePendingCalls)$/;

/** Up to 3.10 a handler that Python code calls by itself leaves the same frames: C must be seen to have called it. */
function pythonHandler(evidence: Evidence): Static<typeof Context>["handler"] {
  const found = contextOf(evidence)?.handler ?? null;
  const [major = 0, minor = 0] = (evidence.python?.python?.version ?? "").split(".").map((part) => Number.parseInt(part, 10));
  const certain = major === 3 && minor >= 11;
  return certain || nativeOf(crashedOf(evidence.threads)).some((frame) => checksSignals.test(nameOf(frame))) ? found : null;
}

/** The C function that a signal's handler is, when the crash is inside it; a handler that only raised the signal again does not count. */
function handlerInC({ site, threads }: Evidence): NativeFrame | null {
  const frames = nativeOf(crashedOf(threads));
  const struck =
    site.pc === null
      ? 0
      : Math.max(
          0,
          frames.findIndex((frame) => frame.pc === site.pc),
        );
  const at = frames.findIndex((frame, index) => index > struck && frame.function !== null && trampoline.test(frame.function));
  return at <= 0 ? null : (frames[at - 1] ?? null);
}

export const crashInSignalHandler: Finding = (evidence) => {
  const { core, site } = evidence;
  if (core.processAlive || site.signal === null) return null;
  const python = pythonHandler(evidence);
  // A signal that was sent interrupts wherever the thread is; only a fault is the handler's own.
  const native = site.sent ? null : handlerInC(evidence);
  if (python === null && native === null) return null;
  const name = python === null ? null : (signalName(python.signal) ?? `signal ${python.signal}`);
  const where = python === null ? null : `${python.function}${python.file === null ? "" : ` at ${python.file}:${python.line ?? "?"}`}`;
  return {
    code: "crash_in_signal_handler",
    title:
      python === null
        ? `The crash is inside a signal handler in C${native?.function == null ? "" : `, ${native.function}`}`
        : `The crash is inside the Python handler of ${name}, ${python.function}`,
    detail:
      python === null
        ? "The kernel had interrupted the thread to run the handler, which may call async-signal-safe functions only: no malloc, no Python."
        : `${where} was called with the number of the signal and the frame that it interrupted. Handlers run between any two bytecodes: what they use may be half changed.`,
    confidence: "certain",
    lwp: core.crashedLwp,
    evidence: { handler: python, native_handler: native === null ? null : { function: native.function, module: native.module } },
    links: ["https://docs.python.org/3/library/signal.html#execution-of-python-signal-handlers"],
  };
};
