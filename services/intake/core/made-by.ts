/**
 * Which program wrote the core, told by what only that program does.
 *
 * - gdb (gcore): a note of owner `GDB` (NT_GDB_TDESC, since gdb 12); before that, NT_PRPSINFO as the first note together
 *   with section headers, which BFD writes and the kernel does not.
 * - kernel: NT_PRSTATUS first, then NT_PRPSINFO; NT_AUXV is always there (fs/binfmt_elf.c).
 * - valgrind: no auxiliary vector, and its own preloaded library among the modules (coredump-elf.c).
 * - qemu-user: the kernel's order with NT_AUXV, without NT_SIGINFO and NT_FILE (linux-user/elfload.c).
 */
import { NT_AUXV, NT_FILE, NT_PRPSINFO, NT_PRSTATUS, NT_SIGINFO, type CoreNotes } from "./core-notes.ts";
import type { CoreFacts, CoreModule } from "./core-facts.ts";

export function guessMaker(notes: CoreNotes, hasSections: boolean, modules: readonly CoreModule[]): CoreFacts["madeBy"] {
  const has = (type: number) => notes.all.some((note) => note.name === "CORE" && note.type === type);
  const [first, second] = notes.all;
  if (notes.all.some((note) => note.name === "GDB")) return "gcore";
  if (first?.name !== "CORE") return "unknown";
  if (!has(NT_AUXV) && modules.some((module) => module.path.includes("/vgpreload_"))) return "valgrind";
  if (first.type === NT_PRPSINFO && hasSections) return "gcore";
  if (first.type === NT_PRSTATUS && second?.type === NT_PRPSINFO && has(NT_AUXV)) return has(NT_FILE) || has(NT_SIGINFO) ? "kernel" : "qemu";
  return "unknown";
}
