/**
 * Which helper scripts a gdb gets: the project's own folder, or a copy of it with bytecode.
 *
 * Compiling the helpers takes longer than reading a small core, and a sandboxed gdb can keep nothing. So a worker has them compiled
 * once, by the Python inside its gdb, in a copy whose name is a digest of their contents (and of gdb); the copy is mounted read-only
 * for every job. A copy is complete or absent: it gets its name last.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder with `load.py`, at `/inquest` inside. */
export const helperScripts = fileURLToPath(new URL("../../gdb-scripts", import.meta.url));

const wanted = (path: string) => !/(^|\/)(__pycache__|tools)(\/|$)/.test(relative(helperScripts, path));

async function digest(gdb: string): Promise<string> {
  const hash = createHash("sha256");
  const debuggerFile = await stat(await realpath(gdb));
  hash.update(`${gdb} ${debuggerFile.size} ${debuggerFile.mtimeMs}\n`);
  const entries = await readdir(helperScripts, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const path of paths.filter(wanted).toSorted()) {
    const bytes = await readFile(path);
    hash.update(`${relative(helperScripts, path)} ${bytes.length}\n`);
    hash.update(bytes);
  }
  return hash.digest("hex").slice(0, 32);
}

/** The copy's folder; `compile` gets a fresh one, to fill its `__pycache__` folders. */
export async function compiledHelpers(cache: string, gdb: string, compile: (folder: string) => Promise<void>): Promise<string> {
  const final = join(cache, await digest(gdb));
  if (existsSync(final)) return final;
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, "new-"));
  try {
    await cp(helperScripts, folder, { recursive: true, filter: wanted, preserveTimestamps: true });
    await compile(folder);
    // Another worker may have been faster; its copy is as good.
    await rename(folder, final).catch((error: unknown) => {
      if (!existsSync(final)) throw error;
    });
    return final;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
