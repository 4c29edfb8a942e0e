/**
 * The functions that a file exports (`.dynsym`), by address.
 *
 * Unlike the names of a symbol table these survive stripping, so they are the same for every copy of a build.
 */
import type { ByteSource } from "./byte-source.ts";
import { parseElfHeader } from "./elf-header.ts";
import { fieldsOf, textAt } from "./fields.ts";
import { readSections } from "./sections.ts";

const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;
const MOST_SYMBOL_BYTES = 8 << 20;
const MOST_NAME_BYTES = 16 << 20;

interface Exported {
  readonly from: bigint;
  readonly to: bigint;
  readonly name: string;
}

export interface ExportedNames {
  /** The function that covers this address, relative to the load bias; null when none says that it does. */
  at(offset: bigint): string | null;
}

/** Several names of one function: the one without leading underscores, then the shortest, then the first by code units. */
function preferred(one: Exported, other: Exported): number {
  const underscores = Number(one.name.startsWith("_")) - Number(other.name.startsWith("_"));
  return underscores || one.name.length - other.name.length || (one.name < other.name ? -1 : 1);
}

export async function readExportedNames(source: ByteSource): Promise<ExportedNames> {
  const header = parseElfHeader(await source.read(0, 1024));
  if (header === null) return { at: () => null };
  const sections = await readSections(source, header);
  const symbols = sections.find((section) => section.name === ".dynsym");
  const strings = sections.find((section) => section.name === ".dynstr");
  if (symbols === undefined || strings === undefined) return { at: () => null };
  const fields = fieldsOf(await source.read(symbols.offset, Math.min(symbols.size, MOST_SYMBOL_BYTES)), header);
  const names = await source.read(strings.offset, Math.min(strings.size, MOST_NAME_BYTES));
  const wide = header.bits === 64;
  const entry = wide ? 24 : 16;
  const all: Exported[] = [];
  for (let at = entry; at + entry <= fields.length; at += entry) {
    // Elf64_Sym: st_name, st_info, st_other, st_shndx, st_value, st_size; Elf32_Sym has value and size before st_info.
    const info = fields.u16(wide ? at + 4 : at + 12) & 0xff;
    const type = (header.byteOrder === "little" ? info : fields.u16(wide ? at + 4 : at + 12) >> 8) & 0xf;
    const shndx = fields.u16(wide ? at + 6 : at + 14);
    const from = fields.word(wide ? at + 8 : at + 4);
    const size = fields.word(wide ? at + 16 : at + 8);
    if ((type !== STT_FUNC && type !== STT_GNU_IFUNC) || shndx === 0 || size === 0n) continue;
    const name = textAt(names, fields.u32(at), 1024);
    if (name !== "") all.push({ from, to: from + size, name });
  }
  all.sort((one, other) => (one.from < other.from ? -1 : one.from > other.from ? 1 : preferred(one, other)));
  return { at: (offset) => all.find((each) => offset >= each.from && offset < each.to)?.name ?? null };
}
