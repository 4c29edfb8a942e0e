/** An ELF file as the process had it mapped: headers, load bias, build-id, dynamic section; from dumped pages only. */
import { type ElfHeader, parseElfHeader } from "../elf/elf-header.ts";
import { headDigest } from "../elf/file-head.ts";
import { fieldsOf } from "../elf/fields.ts";
import { findBuildId, parseNotes } from "../elf/notes.ts";
import { PF_W, PF_X, PT_DYNAMIC, PT_INTERP, PT_LOAD, PT_NOTE, type ProgramHeader, parseProgramHeaders, programHeaderSize } from "../elf/program-headers.ts";
import type { CoreMemory } from "./core-memory.ts";

const PAGE = 4096;
const MOST_PROGRAM_HEADERS = 512;
const MOST_NOTE_BYTES = 16 * 1024;
const MOST_DYNAMIC_ENTRIES = 1024;

export interface ElfImage {
  readonly header: ElfHeader;
  readonly programHeaders: readonly ProgramHeader[];
  /** What is added to a `p_vaddr` to get an address. */
  readonly bias: bigint;
  readonly start: bigint;
  /** End of the last PT_LOAD in memory. */
  readonly end: bigint;
  readonly buildId: string | null;
  /** SHA-256 of the first page; null where it was not dumped whole, or the process may have written to it. */
  readonly head: string | null;
  readonly hasInterpreter: boolean;
  /** The headers promise code, so a mapping without execute permission is no loaded module. */
  readonly hasCode: boolean;
}

const wrap = (address: bigint, memory: CoreMemory) => BigInt.asUintN(memory.bits, address);

/** The image whose file offset 0 is mapped at `base`; `absent` when that page was not dumped, null when it is no ELF. */
export async function readElfImage(memory: CoreMemory, base: bigint): Promise<ElfImage | "absent" | null> {
  const page = await memory.readUpTo(base, PAGE);
  if (page === null) return "absent";
  const header = parseElfHeader(page);
  if (header === null || header.bits !== memory.bits || header.byteOrder !== memory.byteOrder) return null;
  if (header.phentsize < programHeaderSize(header) || header.phnum === 0 || header.phnum > MOST_PROGRAM_HEADERS) return null;
  const size = header.phnum * header.phentsize;
  const bytes = header.phoff + size <= page.length ? page.subarray(header.phoff, header.phoff + size) : await memory.read(base + BigInt(header.phoff), size);
  return bytes === null ? "absent" : imageOf(memory, base, header, parseProgramHeaders(bytes, header, header.phentsize, header.phnum), page);
}

async function imageOf(memory: CoreMemory, base: bigint, header: ElfHeader, programHeaders: readonly ProgramHeader[], page: Buffer): Promise<ElfImage | null> {
  const loads = programHeaders.filter((each) => each.type === PT_LOAD && each.memsz > 0n);
  const first = loads.reduce<ProgramHeader | null>((least, each) => (least === null || each.offset < least.offset ? each : least), null);
  if (first === null || !Number.isSafeInteger(first.offset)) return null;
  const bias = wrap(base - first.vaddr + BigInt(first.offset), memory);
  const last = loads.reduce((most, each) => (each.vaddr + each.memsz > most ? each.vaddr + each.memsz : most), 0n);
  const image = { header, programHeaders, bias, start: base, end: wrap(bias + last, memory) };
  return {
    ...image,
    buildId: await readBuildId(memory, programHeaders, bias),
    head: (first.flags & PF_W) === 0 ? headDigest(page, header) : null,
    hasInterpreter: programHeaders.some((each) => each.type === PT_INTERP),
    hasCode: loads.some((each) => (each.flags & PF_X) !== 0),
  };
}

async function readBuildId(memory: CoreMemory, programHeaders: readonly ProgramHeader[], bias: bigint): Promise<string | null> {
  for (const segment of programHeaders) {
    if (segment.type !== PT_NOTE) continue;
    const bytes = await memory.readUpTo(wrap(bias + segment.vaddr, memory), Math.min(segment.filesz, MOST_NOTE_BYTES));
    const buildId = bytes === null ? null : findBuildId(parseNotes(bytes, memory, segment.align === 8n ? 8 : 4));
    if (buildId !== null) return buildId;
  }
  return null;
}

/** The dynamic section by tag, first entry of each; empty when absent. */
export async function readDynamic(memory: CoreMemory, image: Pick<ElfImage, "programHeaders" | "bias">): Promise<ReadonlyMap<number, bigint>> {
  const values = new Map<number, bigint>();
  const segment = image.programHeaders.find((each) => each.type === PT_DYNAMIC);
  if (segment === undefined) return values;
  const word = memory.bits / 8;
  const length = Math.min(Number(segment.memsz), MOST_DYNAMIC_ENTRIES * 2 * word);
  const bytes = await memory.readUpTo(wrap(image.bias + segment.vaddr, memory), length);
  if (bytes === null) return values;
  const fields = fieldsOf(bytes, memory);
  for (let at = 0; at + 2 * word <= bytes.length; at += 2 * word) {
    const tag = Number(fields.word(at));
    if (tag === 0) break;
    if (!values.has(tag)) values.set(tag, fields.word(at + word));
  }
  return values;
}
