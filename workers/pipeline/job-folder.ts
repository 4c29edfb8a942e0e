/**
 * The job folder on the host: private, made fresh, removed whatever happened. Its layout is in docs/architecture.md.
 *
 * Files come in as hard links of the blobs, so a core of many gigabytes costs nothing; on another file system they are
 * cloned or copied.
 */
import { constants } from "node:fs";
import { copyFile, link, mkdir, readlink, rename, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Failure } from "../../services/contract/failure.ts";

/** Where the sandbox shows the folder. */
export const sandboxFolder = "/job";

export interface JobFolder extends AsyncDisposable {
  readonly path: string;
}

const errorCode = (error: unknown): string => (error instanceof Error && "code" in error ? String(error.code) : "");

export function storageFault(error: unknown): Failure {
  const code = errorCode(error);
  if (code === "ENOSPC" || code === "EDQUOT") return new Failure("store_full", "no space is left in the data folder", { cause: error });
  return new Failure("store_unavailable", `the data folder cannot be written (${code || "unknown error"})`, { cause: error });
}

const folderAt = (path: string): JobFolder => ({ path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) });

/** Makes `root/name` empty; what a killed worker left there is removed first. */
export async function makeJobFolder(root: string, name: string): Promise<JobFolder> {
  const made = folderAt(join(root, name));
  try {
    await made[Symbol.asyncDispose]();
    for (const folder of ["", "sysroot", "debug", "index", "out"]) await mkdir(join(made.path, folder), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw storageFault(error);
  }
  return made;
}

/** The same folder under another name beside it; a sandbox that shows it does not notice. Null when it is no longer there. */
export async function renameJobFolder(folder: JobFolder, name: string): Promise<JobFolder | null> {
  const path = join(dirname(folder.path), name);
  return rename(folder.path, path).then(
    () => folderAt(path),
    () => null,
  );
}

/**
 * Puts the file `from` at `to`, below an existing folder of ours. False when the place is taken or cannot be made: the
 * core's paths may contradict each other.
 */
export async function placeFile(from: string, to: string): Promise<boolean> {
  try {
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    await link(from, to);
    return true;
  } catch (error) {
    const code = errorCode(error);
    if (["EEXIST", "ENOTDIR", "EISDIR", "ENAMETOOLONG"].includes(code)) return false;
    if (!["EXDEV", "EPERM", "EMLINK", "EOPNOTSUPP"].includes(code)) throw storageFault(error);
  }
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw storageFault(error);
  }
}

/** A link at `at` with the text `target`; both are ours, and relative. What is there already stays. */
export async function placeLink(target: string, at: string): Promise<boolean> {
  try {
    await mkdir(dirname(at), { recursive: true, mode: 0o700 });
    await symlink(target, at);
    return true;
  } catch (error) {
    if (["EEXIST", "ENOTDIR", "ENAMETOOLONG", "ELOOP"].includes(errorCode(error))) return (await readlink(at).catch(() => null)) === target;
    throw storageFault(error);
  }
}
