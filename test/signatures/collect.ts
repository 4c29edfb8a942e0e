/** Makes the cores of a case on one interpreter, in all variants, and their reports. */
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import type { Report } from "../../services/contract/report.ts";
import { type CoreOptions, type Interpreter, makeCore } from "../corpus/make-core.ts";
import { mappedFiles } from "../support/mapped-files.ts";
import type { Analyst } from "./analyse.ts";
import type { Case } from "./cases.ts";

const execute = promisify(execFile);

export const variants = ["as-is", "stripped", "core-alone", "shifted", "filter", "no-faulthandler"] as const;
export type Variant = (typeof variants)[number];

export interface Sample {
  readonly label: string;
  readonly part: Case["part"];
  readonly interpreter: string;
  readonly version: string;
  readonly variant: Variant;
  readonly report: Report;
}

/** Copies without symbols and debug info; the build-id stays. */
async function stripped(file: string, folder: string): Promise<string> {
  const copy = join(folder, file.replaceAll("/", "%"), basename(file));
  await mkdir(join(copy, ".."), { recursive: true });
  await execute("strip", ["--strip-all", "-o", copy, file]).catch(() => execute("cp", [file, copy]));
  return copy;
}

/** The library with the native bugs, where the interpreter can load it; its path as the interpreter sees it. */
async function placeLibrary(library: string, root: string | null): Promise<{ readonly inside: string; readonly folder: string }> {
  const folder = await mkdtemp(join(root === null ? tmpdir() : join(root, "tmp"), "inquest-library-"));
  const here = join(folder, basename(library));
  await copyFile(library, here);
  return { inside: root === null ? here : here.slice(root.length), folder };
}

/** The same program further down its file: comments before, and a function that nobody calls. */
async function shifted(program: string, folder: string): Promise<string> {
  const text = await readFile(program, "utf8");
  const copy = join(folder, basename(program));
  await writeFile(copy, `# One.\n# Two.\n# Three.\n\n\ndef unused_function():\n    return 1\n\n\n${text}`);
  return copy;
}

export interface Collector {
  readonly analyst: Analyst;
  /** By its C file. */
  readonly libraries: ReadonlyMap<string, string>;
  /** Stripped copies are kept here. */
  readonly scratch: string;
}

export async function collect({ analyst, libraries, scratch }: Collector, each: Case, interpreter: Interpreter, wanted: readonly Variant[]): Promise<Sample[]> {
  const samples: Sample[] = [];
  const placed = await placeLibrary(libraries.get(each.library) ?? "", interpreter.root);
  const moved = await mkdtemp(join(tmpdir(), "inquest-shifted-"));
  const environment = { ...(each.bug === null ? {} : { BUG: each.bug }), LIBRARY: placed.inside };
  const version = interpreter.version.join(".");
  const name = `${version} ${basename(interpreter.path)}${interpreter.root === null ? "" : " (root)"}`;
  const keep = async (variant: Variant, core: string, binaries: readonly string[]) => {
    const report = await analyst.analyse(core, binaries);
    samples.push({ label: each.label, part: each.part, interpreter: name, version, variant, report });
  };
  const other = async (variant: Variant, program: string, options: CoreOptions) => {
    if (!wanted.includes(variant)) return;
    await using core = await makeCore(interpreter, program, { ...options, environment: { ...environment, ...options.environment } });
    await keep(variant, core.path, await mappedFiles(core.path, interpreter.root));
  };
  try {
    await using core = await makeCore(interpreter, each.program, { environment });
    const files = await mappedFiles(core.path, interpreter.root);
    if (wanted.includes("as-is")) await keep("as-is", core.path, files);
    if (wanted.includes("stripped")) await keep("stripped", core.path, await Promise.all(files.map((file) => stripped(file, scratch))));
    if (wanted.includes("core-alone")) await keep("core-alone", core.path, []);
    if (each.bug !== null) await other("shifted", await shifted(each.program, moved), {});
    await other("filter", each.program, { filter: 0x21 });
    await other("no-faulthandler", each.program, { environment: { PYTHONFAULTHANDLER: "" } });
  } finally {
    await rm(placed.folder, { recursive: true, force: true });
    await rm(moved, { recursive: true, force: true });
  }
  return samples;
}
