/** Program headers (`Elf32_Phdr`, `Elf64_Phdr`), from a file or from the first page of a mapped one. */
import type { ByteSource } from "./byte-source.ts";
import type { ElfHeader } from "./elf-header.ts";
import { type ElfForm, fieldsOf } from "./fields.ts";

export const PT_LOAD = 1;
export const PT_DYNAMIC = 2;
export const PT_INTERP = 3;
export const PT_NOTE = 4;
export const PT_PHDR = 6;

export const PF_X = 1;
export const PF_W = 2;
export const PF_R = 4;

/** `e_phnum` when the true count is in section header 0's `sh_info`. */
const PN_XNUM = 0xffff;
/** Linux maps at most 65,530 ranges by default; some systems raise it. */
const MOST_HEADERS = 262_144;

export interface ProgramHeader {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly vaddr: bigint;
  readonly filesz: number;
  readonly memsz: bigint;
  readonly align: bigint;
}

export const programHeaderSize = (form: ElfForm) => (form.bits === 64 ? 56 : 32);

export function parseProgramHeaders(bytes: Buffer, form: ElfForm, entrySize: number, count: number): ProgramHeader[] {
  const fields = fieldsOf(bytes, form);
  const size = programHeaderSize(form);
  const headers: ProgramHeader[] = [];
  for (let index = 0; index < count && index * entrySize + size <= bytes.length; index += 1) {
    const at = index * entrySize;
    headers.push(
      form.bits === 64
        ? {
            type: fields.u32(at),
            flags: fields.u32(at + 4),
            offset: fields.size(at + 8),
            vaddr: fields.word(at + 16),
            filesz: fields.size(at + 32),
            memsz: fields.word(at + 40),
            align: fields.word(at + 48),
          }
        : {
            type: fields.u32(at),
            offset: fields.size(at + 4),
            vaddr: fields.word(at + 8),
            filesz: fields.size(at + 16),
            memsz: fields.word(at + 20),
            flags: fields.u32(at + 24),
            align: fields.word(at + 28),
          },
    );
  }
  return headers;
}

/** `promised` is what the file's header says; fewer `headers` mean a truncated file, or more than we read. */
export interface ProgramHeaders {
  readonly headers: readonly ProgramHeader[];
  readonly promised: number;
}

export async function readProgramHeaders(source: ByteSource, header: ElfHeader): Promise<ProgramHeaders> {
  const promised = header.phnum === PN_XNUM ? await extendedCount(source, header) : header.phnum;
  if (header.phentsize < programHeaderSize(header)) return { headers: [], promised };
  const count = Math.min(promised, MOST_HEADERS);
  const bytes = await source.read(header.phoff, count * header.phentsize);
  return { headers: parseProgramHeaders(bytes, header, header.phentsize, count), promised };
}

async function extendedCount(source: ByteSource, header: ElfHeader): Promise<number> {
  if (header.shoff === 0) return PN_XNUM;
  const section = fieldsOf(await source.read(header.shoff, 64), header);
  const info = section.u32(header.bits === 64 ? 44 : 28); // sh_info
  return info === 0 ? PN_XNUM : info;
}
