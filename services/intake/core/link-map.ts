/**
 * The modules of a core without NT_FILE (qemu, valgrind): the dynamic linker's own list.
 *
 * The executable's DT_DEBUG points to `struct r_debug`, whose `r_map` is a chain of `struct link_map` (link.h); glibc and
 * musl both keep it. Every pointer is the dead process's, so the walk is bounded and keeps a visited set.
 */
import { PT_LOAD, PT_PHDR, type ProgramHeader, parseProgramHeaders, programHeaderSize } from "../elf/program-headers.ts";
import type { AuxiliaryVector } from "./auxiliary-vector.ts";
import type { CoreMemory } from "./core-memory.ts";
import { readLinkMapEntry, scanForList } from "./link-map-entry.ts";
import { type ElfImage, readDynamic, readElfImage } from "./elf-image.ts";
import { type FoundModule, moduleOf, pageCeil, pageFloor } from "./modules.ts";

const DT_DEBUG = 21;
const MOST_MODULES = 4096;
const MOST_IMAGES_TRIED = 4096;

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

/** File-backed ranges as the program headers say them, for want of NT_FILE. */
function rowsOf(loaded: Loaded, memory: CoreMemory) {
  return loaded.programHeaders
    .filter((each) => each.type === PT_LOAD && each.filesz > 0 && Number.isSafeInteger(each.filesz) && Number.isSafeInteger(each.offset))
    .map((each) => {
      const start = BigInt.asUintN(memory.bits, loaded.bias + each.vaddr);
      return { start: pageFloor(start), end: pageCeil(start + BigInt(each.filesz)), offset: Number(pageFloor(BigInt(each.offset))) };
    });
}

const presentImage = async (memory: CoreMemory, base: bigint) => {
  const found = await readElfImage(memory, base);
  return found === "absent" ? null : found;
};

async function toExecutable(memory: CoreMemory, auxv: AuxiliaryVector, path: string | null, executable: Loaded | null): Promise<FoundModule | null> {
  if (path === null) return null;
  const rows = executable === null ? rowAt(memory, auxv.get("AT_PHDR")) : rowsOf(executable, memory);
  const base = rows.find((row) => row.offset === 0)?.start;
  if (base === undefined) return null;
  return { ...moduleOf(path, rows, await presentImage(memory, base)), kind: "executable" };
}

async function toLibrary(memory: CoreMemory, base: bigint, path: string): Promise<FoundModule | null> {
  const image = await presentImage(memory, base);
  if (image !== null) return moduleOf(path, rowsOf(image, memory), image);
  const [row] = rowAt(memory, base);
  return row === undefined ? null : moduleOf(path, [{ ...row, start: base }], null);
}

/** For want of headers: the segment that holds the address, which qemu notes even where it dumps nothing of it. */
function rowAt(memory: CoreMemory, address: bigint | undefined) {
  const segment = address === undefined ? null : memory.segmentAt(address);
  return segment === null ? [] : [{ start: segment.vaddr, end: segment.vaddr + segment.memsz, offset: 0 }];
}

/** Where the list begins, and the executable's headers where they are dumped. */
interface List {
  readonly first: bigint;
  readonly executable: Loaded | null;
}

async function findList(memory: CoreMemory, auxv: AuxiliaryVector, loads: readonly ProgramHeader[]): Promise<List | null> {
  const executable = await findExecutable(memory, auxv, loads);
  const debug = executable === null ? undefined : (await readDynamic(memory, executable)).get(DT_DEBUG);
  const first = debug === undefined || debug === 0n ? null : await memory.word(debug + BigInt(memory.bits / 8)); // r_map
  if (first !== null && first !== 0n) return { first, executable };
  const scanned = await scanForList(memory, loads);
  return scanned === null ? null : { first: scanned, executable };
}

/** Modules in the linker's order, the executable first. `executablePath` names the first entry, whose own name is empty. */
export async function walkLinkMap(
  memory: CoreMemory,
  auxv: AuxiliaryVector,
  loads: readonly ProgramHeader[],
  executablePath: string | null,
): Promise<readonly FoundModule[]> {
  const list = await findList(memory, auxv, loads);
  const modules: FoundModule[] = [];
  const visited = new Set<bigint>();
  let address = list?.first ?? 0n;
  while (address !== 0n && !visited.has(address) && visited.size < MOST_MODULES) {
    const isFirst = visited.size === 0;
    visited.add(address);
    const entry = await readLinkMapEntry(memory, address);
    if (entry === null) break;
    const module = isFirst
      ? await toExecutable(memory, auxv, entry.name || executablePath, list?.executable ?? null)
      : entry.name === ""
        ? null
        : await toLibrary(memory, entry.bias, entry.name);
    if (module !== null) modules.push(module);
    address = entry.next;
  }
  return modules;
}
