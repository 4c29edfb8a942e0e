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

/** Of thousands a few are asked for, so a name stays where it is in `.dynstr` until then. */
interface Span {
  readonly from: number;
  readonly to: number;
  readonly name: number;
}

export interface ExportedNames {
  /** The function that covers this address, relative to the load bias; null when none says that it does. */
  at(offset: bigint): string | null;
}

/** Several names of one function: the one without leading underscores, then the shortest, then the first by code units. */
function preferred(one: string, other: string): number {
  const underscores = Number(one.startsWith("_")) - Number(other.startsWith("_"));
  return underscores || one.length - other.length || (one < other ? -1 : 1);
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
  const all: Span[] = [];
  for (let at = entry; at + entry <= fields.length; at += entry) {
    // Elf64_Sym: st_name, st_info, st_other, st_shndx, st_value, st_size; Elf32_Sym has value and size before st_info.
    const info = fields.u16(wide ? at + 4 : at + 12) & 0xff;
    const type = (header.byteOrder === "little" ? info : fields.u16(wide ? at + 4 : at + 12) >> 8) & 0xf;
    const shndx = fields.u16(wide ? at + 6 : at + 14);
    if ((type !== STT_FUNC && type !== STT_GNU_IFUNC) || shndx === 0) continue;
    const from = fields.size(wide ? at + 8 : at + 4);
    all.push({ from, to: from + fields.size(wide ? at + 16 : at + 8), name: fields.u32(at) });
  }
  return {
    at: (offset) => {
      const address = Number(offset);
      const covering = all.filter(({ from, to }) => address >= from && address < to);
      const named = covering.map(({ from, name }) => ({ from, name: textAt(names, name, 1024) })).filter(({ name }) => name !== "");
      return named.toSorted((one, other) => one.from - other.from || preferred(one.name, other.name))[0]?.name ?? null;
    },
  };
}
