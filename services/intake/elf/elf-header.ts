/** The ELF header (`Elf32_Ehdr`, `Elf64_Ehdr` of elf.h) and the names of its numbers. */
import { type ElfForm, fieldsOf } from "./fields.ts";

export const ELF_MAGIC = Buffer.from("\x7fELF", "latin1");

export const ET_REL = 1;
export const ET_EXEC = 2;
export const ET_DYN = 3;
export const ET_CORE = 4;

export interface ElfHeader extends ElfForm {
  /** ET_… */
  readonly type: number;
  /** `e_machine`. */
  readonly machine: number;
  readonly entry: bigint;
  /** File offset, entry size and count of the program headers; the count may be PN_XNUM. */
  readonly phoff: number;
  readonly phentsize: number;
  readonly phnum: number;
  readonly shoff: number;
  readonly shentsize: number;
  readonly shnum: number;
  readonly shstrndx: number;
}

const machines: Readonly<Record<number, string>> = {
  2: "sparc",
  3: "i386",
  4: "m68k",
  8: "mips",
  15: "hppa",
  20: "ppc",
  21: "ppc64",
  22: "s390x",
  40: "arm",
  42: "sh",
  43: "sparc64",
  50: "ia64",
  62: "x86_64",
  183: "aarch64",
  243: "riscv",
  258: "loongarch",
};

export const EM_MIPS = 8;
export const EM_X86_64 = 62;
export const EM_386 = 3;

/** `x86_64`, `i386`, `aarch64`, `arm`, `riscv64`, …; `em_N` for what has no name here. */
export function machineName(header: Pick<ElfHeader, "machine" | "bits">): string {
  const name = machines[header.machine] ?? `em_${header.machine}`;
  if (name === "riscv" || name === "loongarch") return name + header.bits;
  if (name === "s390x" && header.bits === 32) return "s390";
  return name === "mips" && header.bits === 64 ? "mips64" : name;
}

/** The header at the start of `bytes`; null when they are no ELF, of an unknown class or byte order, or too short. */
export function parseElfHeader(bytes: Buffer): ElfHeader | null {
  if (bytes.length < 52 || !bytes.subarray(0, 4).equals(ELF_MAGIC)) return null;
  const bits = bytes[4] === 1 ? 32 : bytes[4] === 2 ? 64 : null;
  const byteOrder = bytes[5] === 1 ? "little" : bytes[5] === 2 ? "big" : null;
  if (bits === null || byteOrder === null || (bits === 64 && bytes.length < 64)) return null;
  const fields = fieldsOf(bytes, { bits, byteOrder });
  const word = bits / 8;
  const tail = 24 + 3 * word + 4; // e_flags ends here
  return {
    bits,
    byteOrder,
    type: fields.u16(16),
    machine: fields.u16(18),
    entry: fields.word(24),
    phoff: fields.size(24 + word),
    shoff: fields.size(24 + 2 * word),
    phentsize: fields.u16(tail + 2),
    phnum: fields.u16(tail + 4),
    shentsize: fields.u16(tail + 6),
    shnum: fields.u16(tail + 8),
    shstrndx: fields.u16(tail + 10),
  };
}
