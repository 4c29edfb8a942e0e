/**
 * Which stored file is which module of the core. Pure: build-ids decide, names only where the core tells no build-id.
 *
 * A file whose name fits and whose build-id differs is never shown to gdb, which would warn and then read it all the
 * same: the module counts as `mismatch`, and stays on the list of what is missing.
 */
import type { Module, Warning } from "../../services/contract/report.ts";
import type { CoreFacts, CoreModule } from "../../services/intake/core/core-facts.ts";
import type { StoredBinary } from "../../services/storage/binary-store.ts";
import { baseName } from "./sysroot-path.ts";

export interface Choice {
  readonly module: CoreModule;
  readonly found: Module["found"];
  /** What ran; null when missing or mismatched. */
  readonly file: StoredBinary | null;
  /** A separate debug file of the same build-id. */
  readonly debugFile: StoredBinary | null;
}

export interface Choices {
  readonly choices: readonly Choice[];
  readonly warnings: readonly Warning[];
}

const unusedTold = 20;

/** Newest first comes in; a file of the module's own name is preferred among those that claim its build-id. */
function withBuildId(binaries: readonly StoredBinary[], module: CoreModule, debug: boolean): StoredBinary | null {
  const fitting = binaries.filter((each) => each.build_id === module.buildId && (each.kind === "debug") === debug);
  return fitting.find((each) => each.filename === baseName(module.path)) ?? fitting[0] ?? null;
}

function namesOf(module: CoreModule, facts: CoreFacts): ReadonlySet<string> {
  const names = new Set([baseName(module.path)]);
  if (module.path === facts.executable) {
    const invokedAs = facts.commandLine?.[0];
    if (invokedAs !== undefined) names.add(baseName(invokedAs));
  }
  return names;
}

export function chooseBinaries(facts: CoreFacts, uploads: readonly StoredBinary[], stored: readonly StoredBinary[]): Choices {
  const warnings: Warning[] = [];
  const used = new Set<StoredBinary>();
  const choices = facts.modules
    .filter((module) => module.kind !== "vdso")
    .map((module): Choice => {
      const names = namesOf(module, facts);
      const named = uploads.filter((each) => each.kind !== "debug" && each.filename !== null && names.has(each.filename));
      if (module.buildId === null) {
        const file = named[0] ?? null;
        if (file === null) return { module, found: "missing", file: null, debugFile: null };
        used.add(file);
        const detail = `the core does not tell the build-id of ${module.path}; the uploaded ${file.filename} was taken by its name`;
        warnings.push({ code: "build_id_unknown", detail });
        const debugFile = file.build_id === null ? null : withBuildId([...uploads, ...stored], { ...module, buildId: file.build_id }, true);
        if (debugFile !== null) used.add(debugFile);
        return { module, found: "upload", file, debugFile };
      }
      const debugFile = withBuildId(uploads, module, true) ?? withBuildId(stored, module, true);
      if (debugFile !== null) used.add(debugFile);
      const uploaded = withBuildId(uploads, module, false);
      if (uploaded !== null) {
        used.add(uploaded);
        return { module, found: "upload", file: uploaded, debugFile };
      }
      const file = withBuildId(stored, module, false);
      if (file !== null) return { module, found: "store", file, debugFile };
      for (const other of named) {
        used.add(other);
        const theirs = other.build_id === null ? "has no build-id" : `has build-id ${other.build_id}`;
        warnings.push({
          code: "binary_mismatch",
          detail: `the uploaded ${other.filename} ${theirs}, the core's ${module.path} has ${module.buildId}; it was not used`,
        });
      }
      return { module, found: named.length > 0 ? "mismatch" : "missing", file: null, debugFile };
    });
  for (const each of uploads.filter((upload) => !used.has(upload)).slice(0, unusedTold)) {
    warnings.push({
      code: "binary_unused",
      detail: `the uploaded ${each.filename ?? "binary"} (build-id ${each.build_id ?? "none"}) fits no file that the process had mapped`,
    });
  }
  return { choices, warnings };
}
