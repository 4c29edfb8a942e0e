/** Which interpreters are at hand: named ones, pyenv's, the machine's own, and those of other Debian roots. */
import { readdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { type Interpreter, interpreterAt } from "../corpus/make-core.ts";

const list = async (folder: string) => readdir(folder).catch(() => []);

async function real(paths: readonly string[]): Promise<string[]> {
  const found = await Promise.all(paths.map((path) => realpath(path).catch(() => null)));
  return [...new Set(found.filter((path) => path !== null))];
}

/** The interpreter that `python3` means on this machine, and Debian's own when that is another one. */
export async function defaultInterpreters(path: string): Promise<Interpreter[]> {
  const first = path
    .split(":")
    .filter((folder) => !folder.includes("shims"))
    .map((folder) => join(folder, "python3"));
  const candidates = await real(first);
  const found = await Promise.all(candidates.map((candidate) => interpreterAt(candidate)));
  return found.filter((each) => each !== null);
}

async function ofPyenv(root: string): Promise<string[]> {
  const versions = await list(join(root, "versions"));
  return versions.map((version) => join(root, "versions", version, "bin/python"));
}

/** Debian's interpreters in a root made by debootstrap, and free-threaded ones that free-threaded.sh built there. */
async function ofRoot(root: string): Promise<Interpreter[]> {
  const entries = await readdir(join(root, "usr/bin"), { withFileTypes: true }).catch(() => []);
  // python3.14-dbg is a link to python3.14d.
  const names = entries.filter((entry) => !entry.isSymbolicLink() && /^python\d\.\d+(-dbg|d|t|dm)?$/.test(entry.name)).map((entry) => entry.name);
  const built = (await list(join(root, "opt"))).filter((name) => /^\d\.\d+t$/.test(name)).map((name) => `/opt/${name}/bin/python${name}`);
  const found = await Promise.all([...names.map((name) => `/usr/bin/${name}`), ...built].map((path) => interpreterAt(path, root)));
  return found.filter((each) => each !== null);
}

/** `ROOT//usr/bin/python3.14` is one inside another root; any other path is one of this machine. */
async function named(path: string): Promise<Interpreter | null> {
  const [root = "", inside] = path.split("//");
  if (inside !== undefined) return interpreterAt(`/${inside}`, root);
  return interpreterAt(await realpath(path).catch(() => path));
}

export interface Sources {
  readonly paths: readonly string[];
  readonly pyenvRoot: string | null;
  readonly roots: readonly string[];
  readonly path: string;
}

/** Every interpreter, by version, the machine's own last. */
export async function interpretersFrom(sources: Sources): Promise<Interpreter[]> {
  const asked = await Promise.all(sources.paths.map(named));
  const pyenv = sources.paths.length > 0 || sources.pyenvRoot === null ? [] : await real(await ofPyenv(sources.pyenvRoot));
  const installed = await Promise.all(pyenv.map((path) => interpreterAt(path)));
  const own = sources.paths.length > 0 ? [] : await defaultInterpreters(sources.path);
  const found = [...asked, ...installed].filter((each) => each !== null);
  const all = [...found, ...own, ...(await Promise.all(sources.roots.map(ofRoot))).flat()];
  const seen = new Set<string>();
  return all
    .filter((each) => !seen.has(`${each.root}${each.path}`) && seen.add(`${each.root}${each.path}`))
    .sort((one, other) => one.version[0] - other.version[0] || one.version[1] - other.version[1] || one.version[2] - other.version[2]);
}
