/**
 * The links that make the sysroot answer to the names the dynamic linker used.
 *
 * NT_FILE has each file's real path; gdb asks for the link map's names, which go through `/lib -> usr/lib` of a merged
 * userland, through sonames (`libc.so.6 -> libc-2.31.so`) and, for the dynamic linker itself, through PT_INTERP.
 * The links are made after all files are in place, are relative and stay inside the sysroot.
 */
import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { placeLink } from "./job-folder.ts";
import { sysrootPath } from "./sysroot-path.ts";

export interface PlacedFile {
  /** Relative to the sysroot. */
  readonly path: string;
  readonly soname: string | null;
  /** PT_INTERP. */
  readonly interpreter: string | null;
  readonly isInterpreter: boolean;
}

const mergedFolders = ["lib", "lib32", "lib64", "libx32", "bin", "sbin"];

const isFolder = async (path: string) =>
  stat(path).then(
    (each) => each.isDirectory(),
    () => false,
  );

export async function linkSysroot(sysroot: string, files: readonly PlacedFile[]): Promise<void> {
  for (const name of mergedFolders) {
    if (await isFolder(join(sysroot, "usr", name))) await placeLink(join(sysroot, "usr", name), join(sysroot, name));
    // The other way round: a link map that says /usr/lib where the files really are in /lib.
    else if (await isFolder(join(sysroot, name))) await placeLink(join(sysroot, name), join(sysroot, "usr", name));
  }
  for (const { path, soname } of files) {
    if (soname === null || soname.includes("/") || sysrootPath(soname) !== soname) continue;
    await placeLink(join(sysroot, path), join(sysroot, dirname(path), soname));
  }
  const linker = files.find((each) => each.isInterpreter);
  if (linker === undefined) return;
  for (const asked of new Set(files.map((each) => each.interpreter))) {
    const at = asked === null ? null : sysrootPath(asked);
    if (at !== null && at !== linker.path) await placeLink(join(sysroot, linker.path), join(sysroot, at));
  }
}
