/**
 * System calls that a debugger of core files never needs, by number: a column for x86-64 (`asm/unistd_64.h`), one for aarch64
 * (`asm-generic/unistd.h`). Null where the machine has no such call.
 */
export type Machine = "x64" | "arm64";

interface Call {
  readonly name: string;
  readonly x64: number | null;
  readonly arm64: number | null;
}

const call = (name: string, x64: number | null, arm64: number | null = x64): Call => ({ name, x64, arm64 });

/** Answered with EPERM. */
export const deniedCalls: readonly Call[] = [
  // Other processes.
  call("ptrace", 101, 117),
  call("process_vm_readv", 310, 270),
  call("process_vm_writev", 311, 271),
  call("kcmp", 312, 272),
  call("pidfd_open", 434),
  call("pidfd_getfd", 438),
  call("process_madvise", 440),
  call("fork", 57, null),
  call("execveat", 322, 281),
  // Namespaces and file systems.
  call("unshare", 272, 97),
  call("setns", 308, 268),
  call("mount", 165, 40),
  call("umount2", 166, 39),
  call("pivot_root", 155, 41),
  call("chroot", 161, 51),
  call("open_tree", 428),
  call("move_mount", 429),
  call("fsopen", 430),
  call("fsconfig", 431),
  call("fsmount", 432),
  call("fspick", 433),
  call("mount_setattr", 442),
  call("name_to_handle_at", 303, 264),
  call("open_by_handle_at", 304, 265),
  call("fanotify_init", 300, 262),
  call("quotactl", 179, 60),
  call("acct", 163, 89),
  call("swapon", 167, 224),
  call("swapoff", 168, 225),
  // Anything that talks to somebody.
  call("socket", 41, 198),
  call("socketpair", 53, 199),
  call("shmget", 29, 194),
  call("semget", 64, 190),
  call("msgget", 68, 186),
  call("mq_open", 240, 180),
  // The kernel's large attack surfaces.
  call("bpf", 321, 280),
  call("perf_event_open", 298, 241),
  call("userfaultfd", 323, 282),
  call("io_uring_setup", 425),
  call("io_uring_enter", 426),
  call("io_uring_register", 427),
  call("add_key", 248, 217),
  call("request_key", 249, 218),
  call("keyctl", 250, 219),
  call("vmsplice", 278, 75),
  call("move_pages", 279, 239),
  call("migrate_pages", 256, 238),
  call("mbind", 237, 235),
  call("set_mempolicy", 238, 237),
  call("modify_ldt", 154, null),
  call("personality", 135, 92),
  call("lookup_dcookie", 212, 18),
  // The machine itself.
  call("init_module", 175, 105),
  call("finit_module", 313, 273),
  call("delete_module", 176, 106),
  call("kexec_load", 246, 104),
  call("kexec_file_load", 320, 294),
  call("reboot", 169, 142),
  call("sethostname", 170, 161),
  call("setdomainname", 171, 162),
  call("settimeofday", 164, 170),
  call("clock_settime", 227, 112),
  call("adjtimex", 159, 171),
  call("clock_adjtime", 305, 266),
  call("iopl", 172, null),
  call("ioperm", 173, null),
];

/** `clone` may start threads. `vfork` is allowed too: gdb tries to run `iconv` when it starts, and waits 15 s when it may not even try. */
export const cloneCall: Readonly<Record<Machine, number>> = { x64: 56, arm64: 220 };

/** Its flags are behind a pointer that a filter cannot follow; glibc falls back to `clone` when it is absent. */
export const clone3Call = 435;
