/**
 * Which stored file is which module of the core. Pure: build-ids decide, first pages and names only where the core tells no build-id.
 *
 * A file whose name fits and whose build-id differs is never shown to gdb, which would warn and then read it all the
 * same: the module counts as `mismatch`, and stays on the list of what is missing.
 */
import type { Module, Warning } from "../../contract/report.ts";
import type { CoreFacts, CoreModule } from "../core/core-facts.ts";
import type { NewBinary } from "../../storage/binary-store.ts";
import { baseName } from "./sysroot-path.ts";

export interface Choice {
  readonly module: CoreModule;
  readonly found: Module["found"];
  /** What ran; null when missing or mismatched. */
  readonly file: NewBinary | null;
  /** A separate debug file: of the same build-id, or the one that `.gnu_debuglink` names. */
  readonly debugFile: NewBinary | null;
  /** Files that came for this module and do not fit. */
  readonly rejected: readonly NewBinary[];
}

export interface Choices {
  readonly choices: readonly Choice[];
  readonly warnings: readonly Warning[];
}

/** Newest first comes in; a file of the module's own name is preferred among those that claim its build-id. */
function withBuildId(binaries: readonly NewBinary[], module: CoreModule, debug: boolean): NewBinary | null {
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

/** What was read of an uploaded file of the same name, for the warning. */
function mismatch(other: NewBinary, module: CoreModule): Warning {
  const theirs = other.build_id === null ? "has no build-id" : `has build-id ${other.build_id}`;
  if (module.buildId === null) {
    return {
      code: "binary_mismatch",
      detail: `the uploaded ${other.filename} (it ${theirs}) does not begin as the core's ${module.path} does; it was not used`,
    };
  }
  return {
    code: "binary_mismatch",
    detail: `the uploaded ${other.filename} ${theirs}, the core's ${module.path} has ${module.buildId}; it was not used`,
  };
}

/** A link map has the name that was asked for, `libffi.so.8`, which is a link to `libffi.so.8.5.0`. */
const isVersionOf = (filename: string, name: string) =>
  /\.so(\.\d+)*$/.test(name) && /^(\.\d+)+$/.test(filename.slice(name.length)) && filename.startsWith(name);

/** Whether the file begins as the core's copy of its first page does; null where either is not known. */
const begins = (file: NewBinary, { head }: CoreModule): boolean | null => (head === null || file.head === null ? null : file.head === head);

interface ByHow {
  readonly file: NewBinary;
  readonly how: "first page" | "name" | "path";
}

/** What is proven by the first page goes before what has the name or the path alone, what came with the job before what is stored. */
function nameless(module: CoreModule, names: ReadonlySet<string>, uploads: readonly NewBinary[], stored: readonly NewBinary[]): ByHow | null {
  const ran = (binaries: readonly NewBinary[]) => binaries.filter(({ kind }) => kind !== "debug");
  const isNamed = ({ filename }: NewBinary) => filename !== null && names.has(filename);
  const isVersion = ({ filename }: NewBinary) => filename !== null && [...names].some((name) => isVersionOf(filename, name));
  const proven = (binaries: readonly NewBinary[]) => {
    const same = ran(binaries).filter((each) => begins(each, module) === true);
    return same.find(({ path }) => path === module.path) ?? same.find(isNamed) ?? same[0] ?? null;
  };
  const untold = ran(uploads).filter((each) => begins(each, module) === null);
  const exact = untold.filter(isNamed);
  const named = exact.length > 0 ? exact : untold.filter(isVersion);
  const uploaded = named.find(({ path }) => path === module.path) ?? named[0];
  const atPath = ran(stored).find((each) => each.build_id === null && each.path === module.path && begins(each, module) === null);
  const choices: readonly (readonly [NewBinary | null | undefined, ByHow["how"]])[] = [
    [proven(uploads), "first page"],
    [uploaded, "name"],
    [proven(stored), "first page"],
    [atPath, "path"],
  ];
  for (const [file, how] of choices) if (file != null) return { file, how };
  return null;
}

/** A module whose build-id the core does not tell: by its first page, by the path it came from, else by the name of an upload. */
function byName(module: CoreModule, facts: CoreFacts, uploads: readonly NewBinary[], stored: readonly NewBinary[], warnings: Warning[]): Choice {
  const names = namesOf(module, facts);
  const others = uploads.filter((each) => each.kind !== "debug" && each.filename !== null && names.has(each.filename) && begins(each, module) === false);
  const taken = nameless(module, names, uploads, stored);
  if (taken === null) {
    for (const other of others) warnings.push(mismatch(other, module));
    return { module, found: others.length > 0 ? "mismatch" : "missing", file: null, debugFile: null, rejected: others };
  }
  const { file, how } = taken;
  const fromUpload = uploads.includes(file);
  const which = `the ${fromUpload ? "uploaded" : "stored"} ${file.filename ?? "file"} was taken by its ${how}`;
  warnings.push({ code: "build_id_unknown", detail: `the core does not tell the build-id of ${module.path}; ${which} (SHA-256 ${file.sha256.slice(0, 12)}…)` });
  const atPath = stored.filter((each) => each.kind !== "debug" && each.build_id === null && each.path === module.path && begins(each, module) !== false);
  const digests = new Set(atPath.map((each) => each.sha256));
  if (!fromUpload && digests.size > 1)
    warnings.push({ code: "binary_ambiguous", detail: `${digests.size} different files came from ${module.path}; the newest was taken` });
  const debugFile = file.build_id === null ? null : withBuildId([...uploads, ...stored], { ...module, buildId: file.build_id }, true);
  return { module, found: fromUpload ? "upload" : found(file), file, debugFile, rejected: others };
}

const found = (file: NewBinary) => (file.origin === "debuginfod" ? ("debuginfod" as const) : ("store" as const));

/** Two files with one build-id: at least one of them is not what it says. */
function conflict(module: CoreModule, all: readonly NewBinary[], taken: NewBinary, debug: boolean): Warning | null {
  const digests = new Set(all.filter((each) => each.build_id === module.buildId && (each.kind === "debug") === debug).map((each) => each.sha256));
  if (digests.size < 2) return null;
  const what = debug ? "debug files" : "files";
  return {
    code: "build_id_conflict",
    detail: `${digests.size} different ${what} claim the build-id ${module.buildId} of ${module.path}; the one with SHA-256 ${taken.sha256.slice(0, 12)}… was taken`,
  };
}

export function chooseBinaries(facts: CoreFacts, uploads: readonly NewBinary[], stored: readonly NewBinary[]): Choices {
  const warnings: Warning[] = [];
  const all = [...uploads, ...stored];
  const choices = facts.modules
    .filter((module) => module.kind !== "vdso")
    .map((module): Choice => {
      if (module.buildId === null) return byName(module, facts, uploads, stored, warnings);
      const debugFile = withBuildId(uploads, module, true) ?? withBuildId(stored, module, true);
      const uploaded = withBuildId(uploads, module, false);
      const file = uploaded ?? withBuildId(stored, module, false);
      for (const [taken, debug] of [[file, false] as const, [debugFile, true] as const]) {
        const told = taken === null ? null : conflict(module, all, taken, debug);
        if (told !== null) warnings.push(told);
      }
      const claimants = uploads.filter((each) => each.build_id === module.buildId);
      if (file !== null) return { module, found: uploaded === null ? found(file) : "upload", file, debugFile, rejected: claimants };
      const names = namesOf(module, facts);
      const named = uploads.filter((each) => each.kind !== "debug" && each.filename !== null && names.has(each.filename));
      for (const other of named) warnings.push(mismatch(other, module));
      return { module, found: named.length > 0 ? "mismatch" : "missing", file: null, debugFile, rejected: [...claimants, ...named] };
    });
  return { choices, warnings };
}
