/** Section headers (`Elf32_Shdr`, `Elf64_Shdr`) of a file. */
import type { ByteSource } from "./byte-source.ts";
import type { ElfHeader } from "./elf-header.ts";
import { fieldsOf, textAt } from "./fields.ts";

export const SHT_SYMTAB = 2;
export const SHT_NOTE = 7;
export const SHT_NOBITS = 8;
export const SHF_ALLOC = 2;

const SHN_XINDEX = 0xffff;
const MOST_SECTIONS = 65_536;
const MOST_NAME_BYTES = 4 << 20;

export interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags: bigint;
  readonly offset: number;
  readonly size: number;
  readonly align: number;
}

type RawSection = Omit<Section, "name"> & { readonly nameAt: number; readonly link: number };

function parseSection(bytes: Buffer, at: number, header: ElfHeader): RawSection {
  const fields = fieldsOf(bytes, header);
  const word = header.bits / 8;
  const rest = at + 8 + 4 * word; // behind sh_name, sh_type, sh_flags, sh_addr, sh_offset, sh_size
  return {
    nameAt: fields.u32(at),
    type: fields.u32(at + 4),
    flags: fields.word(at + 8),
    offset: fields.size(at + 8 + 2 * word),
    size: fields.size(at + 8 + 3 * word),
    link: fields.u32(rest),
    align: fields.size(rest + 8),
  };
}

/** All sections with their names; empty when the file has none or they lie beyond its end. */
export async function readSections(source: ByteSource, header: ElfHeader): Promise<readonly Section[]> {
  const entrySize = header.bits === 64 ? 64 : 40;
  if (header.shoff === 0 || header.shentsize < entrySize) return [];
  const first = await source.read(header.shoff, entrySize);
  if (first.length < entrySize) return [];
  const zero = parseSection(first, 0, header);
  const count = Math.min(header.shnum === 0 ? zero.size : header.shnum, MOST_SECTIONS);
  const bytes = await source.read(header.shoff, count * header.shentsize);
  const raw: RawSection[] = [];
  for (let at = 0; at + entrySize <= bytes.length; at += header.shentsize) raw.push(parseSection(bytes, at, header));
  const names = raw[header.shstrndx === SHN_XINDEX ? zero.link : header.shstrndx];
  const text = names === undefined ? Buffer.alloc(0) : await source.read(names.offset, Math.min(names.size, MOST_NAME_BYTES));
  return raw.map(({ type, flags, offset, size, align, nameAt }) => ({ name: textAt(text, nameAt, 256), type, flags, offset, size, align }));
}
