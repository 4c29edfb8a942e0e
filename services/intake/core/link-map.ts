/**
 * The modules of a core without NT_FILE (qemu, valgrind): the dynamic linker's own list.
 *
 * The executable's DT_DEBUG points to `struct r_debug`, whose `r_map` is a chain of `struct link_map` (link.h); glibc and
 * musl both keep it. Every pointer is the dead process's, so the walk is bounded and keeps a visited set.
 */
import { fieldsOf } from "../elf/fields.ts";
import { PT_LOAD, PT_PHDR, type ProgramHeader, parseProgramHeaders, programHeaderSize } from "../elf/program-headers.ts";
import type { AuxiliaryVector } from "./auxiliary-vector.ts";
import type { CoreMemory } from "./core-memory.ts";
import { type ElfImage, readDynamic, readElfImage } from "./elf-image.ts";
import { type FoundModule, moduleOf, pageCeil, pageFloor } from "./modules.ts";

const DT_DEBUG = 21;
const MOST_MODULES = 4096;
const MOST_IMAGES_TRIED = 4096;
const MOST_PATH = 4096;

type Loaded = Pick<ElfImage, "programHeaders" | "bias">;

/** The executable by AT_PHDR; without an auxiliary vector, the first dumped image that asks for a dynamic linker. */
async function findExecutable(memory: CoreMemory, auxv: AuxiliaryVector, loads: readonly ProgramHeader[]): Promise<Loaded | null> {
  const address = auxv.get("AT_PHDR");
  if (address !== undefined) return await byProgramHeaders(memory, auxv, address);
  for (const load of loads.slice(0, MOST_IMAGES_TRIED)) {
    const image = await readElfImage(memory, load.vaddr);
    if (image !== null && image !== "absent" && image.hasInterpreter) return image;
  }
  return null;
}

async function byProgramHeaders(memory: CoreMemory, auxv: AuxiliaryVector, address: bigint): Promise<Loaded | null> {
  const count = Math.min(Number(auxv.get("AT_PHNUM") ?? 0n), 512);
  const size = Math.max(programHeaderSize(memory), Math.min(Number(auxv.get("AT_PHENT") ?? 0n), 256));
  const bytes = count === 0 ? null : await memory.read(address, count * size);
  if (bytes === null) return null;
  const programHeaders = parseProgramHeaders(bytes, memory, size, count);
  const own = programHeaders.find((each) => each.type === PT_PHDR);
  return { programHeaders, bias: own === undefined ? 0n : BigInt.asUintN(memory.bits, address - own.vaddr) };
}

interface LinkMapEntry {
  readonly bias: bigint;
  readonly name: string;
  readonly next: bigint;
}

async function readEntry(memory: CoreMemory, address: bigint): Promise<LinkMapEntry | null> {
  const word = memory.bits / 8;
  const bytes = await memory.read(address, 4 * word); // l_addr, l_name, l_ld, l_next
  if (bytes === null) return null;
  const fields = fieldsOf(bytes, memory);
  const name = await memory.text(fields.word(word), MOST_PATH);
  return { bias: fields.word(0), name: name ?? "", next: fields.word(3 * word) };
}

/** File-backed ranges as the program headers say them, for want of NT_FILE. */
function rowsOf(loaded: Loaded, memory: CoreMemory) {
  return loaded.programHeaders
    .filter((each) => each.type === PT_LOAD && each.filesz > 0 && Number.isSafeInteger(each.filesz) && Number.isSafeInteger(each.offset))
    .map((each) => {
      const start = BigInt.asUintN(memory.bits, loaded.bias + each.vaddr);
      return { start: pageFloor(start), end: pageCeil(start + BigInt(each.filesz)), offset: Number(pageFloor(BigInt(each.offset))) };
    });
}

async function toModule(memory: CoreMemory, entry: LinkMapEntry, path: string, executable: Loaded | null): Promise<FoundModule | null> {
  const rows = executable === null ? [] : rowsOf(executable, memory);
  const base = executable === null ? entry.bias : rows.find((row) => row.offset === 0)?.start;
  const found = base === undefined ? null : await readElfImage(memory, base);
  const image = found === "absent" ? null : found;
  if (executable !== null) return moduleOf(path, rows, image);
  if (image !== null) return moduleOf(path, rowsOf(image, memory), image);
  const segment = memory.segmentAt(entry.bias);
  return segment === null ? null : moduleOf(path, [{ start: segment.vaddr, end: segment.vaddr + segment.memsz, offset: 0 }], null);
}

/** Modules in the linker's order, the executable first. `executablePath` names the first entry, whose own name is empty. */
export async function walkLinkMap(
  memory: CoreMemory,
  auxv: AuxiliaryVector,
  loads: readonly ProgramHeader[],
  executablePath: string | null,
): Promise<readonly FoundModule[]> {
  const executable = await findExecutable(memory, auxv, loads);
  if (executable === null) return [];
  const debug = (await readDynamic(memory, executable)).get(DT_DEBUG);
  let address = debug === undefined || debug === 0n ? null : await memory.word(debug + BigInt(memory.bits / 8)); // r_map
  const modules: FoundModule[] = [];
  const visited = new Set<bigint>();
  while (address !== null && address !== 0n && !visited.has(address) && visited.size < MOST_MODULES) {
    const first = visited.size === 0;
    visited.add(address);
    const entry = await readEntry(memory, address);
    if (entry === null) break;
    const path = entry.name !== "" ? entry.name : first ? executablePath : null;
    const module = path === null ? null : await toModule(memory, entry, path, first ? executable : null);
    if (module !== null) modules.push(module);
    address = entry.next;
  }
  return modules;
}
