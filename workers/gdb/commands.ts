/**
 * Layer 4: typed commands.
 *
 * The only place where text for gdb is put together. A path that came from a user (the executable's, out of the core) goes
 * through gdb's own argument splitter, whose quoting is a C string's; the core's path is ours and plain.
 */
import { setImmediate } from "node:timers/promises";
import { Failure } from "../../services/contract/failure.ts";
import type { Warning } from "../../services/contract/report.ts";
import { quoteCString } from "./c-string.ts";
import type { HelperName } from "./debugger.ts";
import type { CommandResult, MiSession } from "./session.ts";

const quickMs = 10_000;

/** A path that needs no quoting in any of gdb's languages. */
function plainPath(path: string): string {
  if (!/^\/[\w./+-]*$/.test(path)) throw new Failure("debugger_command", "a path of the job folder is not plain");
  return path;
}

/** `13.1` of `GNU gdb (Debian 13.1-3) 13.1`; distributors put their own version in front of it. */
export async function gdbVersion(session: MiSession): Promise<string> {
  const { console } = await session.request("-gdb-version", quickMs);
  const first = console.join("").split("\n", 1)[0] ?? "";
  return /([0-9][\w.+~-]*)\s*$/.exec(first)?.[1] ?? first.trim();
}

/** Sources the one file of helpers; it registers their MI commands. */
export async function sourceHelpers(session: MiSession, path: string): Promise<void> {
  await session.request(`-interpreter-exec console ${quoteCString(`source ${plainPath(path)}`)}`, quickMs);
}

/** Has the helpers import these halves, which they otherwise do when they are asked. */
export async function importHelpers(session: MiSession, halves: readonly HelperName[]): Promise<void> {
  await session.request(`-inquest-import ${halves.join(" ")}`, quickMs);
}

/** Has gdb take indexes from `/job/index` by build-id; only for files that come after. It cannot write any: the folder is read-only. */
export async function useIndexes(session: MiSession): Promise<void> {
  await session.request("-gdb-set index-cache directory /job/index", quickMs);
  await session.request("-gdb-set index-cache enabled on", quickMs);
}

/**
 * Has gdb take symbols as they stand in the files that come now, or again ask each whether it is a mangled name. To ask tens of thousands is
 * a third of what loading costs, and a stack has a few dozen: the helpers ask for those (native_frames.py).
 */
export async function demangleSymbols(session: MiSession, style: "none" | "auto"): Promise<void> {
  await session.request(`-gdb-set demangle-style ${style}`, quickMs);
}

export async function loadExecutable(session: MiSession, path: string, limitMs: number): Promise<readonly Warning[]> {
  return loadFile(session, `-file-exec-and-symbols ${quoteCString(path)}`, limitMs);
}

export async function loadCore(session: MiSession, path: string, limitMs: number): Promise<readonly Warning[]> {
  return loadFile(session, `-target-select core ${plainPath(path)}`, limitMs);
}

/** gdb's BFD library warns on stderr, gdb itself in its log. */
async function loadFile(session: MiSession, command: string, limitMs: number): Promise<readonly Warning[]> {
  const before = session.stderr.length;
  const { log } = await session.request(command, limitMs);
  await setImmediate();
  return fileWarnings({ log: [...log, session.stderr.slice(before)] });
}

/** Runs `-inquest-NAME` and parses its one field. */
export async function runInquest(session: MiSession, name: HelperName, manifest: string, out: string, limitMs: number): Promise<unknown> {
  const { results } = await session.request(`-inquest-${name} ${quoteCString(manifest)} ${quoteCString(out)}`, limitMs);
  const json = results["json"];
  if (typeof json !== "string") throw new Failure("debugger_protocol", `-inquest-${name} answered without its field`);
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new Failure("debugger_protocol", `-inquest-${name} answered with what is no JSON`, { cause: error });
  }
}

/** Runs `-inquest-confirm`; both words come from an answer that was read from a core, so they are held to a plain form first. */
export async function confirmLayout(session: MiSession, version: string, table: string, limitMs: number): Promise<boolean | null> {
  if (!/^\d+\.\d+\.\d+$/.test(version) || !/^[\w.-]+$/.test(table)) throw new Failure("debugger_command", "a layout's version or name is not plain");
  const { results } = await session.request(`-inquest-confirm ${version} ${table}`, limitMs);
  if (results["json"] === '{"confirmed": true}') return true;
  if (results["json"] === '{"confirmed": false}') return false;
  if (results["json"] === '{"confirmed": null}') return null;
  throw new Failure("debugger_protocol", "-inquest-confirm answered without its field");
}

/** What gdb says about files, by code. Null: said elsewhere in the report, or of no use to its reader. */
const knownWarnings: readonly (readonly [RegExp, string | null])[] = [
  [/\.reg-xstate/, null],
  [/truncated|extending past end of file|not at the end|Unexpected size of section/i, "core_truncated"],
  // By names and times, which say nothing of a file that was uploaded; build-ids were compared before.
  [/core file may not match|exec file is newer/i, null],
  [/build-id|does not match/i, "binary_mismatch"],
  [/during file-backed mapping note processing|Could not load shared library symbols|shared librar|\.debug_info|separate debug/i, null],
  [/libthread_db|thread debugging|Unable to find dynamic linker|Error reading shared library/i, null],
  [/DWARF|\.debug_|abbrev|CU at offset|DIE at/i, "debug_info_unreadable"],
];

const maxWarnings = 20;

/** gdb's warnings as the report's: known ones by code, the rest as `gdb_warning`; paths of the sandbox lose their prefix. */
export function fileWarnings(result: Pick<CommandResult, "log">): readonly Warning[] {
  const warnings = new Map<string, Warning>();
  for (const line of result.log.join("").split("\n")) {
    const detail = line
      .replace(/^warning: /i, "")
      .replace(/\/job\/(sysroot|debug)/g, "")
      .replace(/[^\x20-\x7e]/g, "?")
      .trim()
      .slice(0, 300);
    if (detail === "" || !/warning|error|truncated|DWARF/i.test(line)) continue;
    const known = knownWarnings.find(([pattern]) => pattern.test(line));
    const warningCode = known === undefined ? "gdb_warning" : known[1];
    if (warningCode !== null && warnings.size < maxWarnings) warnings.set(detail, { code: warningCode, detail });
  }
  return [...warnings.values()];
}
