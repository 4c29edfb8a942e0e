/**
 * The modules of a core with NT_FILE: which of the mapped files are ELF, where each begins and ends, and its build-id.
 *
 * Rows of one path are one module as far as the file's own program headers reach. So a file that is mapped twice (once to
 * run, once to be read; or by dlmopen) becomes two, and a small library whose data segment begins in page 0 stays one. A piece that is
 * mapped once more by itself (libffi's static trampolines are pages of its own file) belongs to the module that has the file's beginning.
 */
import { hex } from "../elf/fields.ts";
import { PF_X } from "../elf/program-headers.ts";
import type { AuxiliaryVector } from "./auxiliary-vector.ts";
import type { CoreMapping, CoreModule } from "./core-facts.ts";
import type { CoreMemory } from "./core-memory.ts";
import { type ElfImage, readElfImage } from "./elf-image.ts";
import type { FileMapping } from "./mapped-files.ts";

export type OtherFile = { readonly path: string; readonly start: string; readonly end: string; readonly offset: number };

export interface FoundModule extends CoreModule {
  readonly image: ElfImage | null;
}

const DELETED = " (deleted)";
export const VDSO_NAME = "linux-vdso.so.1";
const PAGE_BITS = 12n;

export const toMapping = (row: { start: bigint; end: bigint; offset: number }): CoreMapping => ({
  start: hex(row.start),
  end: hex(row.end),
  offset: row.offset,
});

export function moduleOf(path: string, rows: readonly { start: bigint; end: bigint; offset: number }[], image: ElfImage | null): FoundModule {
  const deleted = path.endsWith(DELETED);
  return {
    path: deleted ? path.slice(0, -DELETED.length) : path,
    deleted,
    buildId: image?.buildId ?? null,
    head: image?.head ?? null,
    start: hex(rows[0]?.start ?? 0n),
    end: hex(rows.at(-1)?.end ?? 0n),
    mappings: rows.map(toMapping),
    kind: "unknown",
    image,
  };
}

export async function findModules(mappings: readonly FileMapping[], memory: CoreMemory): Promise<{ modules: FoundModule[]; otherFiles: OtherFile[] }> {
  const modules: FoundModule[] = [];
  const otherFiles: OtherFile[] = [];
  for (const [path, rows] of Map.groupBy(mappings, (row) => row.path)) {
    const found: FoundModule[] = [];
    for (let at = 0; at < rows.length; ) {
      const { own, module } = await nextModule(path, rows, at, memory);
      if (module === null) for (const row of own) otherFiles.push({ path, ...toMapping(row) });
      else found.push(module);
      at += own.length;
    }
    modules.push(...withPieces(found));
  }
  modules.sort((a, b) => (BigInt(a.start) < BigInt(b.start) ? -1 : 1));
  return { modules, otherFiles };
}

const byStart = (one: CoreMapping, other: CoreMapping) => (BigInt(one.start) < BigInt(other.start) ? -1 : 1);

/** Of one path: the pieces without the file's beginning go to the first module that has it. */
function withPieces(found: readonly FoundModule[]): readonly FoundModule[] {
  const whole = found.find((each) => each.image !== null);
  const pieces = found.filter((each) => each.image === null && each.mappings[0]?.offset !== 0);
  if (whole === undefined || pieces.length === 0) return found;
  const mappings = [whole, ...pieces].flatMap((each) => each.mappings).toSorted(byStart);
  return found.flatMap((each) => (each === whole ? [{ ...whole, mappings }] : pieces.includes(each) ? [] : [each]));
}

/** The rows from `at` on, which belong to one path, that are one module or one other file. */
async function nextModule(
  path: string,
  rows: readonly FileMapping[],
  at: number,
  memory: CoreMemory,
): Promise<{ own: readonly FileMapping[]; module: FoundModule | null }> {
  const [first] = rows.slice(at, at + 1);
  if (first === undefined) return { own: [], module: null };
  const found = first.offset === 0 ? await readElfImage(memory, first.start) : "absent";
  if (found === null) return { own: [first], module: null };
  let past = at + 1;
  for (let before = first; past < rows.length; past += 1) {
    const row = rows[past];
    if (row === undefined || !(found === "absent" ? goesOn(before, row) : row.start < found.end)) break;
    before = row;
  }
  const own = rows.slice(at, past);
  const isModule = isLoaded(own, memory) || (found !== "absent" && !found.hasCode);
  return { own, module: isModule ? moduleOf(path, own, found === "absent" ? null : found) : null };
}

/**
 * Loaded to run, not mapped to be read: a row is executable; or the core does not tell all permissions (gcore leaves out
 * what it does not dump) and the file is mapped in pieces, as a loader does.
 */
function isLoaded(rows: readonly FileMapping[], memory: CoreMemory): boolean {
  const segments = rows.map((row) => memory.segmentAt(row.start));
  return segments.some((each) => ((each?.flags ?? 0) & PF_X) !== 0) || (rows.length > 1 && segments.includes(null));
}

/** Without the file's own headers: the next row begins where this one ends, or further into the file. */
const goesOn = (before: FileMapping, row: FileMapping) => row.start === before.end || row.offset > before.offset;

/** The kernel's own library, which no file holds. */
export async function findVdso(auxv: AuxiliaryVector, memory: CoreMemory): Promise<FoundModule | null> {
  const start = auxv.get("AT_SYSINFO_EHDR");
  const segment = start === undefined ? null : memory.segmentAt(start);
  if (start === undefined || segment === null) return null;
  const found = await readElfImage(memory, start);
  const image = found === "absent" ? null : found;
  return moduleOf(VDSO_NAME, [{ start, end: segment.vaddr + segment.memsz, offset: 0 }], image);
}

const holds = (module: CoreModule, address: bigint | undefined) =>
  address !== undefined && module.mappings.some(({ start, end }) => BigInt(start) <= address && address < BigInt(end));

/** Tells the executable (AT_ENTRY, else AT_PHDR), the dynamic linker (AT_BASE) and the vdso from the libraries. */
export function withKinds(modules: readonly FoundModule[], auxv: AuxiliaryVector): FoundModule[] {
  const executable = modules.find((each) => holds(each, auxv.get("AT_ENTRY"))) ?? modules.find((each) => holds(each, auxv.get("AT_PHDR")));
  return modules.map((module) => {
    if (module === executable || module.kind === "executable") return { ...module, kind: "executable" };
    if (module.path === VDSO_NAME || holds(module, auxv.get("AT_SYSINFO_EHDR"))) return { ...module, kind: "vdso" };
    const base = auxv.get("AT_BASE");
    return { ...module, kind: base !== undefined && base !== 0n && holds(module, base) ? "interpreter" : "library" };
  });
}

export const pageFloor = (address: bigint) => (address >> PAGE_BITS) << PAGE_BITS;
export const pageCeil = (address: bigint) => pageFloor(address + (1n << PAGE_BITS) - 1n);
