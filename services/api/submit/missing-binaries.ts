/** Which of a core's modules neither came with the upload nor are in the project's store: the job's first `missing_binaries`, before any analysis. */
import type { MissingBinary } from "../../contract/job.ts";
import type { CoreFacts, CoreModule } from "../../intake/core/core-facts.ts";

/** A core can name as many files as it likes. */
const longestList = 500;

const python = /(^|\/)(python[\d.]*[a-z]*|libpython[^/]*)$/;

/** What the module is wanted for, from its place in the process: the interpreter's layouts, or unwinding through it. */
function needOf({ kind, path }: CoreModule): MissingBinary["needed_for"] {
  return kind === "executable" || python.test(path) ? "interpreter" : "unwinding";
}

/** `had` are the build-ids that came or are stored; `names` the file names that came, for modules that tell no build-id. Interpreters first. */
export function missingBinaries(facts: Pick<CoreFacts, "modules">, had: ReadonlySet<string>, names: ReadonlySet<string>): MissingBinary[] {
  const missing: MissingBinary[] = [];
  for (const module of facts.modules) {
    const { buildId, path, kind } = module;
    if (kind === "vdso") continue;
    if (buildId === null ? names.has(path.slice(path.lastIndexOf("/") + 1)) : had.has(buildId)) continue;
    missing.push({ build_id: buildId, path, needed_for: needOf(module) });
  }
  return missing.sort((a, b) => Number(b.needed_for === "interpreter") - Number(a.needed_for === "interpreter")).slice(0, longestList);
}
