/**
 * What to upload for a better report, the most useful first. Pure, and computed from the core alone: before gdb starts, and
 * alike in the API and in the worker.
 *
 * - `interpreter`: the files that hold CPython: its state and its read-only data are there.
 * - `unwinding`: files whose code the threads' stacks mention; without them the C stack ends early.
 * - `symbols`: files on a stack that are there, stripped, and without a debug file: functions have no names. A supplementary
 *   file (dwz) that a debug file refers to counts here too.
 */
import type { MissingBinary } from "../../contract/job.ts";
import type { NewBinary } from "../../storage/binary-store.ts";
import type { CoreFacts, CoreModule } from "../core/core-facts.ts";
import type { Choice } from "./choose-binaries.ts";
import { baseName } from "./sysroot-path.ts";

/** `python3.11`, `python`, `libpython3.12.so.1.0`, `libpython3.13d.so`, `pypy` is none. */
const pythonName = /^(lib)?python(\d+(\.\d+)*[a-z]{0,3})?(\.so[\d.]*)?$/;

/** The files that hold the interpreter: by name, else the executable itself (renamed, relocated or embedding statically). */
export function interpreterPaths(facts: Pick<CoreFacts, "modules" | "executable">): ReadonlySet<string> {
  const named = facts.modules.filter((module) => pythonName.test(baseName(module.path))).map((module) => module.path);
  if (named.length > 0) return new Set(named);
  return new Set(facts.executable === null ? [] : [facts.executable]);
}

/** A core can name as many files as it likes. */
const longestList = 500;

const rank = { interpreter: 0, unwinding: 1, symbols: 2 } as const;

/** Of these a job with `when_missing=wait` waits; symbols are welcome, and often nobody has them. */
export const isAwaited = (each: MissingBinary): boolean => each.needed_for !== "symbols";

type NeedFacts = Pick<CoreFacts, "modules" | "executable" | "codeOnStacks">;

export function missingBinaries(facts: NeedFacts, choices: readonly Choice[], supplements: readonly NewBinary[]): MissingBinary[] {
  const interpreters = interpreterPaths(facts);
  const seen = facts.codeOnStacks === null ? null : new Map(facts.codeOnStacks.map((start, index) => [start, index]));
  const position = (module: CoreModule) => (seen === null ? 0 : (seen.get(module.start) ?? seen.size));
  const rows: { readonly row: MissingBinary; readonly place: number }[] = [];
  const add = (module: CoreModule, needed_for: MissingBinary["needed_for"], build_id: string | null, path: string) =>
    rows.push({ row: { build_id, path, needed_for }, place: interpreters.has(module.path) ? -1 : position(module) });
  for (const { module, file, debugFile } of choices) {
    const isInterpreter = interpreters.has(module.path);
    if (!isInterpreter && seen !== null && !seen.has(module.start)) continue;
    if (file === null) add(module, isInterpreter ? "interpreter" : "unwinding", module.buildId, module.path);
    else if (!file.has_symbols && !file.has_debug_info && debugFile === null) add(module, "symbols", module.buildId, module.path);
    const alternate = debugFile?.alt_link ?? file?.alt_link ?? null;
    if (alternate !== null && !supplements.some((each) => each.build_id === alternate.build_id)) add(module, "symbols", alternate.build_id, alternate.name);
  }
  const told = new Set<string>();
  return rows
    .toSorted((a, b) => rank[a.row.needed_for] - rank[b.row.needed_for] || a.place - b.place)
    .map(({ row }) => row)
    .filter(({ build_id, path, needed_for }) => {
      const key = JSON.stringify([build_id, path, needed_for]);
      return !told.has(key) && told.add(key);
    })
    .slice(0, longestList);
}
