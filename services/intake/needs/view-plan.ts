/**
 * The view of a crashed machine that a debugger gets, as a plan: which stored file lies where, and which links lead to it.
 * The worker lays it out in the job folder, the API packs it into a bundle. Nothing is touched here.
 *
 *     sysroot/…                          the crashed machine's paths
 *     sysroot/DIR/.debug/NAME            debug files that `.gnu_debuglink` names
 *     debug/.build-id/ab/cdef….debug     debug files by build-id, supplementary ones (dwz) too
 *     index/BUILDID.gdb-index            gdb's indexes, in its own cache's form
 */
import { posix } from "node:path";
import type { NewBinary } from "../../storage/binary-store.ts";
import type { BlobKey } from "../../storage/blob-store.ts";
import type { BinaryFacts } from "../binary/binary-facts.ts";
import type { Choice } from "./choose-binaries.ts";
import type { DebugFiles } from "./debug-files.ts";
import { sysrootPath } from "./sysroot-path.ts";

export interface PlannedFile {
  /** Relative to the view's root. */
  readonly at: string;
  readonly blob: BlobKey;
}

export interface PlannedLink {
  readonly at: string;
  /** As the link has it: relative to its own folder. */
  readonly target: string;
}

export interface PlannedModule {
  readonly choice: Choice;
  readonly file: string | null;
  readonly debugFile: string | null;
}

export interface ViewPlan {
  readonly files: readonly PlannedFile[];
  /** To be made after the files. */
  readonly links: readonly PlannedLink[];
  readonly modules: readonly PlannedModule[];
  readonly hasIndex: boolean;
}

/** What of a file's facts decides about links. */
export type ShapeOf = (file: NewBinary) => Promise<Pick<BinaryFacts, "soname" | "interpreter">>;

/** Files whose path another module of the core has taken (replaced while mapped) go here, out of the crashed machine's paths. */
const besideSysroot = "sysroot/.inquest";
const mergedFolders = ["lib", "lib32", "lib64", "libx32", "bin", "sbin"];
const noShape = { soname: null, interpreter: null };
const plainBuildId = /^[0-9a-f]{4,128}$/;

/** The places that are taken, as a file system would see it. */
class Places {
  readonly #folders = new Set([""]);
  readonly #taken = new Set<string>();

  isFolder(path: string): boolean {
    return this.#folders.has(path);
  }

  /** False when something is there, or a file is where a folder must be: the core's paths may contradict each other. */
  take(path: string): boolean {
    const folders: string[] = [];
    for (let folder = posix.dirname(path); folder !== "."; folder = posix.dirname(folder)) folders.push(folder);
    if (this.#taken.has(path) || this.#folders.has(path) || folders.some((folder) => this.#taken.has(folder))) return false;
    for (const folder of folders) this.#folders.add(folder);
    this.#taken.add(path);
    return true;
  }
}

interface PlacedModule extends PlannedModule {
  readonly soname: string | null;
  readonly interpreter: string | null;
}

export async function planView(choices: readonly Choice[], debugFiles: DebugFiles, shapeOf: ShapeOf): Promise<ViewPlan> {
  const places = new Places();
  const files: PlannedFile[] = [];
  const place = (at: string, blob: BlobKey): boolean => {
    if (!places.take(at)) return false;
    files.push({ at, blob });
    return true;
  };
  const placeModule = (file: NewBinary, wanted: string | null): string | null => {
    if (wanted !== null && place(`sysroot/${wanted}`, file.blob)) return `sysroot/${wanted}`;
    // Beside the sysroot a file has its digest for a name: what is there already is the same.
    const beside = `${besideSysroot}/${file.sha256}`;
    place(beside, file.blob);
    return beside;
  };
  const byBuildId = (file: NewBinary): string | null => {
    const id = file.build_id;
    if (id === null || !plainBuildId.test(id)) return null;
    const at = `debug/.build-id/${id.slice(0, 2)}/${id.slice(2)}.debug`;
    place(at, file.blob);
    return at;
  };
  const indexOf = (file: NewBinary | null): boolean =>
    file?.index_blob != null && file.build_id !== null && plainBuildId.test(file.build_id) && place(`index/${file.build_id}.gdb-index`, file.index_blob);

  const placed: PlacedModule[] = [];
  for (const choice of choices) {
    const { module, file, debugFile } = choice;
    const wanted = sysrootPath(module.path);
    const at = file === null ? null : placeModule(file, wanted);
    const shape = file === null || at === null ? noShape : await shapeOf(file);
    const soname = at === `sysroot/${wanted}` ? shape.soname : null;
    let debugAt: string | null = null;
    if (debugFile !== null && file !== null && debugFiles.linked.get(file) === debugFile) {
      const name = file.debug_link?.name ?? "";
      debugAt = at !== null && !name.includes("/") && sysrootPath(name) === name ? `${posix.dirname(at)}/.debug/${name}` : null;
      if (debugAt !== null) place(debugAt, debugFile.blob);
    } else if (debugFile !== null) debugAt = byBuildId(debugFile);
    // gdb reads a separate debug file only where the file itself has no debug information.
    indexOf(file?.has_debug_info === true ? file : debugFile);
    placed.push({ choice, file: at, debugFile: debugAt, soname, interpreter: shape.interpreter });
  }
  for (const supplement of debugFiles.supplements) {
    byBuildId(supplement);
    indexOf(supplement);
  }
  const links = planLinks(places, placed);
  const modules = placed.map(({ choice, file, debugFile }) => ({ choice, file, debugFile }));
  return { files, links, modules, hasIndex: files.some(({ at }) => at.startsWith("index/")) };
}

/**
 * The links that make the sysroot answer to the names the dynamic linker used.
 *
 * NT_FILE has each file's real path; gdb asks for the link map's names, which go through `/lib -> usr/lib` of a merged
 * userland, through sonames (`libc.so.6 -> libc-2.31.so`) and, for the dynamic linker itself, through PT_INTERP.
 */
function planLinks(places: Places, placed: readonly PlacedModule[]): PlannedLink[] {
  const links: PlannedLink[] = [];
  const link = (target: string, at: string) => {
    if (places.take(at)) links.push({ at, target: posix.relative(posix.dirname(at), target) });
  };
  for (const name of mergedFolders) {
    if (places.isFolder(`sysroot/usr/${name}`)) link(`sysroot/usr/${name}`, `sysroot/${name}`);
    // The other way round: a link map that says /usr/lib where the files really are in /lib.
    else if (places.isFolder(`sysroot/${name}`)) link(`sysroot/${name}`, `sysroot/usr/${name}`);
  }
  for (const { file, soname } of placed) {
    if (file === null || soname === null || soname.includes("/") || sysrootPath(soname) !== soname) continue;
    link(file, `${posix.dirname(file)}/${soname}`);
  }
  const linker = placed.find(({ choice, file }) => choice.module.kind === "interpreter" && file !== null && !file.startsWith(besideSysroot))?.file ?? null;
  if (linker === null) return links;
  for (const asked of new Set(placed.map((each) => each.interpreter))) {
    const at = asked === null ? null : sysrootPath(asked);
    if (at !== null && `sysroot/${at}` !== linker) link(linker, throughLinks(links, `sysroot/${at}`));
  }
  return links;
}

/** Where a path really lies, once the links of the merged userland are there. */
function throughLinks(links: readonly PlannedLink[], path: string): string {
  const first = links.find(({ at }) => path.startsWith(`${at}/`));
  return first === undefined ? path : posix.join(posix.dirname(first.at), first.target, path.slice(first.at.length));
}
