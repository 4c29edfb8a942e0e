/** Who raised the signal: another process, this one, abort(). */
import { basename } from "node:path";
import type { Diagnosis } from "../../../services/contract/report.ts";
import type { NativeFrame, Thread } from "../../../services/contract/thread.ts";
import type { CoreFacts } from "../../../services/intake/core/core-facts.ts";
import type { CrashSite } from "../crash-site.ts";
import { inSystemCall } from "../signal-frame.ts";
import { systemName } from "../thread-state.ts";
import type { Finding } from "./evidence.ts";

/** si_code of kill, sigqueue and tkill: the kernel vouches that a process sent it. */
const sentCodes: ReadonlySet<string> = new Set(["SI_USER", "SI_QUEUE", "SI_TKILL"]);

export const sentByProcess: Finding = ({ core, site }) => {
  const { signal, sent, signalFrame } = site;
  const { pid } = core;
  if (signal === null) return null;
  const what = signal.name ?? `Signal ${signal.number}`;
  if (sent && signal.code === null && signalFrame !== null) {
    return {
      code: "sent_by_process",
      title: "The signal was sent, no fault raised it",
      detail: `${what} came from a process or another thread by kill: the thread was in no faulting instruction when its handler ran. The handler raised the signal again, so the core no longer says who sent it. The stacks show where the process was, not what went wrong.`,
      confidence: "likely",
      lwp: core.crashedLwp,
      evidence: { signal: signal.name, signal_frame: signalFrame, pc: site.pc, sender_pid: null },
      links: [],
    };
  }
  if (signal.code === null || !sentCodes.has(signal.code) || signal.sender_pid === null || signal.sender_pid <= 0) return null;
  if (pid === null || signal.sender_pid === pid) return null;
  const by = signal.sender_uid === null ? "" : ` (uid ${signal.sender_uid})`;
  return {
    code: "sent_by_process",
    title: `Process ${signal.sender_pid} sent the signal`,
    detail: `${what} came from process ${signal.sender_pid}${by} and not from a fault of this process: its stacks show where it was, not what went wrong.`,
    confidence: "certain",
    lwp: core.crashedLwp,
    evidence: { signal: signal.name, code: signal.code, sender_pid: signal.sender_pid, sender_uid: signal.sender_uid },
    links: [],
  };
};

/** The terminal's driver sends SIGQUIT as the kernel's own (isig of drivers/tty/n_tty.c). */
export const quitByTerminal: Finding = ({ core, site: { signal } }) => {
  if (signal?.name !== "SIGQUIT" || signal.code !== "SI_KERNEL") return null;
  return {
    code: "terminal_quit",
    title: "Somebody ended it at the terminal (Ctrl-\\)",
    detail: "The quit key was pressed at the process's terminal: mostly because it hung. The stacks show where it was.",
    confidence: "certain",
    lwp: core.crashedLwp,
    evidence: { signal: signal.name, code: signal.code },
    links: [],
  };
};

const raising =
  /^(abort|raise|gsignal|pthread_kill\w*|p?thread_kill_(implementation|internal)|kill|tgkill|assert_fail(_base)?|libc_message\w*|fortify_fail\w*)$/;

const raisers = /^(raise|gsignal|pthread_kill\w*|p?thread_kill_(implementation|internal)|kill|tgkill)$/;

const ofCLibrary = /\/(libc(-2\.\d+)?\.so(\.6)?|ld-musl-[^/]*|libc\.musl-[^/]*)$/;

/** Who called abort(): its name, or its place where it has none; functions of the C library that only end in it are passed over. */
function callerOfAbort(beyond: readonly NativeFrame[]): string | null {
  const caller = beyond.find(({ function: name, module }) => (name === null ? module === null || !ofCLibrary.test(module) : !raising.test(systemName(name))));
  if (caller === undefined || caller.function !== null) return caller?.function ?? null;
  return caller.module === null || caller.offset === null ? null : `${basename(caller.module)}+${caller.offset}`;
}

/** By its own SIGABRT, and nothing of the stack tells by which function: abort() sends it by tgkill to the thread that calls it, and so does raise(). */
function endedItself(core: CoreFacts, site: CrashSite, threads: readonly Thread[]): Diagnosis | null {
  const { signal, registers } = site;
  if (signal?.code !== "SI_TKILL" || core.pid === null || signal.sender_pid !== core.pid || raisedWithoutAbort(signal.code, threads)) return null;
  const [lwp, number] = core.machine === "x86_64" ? [registers["rsi"], registers["rdx"]] : [registers["x1"], registers["x2"]];
  const standsThere = lwp !== undefined && number !== undefined && Number(BigInt(lwp)) === core.crashedLwp && BigInt(number) === BigInt(signal.number);
  return {
    code: "abort",
    title: "The process aborted itself",
    detail:
      "The thread sent SIGABRT to itself, as abort() does (and raise(SIGABRT), which is rare): the program, a library or the interpreter found its state inconsistent and ended it on purpose. What it wrote to its standard error just before says why; with the binaries that the job misses the report tells who called it.",
    confidence: standsThere ? "likely" : "possible",
    lwp: core.crashedLwp,
    evidence: { signal: signal.name, sender_pid: signal.sender_pid, caller: null },
    links: [],
  };
}

export const abortedItself: Finding = ({ core, site, threads }) => {
  const { signal } = site;
  if (signal?.name !== "SIGABRT" || (signal.sender_pid !== null && core.pid !== null && signal.sender_pid !== core.pid)) return null;
  const frames = threads.find((thread) => thread.crashed)?.native_frames.filter((frame): frame is NativeFrame => frame.kind === "native") ?? [];
  const abort = frames.slice(0, 12).findIndex((frame) => frame.function !== null && systemName(frame.function) === "abort");
  if (abort < 0) return endedItself(core, site, threads);
  const caller = callerOfAbort(frames.slice(abort + 1));
  return {
    code: "abort",
    title: caller === null ? "The process aborted itself" : `The process aborted itself in ${caller}`,
    detail: `abort() was called${caller === null ? "" : ` by ${caller}`}: the program, or a library that found its state inconsistent, ended it on purpose. What it wrote to its standard error just before says why.`,
    confidence: "certain",
    lwp: core.crashedLwp,
    evidence: { signal: signal.name, sender_pid: signal.sender_pid, caller },
    links: [],
  };
};

const faults: ReadonlySet<string> = new Set(["SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGTRAP"]);

/** abort() sends SIGABRT by tgkill; kill() was asked for by the program, and so was raise(), where it is seen and its caller is no abort(). */
function raisedWithoutAbort(code: string, threads: readonly Thread[]): boolean {
  if (code === "SI_USER" || code === "SI_QUEUE") return true;
  const frames = threads.find((thread) => thread.crashed)?.native_frames.filter((frame): frame is NativeFrame => frame.kind === "native") ?? [];
  const raise = frames.slice(0, 6).findLastIndex(({ function: name }) => name !== null && raisers.test(systemName(name)));
  const caller = frames[raise + 1];
  const told = caller !== undefined && (caller.function ?? caller.module) !== null && caller.trust !== "scan";
  return raise >= 0 && told && (caller.module === null || !ofCLibrary.test(caller.module));
}

export const raisedByProcess: Finding = ({ core, site, threads }) => {
  const { signal } = site;
  if (signal === null || !site.sent || signal.code === null || !sentCodes.has(signal.code)) return null;
  // SIGXFSZ of the kernel has the process itself for its sender.
  if (core.pid === null || signal.sender_pid !== core.pid || signal.name === "SIGXFSZ") return null;
  if (signal.name === "SIGABRT" && !raisedWithoutAbort(signal.code, threads)) return null;
  // Where the thread does not stand in the system call that sent the signal, a handler may have passed on a fault.
  const open = faults.has(signal.name ?? "") && core.machine === "x86_64" && site.pc !== null && !inSystemCall(site.registers);
  // Where nothing of the stack can be read, neither can the frame of such a handler: the registers alone give one frame.
  const unread = faults.has(signal.name ?? "") && (threads.find((thread) => thread.crashed)?.native_frames.length ?? 0) <= 1;
  return {
    code: "raised_by_itself",
    title: `The process sent ${signal.name ?? `signal ${signal.number}`} to itself`,
    detail: unread
      ? "The signal came from this very process, and its stack cannot be read: either it was meant (raise, kill, os.kill), or a signal handler, faulthandler's for one, raised the signal of a fault again."
      : open
        ? "The signal came from this very process. Its thread stands in no system call: another thread sent it, or a signal handler that has returned since passed on a fault of its own."
        : "The signal came from this very process (raise, kill, os.kill or pthread_kill), not from a fault. The stack shows who asked for it.",
    confidence: open || unread ? "possible" : "certain",
    lwp: core.crashedLwp,
    evidence: { signal: signal.name, code: signal.code, sender_pid: signal.sender_pid },
    links: [],
  };
};
