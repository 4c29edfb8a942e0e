/** What to upload for a better report, the most useful first. Pure. */
import type { MissingBinary } from "../../services/contract/job.ts";
import type { CoreFacts, CoreModule } from "../../services/intake/core/core-facts.ts";
import type { Choice } from "./choose-binaries.ts";
import { baseName } from "./sysroot-path.ts";

/** `python3.11`, `python`, `libpython3.12.so.1.0`, `libpython3.13d.so`, `pypy` is none. */
const pythonName = /^(lib)?python(\d+(\.\d+)*[a-z]{0,3})?(\.so[\d.]*)?$/;

/** The files that hold the interpreter: by name, else the executable itself (renamed, relocated or embedding statically). */
export function interpreterPaths(facts: CoreFacts): ReadonlySet<string> {
  const named = facts.modules.filter((module) => pythonName.test(baseName(module.path))).map((module) => module.path);
  if (named.length > 0) return new Set(named);
  return new Set(facts.executable === null ? [] : [facts.executable]);
}

/** A core can name as many files as it likes. */
const longestList = 500;

const rank = { interpreter: 0, unwinding: 1, symbols: 2 } as const;

export function missingBinaries(facts: CoreFacts, choices: readonly Choice[]): MissingBinary[] {
  const interpreters = interpreterPaths(facts);
  const row = (module: CoreModule, needed_for: MissingBinary["needed_for"]): MissingBinary => ({ build_id: module.buildId, path: module.path, needed_for });
  const missing: MissingBinary[] = [];
  for (const { module, file, debugFile } of choices) {
    const needed = interpreters.has(module.path) ? "interpreter" : "unwinding";
    // A file that has neither build-id nor a name we could match later is still named: the user may know it.
    if (file === null) missing.push(row(module, needed));
    else if (!file.has_symbols && !file.has_debug_info && debugFile === null) missing.push(row(module, "symbols"));
  }
  const order = (each: MissingBinary) => rank[each.needed_for] * 2 + (interpreters.has(each.path) ? 0 : 1);
  return missing.toSorted((a, b) => order(a) - order(b)).slice(0, longestList);
}
