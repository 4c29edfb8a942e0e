/** What we need of a file's dynamic section: the soname and DT_FLAGS_1. */
import type { ByteSource } from "../elf/byte-source.ts";
import { type ElfForm, fieldsOf, textAt } from "../elf/fields.ts";
import { PT_DYNAMIC, PT_LOAD, type ProgramHeader } from "../elf/program-headers.ts";

const DT_STRTAB = 5;
const DT_SONAME = 14;
const DT_FLAGS_1 = 0x6ffffffb;
export const DF_1_PIE = 0x08000000;

const MOST_BYTES = 64 * 1024;
const MOST_NAME = 1024;

export interface DynamicFacts {
  readonly soname: string | null;
  readonly flags1: number;
}

export const noDynamic: DynamicFacts = { soname: null, flags1: 0 };

export async function readDynamicFacts(source: ByteSource, form: ElfForm, headers: readonly ProgramHeader[]): Promise<DynamicFacts> {
  const segment = headers.find((each) => each.type === PT_DYNAMIC);
  if (segment === undefined) return noDynamic;
  const bytes = await source.read(segment.offset, Math.min(segment.filesz, MOST_BYTES));
  const fields = fieldsOf(bytes, form);
  const word = form.bits / 8;
  const values = new Map<number, bigint>();
  for (let at = 0; at + 2 * word <= bytes.length; at += 2 * word) {
    const tag = Number(fields.word(at));
    if (tag === 0) break;
    if (!values.has(tag)) values.set(tag, fields.word(at + word));
  }
  return { soname: await readSoname(source, headers, values), flags1: Number((values.get(DT_FLAGS_1) ?? 0n) & 0xffffffffn) };
}

async function readSoname(source: ByteSource, headers: readonly ProgramHeader[], values: ReadonlyMap<number, bigint>): Promise<string | null> {
  const [name, strings] = [values.get(DT_SONAME), values.get(DT_STRTAB)];
  if (name === undefined || strings === undefined) return null;
  const address = strings + name;
  const load = headers.find((each) => each.type === PT_LOAD && address >= each.vaddr && address < each.vaddr + BigInt(each.filesz));
  if (load === undefined) return null;
  return textAt(await source.read(load.offset + Number(address - load.vaddr), MOST_NAME), 0) || null;
}
