/**
 * What a core tells of itself, read from its headers, its notes and a few of its dumped pages; plain data that survives
 * JSON. Addresses are lower-case hex strings, sizes and file offsets bytes. Everything in it was chosen by whoever made
 * the core: paths and names are for showing and matching, never for opening.
 */
import type { StartingVariable } from "./environment.ts";
import type { Signal, Warning } from "../../contract/report.ts";

/** `x86_64`, `i386`, `aarch64`, `arm`, `riscv64`, `ppc64`, `s390x`, …; `em_N` for a machine without a name here. */
export type Machine = string;

export interface CoreSignal extends Omit<Signal, "pc"> {
  /** si_code as the number it is. */
  readonly code_number: number | null;
  /** Of signals that a process sent. */
  readonly sender_uid: number | null;
}

export interface CoreThread {
  readonly lwp: number;
  /** `pr_cursig` of this thread's NT_PRSTATUS; 0 when none. */
  readonly signal: number;
}

/** One PT_LOAD. `fileSize` below `size` means that the rest was not dumped, not that it is zero. */
export interface CoreSegment {
  readonly start: string;
  readonly end: string;
  readonly offset: number;
  /** Bytes that the header says are in the file. */
  readonly fileSize: number;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly executable: boolean;
}

/** One row of NT_FILE: `offset` is where in the file this range begins. */
export interface CoreMapping {
  readonly start: string;
  readonly end: string;
  readonly offset: number;
}

/** A mapped ELF file. Mapped data files (locale archives, caches) are in `otherFiles`. */
export interface CoreModule {
  /** As the crashed process mapped it, without a trailing ` (deleted)`. */
  readonly path: string;
  /** The file was unlinked or replaced while it was mapped. */
  readonly deleted: boolean;
  /** Lower-case hex, from the dumped first page; null when that page is absent or tells none. */
  readonly buildId: string | null;
  /** SHA-256 of the first page, for files that tell no build-id; null when that page is absent or may have been written to. */
  readonly head: string | null;
  readonly start: string;
  readonly end: string;
  /** Of NT_FILE, lowest first; of a core without it, one row made from the link map. */
  readonly mappings: readonly CoreMapping[];
  readonly kind: "executable" | "library" | "interpreter" | "vdso" | "unknown";
}

export interface CoreFacts {
  readonly machine: Machine;
  /** Address size: 32 or 64. */
  readonly bits: 32 | 64;
  readonly byteOrder: "little" | "big";
  /** Of the file. */
  readonly size: number;
  readonly madeBy: "kernel" | "gcore" | "valgrind" | "qemu" | "unknown";
  /** The process lived on: gcore, or a core without a signal. */
  readonly processAlive: boolean;
  readonly pid: number | null;
  readonly uid: number | null;
  readonly gid: number | null;
  /** `pr_fname`: at most 15 bytes of the program's name. */
  readonly name: string | null;
  /** Path of the module that holds AT_ENTRY, else AT_PHDR, else AT_EXECFN's text. */
  readonly executable: string | null;
  /** Last part of `executable`, else `name`. */
  readonly executableName: string | null;
  readonly commandLine: readonly string[] | null;
  /** `stack`: the whole argv; `psargs`: the kernel's first 79 bytes, split at blanks; null when there is none. */
  readonly commandLineSource: "stack" | "psargs" | null;
  /** As the process was started with it; null when the stack does not hold it. */
  readonly environment: readonly StartingVariable[] | null;
  readonly signal: CoreSignal | null;
  /** LWP of the first NT_PRSTATUS: the thread that the signal ended, by the kernel's and gcore's convention. */
  readonly crashedLwp: number | null;
  readonly threads: readonly CoreThread[];
  /** NT_AUXV by name, addresses as hex: `AT_ENTRY`, `AT_PHDR`, `AT_BASE`, `AT_SYSINFO_EHDR`, `AT_EXECFN`, … */
  readonly auxv: Readonly<Record<string, string>>;
  /** AT_PLATFORM's text, such as `x86_64`. */
  readonly platform: string | null;
  readonly segments: readonly CoreSegment[];
  readonly modules: readonly CoreModule[];
  /** Mapped files that are no ELF as far as the core tells. */
  readonly otherFiles: readonly { readonly path: string; readonly start: string; readonly end: string; readonly offset: number }[];
  /** `start` of the modules whose code the threads' stacks mention, in the order of reading; null when it cannot be told. */
  readonly codeOnStacks: readonly string[] | null;
  /** Where `modules` came from. */
  readonly modulesSource: "nt_file" | "link_map" | null;
  /** Bytes that the headers promise and the file lacks; 0 for a whole core. */
  readonly missingBytes: number;
  readonly warnings: readonly Warning[];
}
