/**
 * Signal names and si_code names of Linux (asm-generic/signal.h, asm-generic/siginfo.h), with words for people.
 * MIPS, SPARC, Alpha and PA-RISC number some signals otherwise; they have no CPython that reaches us.
 */
const signals: Readonly<Record<number, readonly [name: string, description: string]>> = {
  1: ["SIGHUP", "hang-up of the terminal"],
  2: ["SIGINT", "interrupt from the keyboard"],
  3: ["SIGQUIT", "quit from the keyboard"],
  4: ["SIGILL", "illegal instruction"],
  5: ["SIGTRAP", "trace or breakpoint trap"],
  6: ["SIGABRT", "abort"],
  7: ["SIGBUS", "bus error"],
  8: ["SIGFPE", "arithmetic error"],
  9: ["SIGKILL", "killed"],
  10: ["SIGUSR1", "user-defined signal 1"],
  11: ["SIGSEGV", "segmentation fault"],
  12: ["SIGUSR2", "user-defined signal 2"],
  13: ["SIGPIPE", "broken pipe"],
  14: ["SIGALRM", "timer"],
  15: ["SIGTERM", "termination"],
  16: ["SIGSTKFLT", "stack fault"],
  17: ["SIGCHLD", "a child ended or stopped"],
  18: ["SIGCONT", "continued"],
  19: ["SIGSTOP", "stopped"],
  20: ["SIGTSTP", "stopped from the terminal"],
  21: ["SIGTTIN", "read from the terminal in the background"],
  22: ["SIGTTOU", "write to the terminal in the background"],
  23: ["SIGURG", "urgent data on a socket"],
  24: ["SIGXCPU", "limit of CPU time exceeded"],
  25: ["SIGXFSZ", "limit of file size exceeded"],
  26: ["SIGVTALRM", "virtual timer"],
  27: ["SIGPROF", "profiling timer"],
  28: ["SIGWINCH", "window size changed"],
  29: ["SIGIO", "I/O possible"],
  30: ["SIGPWR", "power failure"],
  31: ["SIGSYS", "bad system call"],
};

const FIRST_REAL_TIME = 32;
const LAST_REAL_TIME = 64;

/** `SIGSEGV`; `SIGRTMIN+n` as the kernel counts; null for 0 and for what is no signal. */
export function signalName(number: number): string | null {
  const known = signals[number];
  if (known !== undefined) return known[0];
  if (number < FIRST_REAL_TIME || number > LAST_REAL_TIME) return null;
  return number < 34 ? `SIG${number}` : number === 34 ? "SIGRTMIN" : `SIGRTMIN+${number - 34}`;
}

type CodeTable = Readonly<Record<number, readonly [name: string, description: string]>>;

/** Codes at or below 0, and SI_KERNEL: who sent it, whatever the signal. */
const senders: CodeTable = {
  128: ["SI_KERNEL", "sent by the kernel"],
  0: ["SI_USER", "sent by kill()"],
  [-1]: ["SI_QUEUE", "sent by sigqueue()"],
  [-2]: ["SI_TIMER", "sent by a timer"],
  [-3]: ["SI_MESGQ", "a message queue changed"],
  [-4]: ["SI_ASYNCIO", "asynchronous I/O ended"],
  [-5]: ["SI_SIGIO", "queued SIGIO"],
  [-6]: ["SI_TKILL", "sent by tkill() or raise()"],
  [-7]: ["SI_DETHREAD", "sent by execve() to other threads"],
  [-60]: ["SI_ASYNCNL", "a name lookup ended"],
};

const codes: Readonly<Record<number, CodeTable>> = {
  4: {
    1: ["ILL_ILLOPC", "illegal opcode"],
    2: ["ILL_ILLOPN", "illegal operand"],
    3: ["ILL_ILLADR", "illegal addressing mode"],
    4: ["ILL_ILLTRP", "illegal trap"],
    5: ["ILL_PRVOPC", "privileged opcode"],
    6: ["ILL_PRVREG", "privileged register"],
    7: ["ILL_COPROC", "coprocessor error"],
    8: ["ILL_BADSTK", "internal stack error"],
    9: ["ILL_BADIADDR", "unimplemented instruction address"],
  },
  5: {
    1: ["TRAP_BRKPT", "breakpoint"],
    2: ["TRAP_TRACE", "trace trap"],
    3: ["TRAP_BRANCH", "branch trap"],
    4: ["TRAP_HWBKPT", "hardware breakpoint or watchpoint"],
    5: ["TRAP_UNK", "undiagnosed trap"],
    6: ["TRAP_PERF", "performance event"],
  },
  7: {
    1: ["BUS_ADRALN", "misaligned address"],
    2: ["BUS_ADRERR", "beyond the end of a mapped file, or no such physical address"],
    3: ["BUS_OBJERR", "hardware error"],
    4: ["BUS_MCEERR_AR", "memory failed (machine check, action required)"],
    5: ["BUS_MCEERR_AO", "memory failed (machine check, action optional)"],
  },
  8: {
    1: ["FPE_INTDIV", "integer division by zero"],
    2: ["FPE_INTOVF", "integer overflow"],
    3: ["FPE_FLTDIV", "floating-point division by zero"],
    4: ["FPE_FLTOVF", "floating-point overflow"],
    5: ["FPE_FLTUND", "floating-point underflow"],
    6: ["FPE_FLTRES", "inexact floating-point result"],
    7: ["FPE_FLTINV", "invalid floating-point operation"],
    8: ["FPE_FLTSUB", "subscript out of range"],
    14: ["FPE_FLTUNK", "undiagnosed floating-point exception"],
    15: ["FPE_CONDTRAP", "trap on condition"],
  },
  11: {
    1: ["SEGV_MAPERR", "nothing is mapped there"],
    2: ["SEGV_ACCERR", "the mapping does not allow it"],
    3: ["SEGV_BNDERR", "bounds check failed"],
    4: ["SEGV_PKUERR", "a memory protection key forbids it"],
    5: ["SEGV_ACCADI", "ADI not enabled there"],
    6: ["SEGV_ADIDERR", "ADI mismatch, disrupting"],
    7: ["SEGV_ADIPERR", "ADI mismatch, precise"],
    8: ["SEGV_MTEAERR", "memory tag mismatch, asynchronous"],
    9: ["SEGV_MTESERR", "memory tag mismatch"],
    10: ["SEGV_CPERR", "control protection violated (shadow stack)"],
  },
  31: { 1: ["SYS_SECCOMP", "a seccomp filter forbids the call"], 2: ["SYS_USER_DISPATCH", "user dispatch of a system call"] },
};

const codeRow = (signal: number, code: number) => senders[code] ?? codes[signal]?.[code];

/** `SEGV_MAPERR`; the number as text when it has no name. */
export const codeName = (signal: number, code: number): string => codeRow(signal, code)?.[0] ?? String(code);

/** Sent by a process, so that si_pid and si_uid mean something: kill, tkill, sigqueue. */
export const isSent = (code: number): boolean => code === 0 || code === -1 || code === -6;

/** True when the kernel raised it for an instruction of the thread, so that si_addr means something. */
export const hasAddress = (signal: number, code: number): boolean => code > 0 && code !== 128 && [4, 5, 7, 8, 11].includes(signal);

/** `segmentation fault: nothing is mapped there`. */
export function describeSignal(signal: number, code: number | null): string | null {
  const [name, what] = signals[signal] ?? [null, null];
  const base = what ?? signalName(signal);
  if (name === null || code === null) return base;
  if (name === "SIGSEGV" && code === 128) return `${base}: the address is not canonical (it cannot be one), or the processor does not tell it`;
  const why = codeRow(signal, code)?.[1];
  return why === undefined ? base : `${base}: ${why}`;
}
