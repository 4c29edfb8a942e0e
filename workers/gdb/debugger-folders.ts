/** What the sandbox must show of the debugger, and what it had better hide. */
import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";

/** `PREFIX` of `PREFIX/bin/gdb`. */
function prefixOf(gdb: string): string {
  return dirname(dirname(realpathSync(gdb)));
}

/**
 * What gdb's Python would import at its start and nobody needs here: the CLI commands and convenience functions written in
 * Python, and the packages (and `.pth` files) that happen to be installed on this host. Saves 15 of 70 ms.
 */
export function hiddenFolders(gdb: string): string[] {
  const scripts = join(prefixOf(gdb), "share/gdb/python/gdb");
  const folders = [join(scripts, "command"), join(scripts, "function"), join(scripts, "printer"), "/usr/lib/python3"];
  return folders.filter((path) => existsSync(path));
}

/** gdb itself, and its prefix's data and libraries. */
export function debuggerFolders(gdb: string): (readonly [string, string])[] {
  const binary = realpathSync(gdb);
  const prefix = prefixOf(gdb);
  const data = [`${prefix}/share/gdb`, ...(prefix === "/usr" ? [] : [`${prefix}/lib`, `${prefix}/lib64`, "/usr/share/gdb"])];
  return [[binary, binary], ...data.filter((path) => existsSync(path)).map((path) => [path, path] as const)];
}
