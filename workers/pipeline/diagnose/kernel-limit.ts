/** Signals by which the kernel enforces a limit: of processor time, of a file's size, of the system calls that are allowed. */
import type { Finding } from "./evidence.ts";

/** RLIMIT_CPU: the kernel itself sends SIGXCPU when the soft limit is reached (kernel/time/posix-cpu-timers.c). */
export const cpuLimit: Finding = ({ core, site: { signal } }) => {
  if (signal?.name !== "SIGXCPU" || signal.code !== "SI_KERNEL") return null;
  return {
    code: "cpu_limit",
    title: "The process used up its processor time",
    detail: "The kernel ended it at the soft limit of RLIMIT_CPU (ulimit -t). The stacks show where it was when the time was up, not what used it.",
    confidence: "certain",
    lwp: core.crashedLwp,
    evidence: { signal: signal.name, code: signal.code },
    links: [],
  };
};

const fileTooLarge = (1n << 64n) - 27n;

/** RLIMIT_FSIZE: a write that went beyond it fails with EFBIG and sends SIGXFSZ, which looks as if the process had sent it to itself. */
export const fileSizeLimit: Finding = ({ core, site: { signal, registers } }) => {
  const result = registers["rax"] ?? registers["x0"];
  if (signal?.name !== "SIGXFSZ" || result === undefined || BigInt(result) !== fileTooLarge) return null;
  return {
    code: "file_size_limit",
    title: "A file grew beyond the limit for files",
    detail:
      "A write or truncate returned EFBIG and the kernel sent SIGXFSZ: RLIMIT_FSIZE (ulimit -f) is reached. CPython ignores this signal unless it was told otherwise.",
    confidence: "certain",
    lwp: core.crashedLwp,
    evidence: { signal: signal.name, result },
    links: [],
  };
};

/** A seccomp filter that traps: a container's or a sandbox's. */
export const systemCallRefused: Finding = ({ core, site: { signal, registers } }) => {
  if (signal?.name !== "SIGSYS" || signal.code !== "SYS_SECCOMP") return null;
  // The kernel rolls the call back: on x86 its number stands in rax again.
  const word = registers["rax"] ?? registers["x8"] ?? registers["eax"];
  const number = word === undefined ? null : Number(BigInt.asIntN(32, BigInt(word)));
  return {
    code: "system_call_refused",
    title: `A system call is forbidden here${number === null ? "" : `: number ${number} of ${core.machine}`}`,
    detail:
      "A seccomp filter of the container, the service manager or the program itself ended the process instead of letting the call through. Allow the call, or use a library that does without it.",
    confidence: "certain",
    lwp: core.crashedLwp,
    evidence: { signal: signal.name, code: signal.code, number },
    links: [],
  };
};
