/**
 * What a job needs and what of it the project has: the one answer that the API gives at the upload and the worker acts on.
 *
 * From the core's facts and the store's rows alone; no file is opened and gdb is not asked.
 */
import type { MissingBinary } from "../../contract/job.ts";
import type { Warning } from "../../contract/report.ts";
import type { BinaryStore, NewBinary } from "../../storage/binary-store.ts";
import type { CoreFacts } from "../core/core-facts.ts";
import { type Choice, chooseBinaries } from "./choose-binaries.ts";
import { missingBinaries } from "./missing-binaries.ts";
import { debugFilesOf, type DebugFiles } from "./debug-files.ts";

export interface Found {
  readonly choices: readonly Choice[];
  readonly debugFiles: DebugFiles;
  readonly missing: readonly MissingBinary[];
  readonly warnings: readonly Warning[];
}

export type NeedsStore = Pick<BinaryStore, "byBuildIds" | "byHeads" | "byPaths" | "debugFilesNamed">;

/** `uploads` came with the job itself and go before what the project has. */
export async function findBinaries(store: NeedsStore, projectId: string, facts: CoreFacts, uploads: readonly NewBinary[]): Promise<Found> {
  const buildIds = [...new Set(facts.modules.flatMap((module) => module.buildId ?? []))];
  const nameless = facts.modules.filter((module) => module.buildId === null && module.kind !== "vdso");
  const heads = nameless.flatMap(({ head }) => head ?? []);
  const stored = [...(await store.byBuildIds(projectId, buildIds)), ...(await store.byHeads(projectId, heads))];
  const known = new Set(stored.map(({ sha256 }) => sha256));
  const paths = nameless.map(({ path }) => path);
  stored.push(...(await store.byPaths(projectId, paths)).filter(({ sha256 }) => !known.has(sha256)));
  // A module that tells no build-id may have a file that does, and that one a debug file.
  const named = [...uploads, ...stored].flatMap((each) => (each.build_id === null || buildIds.includes(each.build_id) ? [] : [each.build_id]));
  stored.push(...(await store.byBuildIds(projectId, named, ["debug"])));
  const { choices: chosen, warnings } = chooseBinaries(facts, uploads, stored);
  const links = chosen.flatMap(({ file, debugFile }) => (file?.debug_link == null || debugFile !== null ? [] : [file.debug_link.name]));
  const byName = links.length === 0 ? [] : await store.debugFilesNamed(projectId, links);
  const linked = debugFilesOf(chosen, [...uploads.filter((each) => each.kind === "debug"), ...byName]);
  const alternates = new Set(linked.choices.flatMap(({ file, debugFile }) => [file?.alt_link?.build_id ?? [], debugFile?.alt_link?.build_id ?? []].flat()));
  const supplements = await store.byBuildIds(projectId, [...alternates], ["debug"]);
  const debugFiles: DebugFiles = {
    supplements: [...uploads.filter((each) => each.kind === "debug" && each.build_id !== null && alternates.has(each.build_id)), ...supplements],
    linked: linked.linked,
  };
  const used = new Set<NewBinary>([...linked.linked.values(), ...debugFiles.supplements]);
  return {
    choices: linked.choices,
    debugFiles,
    missing: missingBinaries(facts, linked.choices, debugFiles.supplements),
    warnings: [...warnings, ...linked.warnings, ...unused(uploads, linked.choices, used)],
  };
}

const unusedTold = 20;

function unused(uploads: readonly NewBinary[], choices: readonly Choice[], others: ReadonlySet<NewBinary>): Warning[] {
  const used = new Set<NewBinary>([...others, ...choices.flatMap(({ file, debugFile, rejected }) => [file ?? [], debugFile ?? [], ...rejected].flat())]);
  return uploads
    .filter((upload) => !used.has(upload))
    .slice(0, unusedTold)
    .map((each) => ({
      code: "binary_unused",
      detail: `the uploaded ${each.filename ?? "binary"} (build-id ${each.build_id ?? "none"}) fits no file that the process had mapped`,
    }));
}
