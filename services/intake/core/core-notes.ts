/**
 * The notes of a Linux core, by type, in file order.
 *
 * The kernel writes the crashed thread's NT_PRSTATUS first, then NT_PRPSINFO, NT_SIGINFO, NT_AUXV, NT_FILE, that thread's
 * other registers, then one NT_PRSTATUS for each other thread (fs/binfmt_elf.c). gdb's gcore begins with NT_PRPSINFO
 * (linux-tdep.c). Notes may lie in more than one segment.
 */
import type { ByteSource } from "../elf/byte-source.ts";
import type { ElfForm } from "../elf/fields.ts";
import { type Note, parseNotes } from "../elf/notes.ts";
import type { ProgramHeader } from "../elf/program-headers.ts";

export const NT_PRSTATUS = 1;
export const NT_PRPSINFO = 3;
export const NT_AUXV = 6;
export const NT_FILE = 0x46494c45;
export const NT_SIGINFO = 0x53494749;

/** Beyond this the notes of a process with tens of thousands of threads are cut. */
const MOST_NOTE_BYTES = 64 << 20;
const MOST_NOTES = 500_000;

export interface CoreNotes {
  /** Of owner CORE (and LINUX, GDB), in file order. */
  readonly all: readonly Note[];
  /** The descriptions of all notes of one CORE type. */
  of(type: number): readonly Buffer[];
  /** False when the file or the cap ended before the notes did. */
  readonly whole: boolean;
}

export async function readCoreNotes(source: ByteSource, form: ElfForm, segments: readonly ProgramHeader[]): Promise<CoreNotes> {
  const all: Note[] = [];
  let left = MOST_NOTE_BYTES;
  let whole = true;
  for (const segment of segments) {
    const bytes = await readAll(source, segment.offset, Math.min(segment.filesz, left));
    left -= bytes.length;
    if (bytes.length < segment.filesz) whole = false;
    for (const note of parseNotes(bytes, form)) {
      if (all.length >= MOST_NOTES) whole = false;
      else all.push(note);
    }
  }
  return { all, whole, of: (type) => all.filter((note) => note.name === "CORE" && note.type === type).map((note) => note.desc) };
}

/** One read is cut at 16 MiB; notes may be longer. */
async function readAll(source: ByteSource, offset: number, length: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let got = 0;
  while (got < length) {
    const part = await source.read(offset + got, length - got);
    if (part.length === 0) break;
    parts.push(part);
    got += part.length;
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
}
