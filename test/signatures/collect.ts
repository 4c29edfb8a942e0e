/** Makes the cores of a case on one interpreter, in all variants, and their reports. */
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import type { Report } from "../../services/contract/report.ts";
import { type CoreOptions, type Interpreter, makeCore } from "../corpus/make-core.ts";
import { mappedFiles } from "../support/mapped-files.ts";
import type { Analyst } from "./analyse.ts";
import type { Builder } from "./build.ts";
import type { Case } from "./cases.ts";

const execute = promisify(execFile);

export const variants = ["as-is", "stripped", "core-alone", "shifted", "elsewhere", "filter", "no-faulthandler"] as const;
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

/** A folder with what the program loads, where the interpreter can reach it; `inside` is its path as the interpreter sees it. */
async function place(files: readonly string[], root: string | null): Promise<{ readonly inside: string; readonly folder: string }> {
  const folder = await mkdtemp(join(root === null ? tmpdir() : join(root, "tmp"), "inquest-library-"));
  for (const file of files) await copyFile(file, join(folder, basename(file)));
  return { inside: root === null ? folder : folder.slice(root.length), folder };
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
  readonly builder: Builder;
  /** Stripped copies are kept here. */
  readonly scratch: string;
}

export async function collect({ analyst, builder, scratch }: Collector, each: Case, interpreter: Interpreter, wanted: readonly Variant[]): Promise<Sample[]> {
  const samples: Sample[] = [];
  const built = await builder.built(each.built);
  const runner = each.host === null ? interpreter : { ...interpreter, path: await builder.host(each.host, interpreter) };
  const placed = await place(built, interpreter.root);
  const library = join(placed.inside, basename(built[0] ?? ""));
  const moved = await mkdtemp(join(tmpdir(), "inquest-shifted-"));
  // A program that embeds an interpreter would look for the library of whichever is on the PATH.
  const home = each.host === null ? {} : { PYTHONHOME: dirname(dirname(interpreter.path)) };
  const environment = { ...home, ...(each.bug === null ? {} : { BUG: each.bug }), LIBRARY: library, PYTHONPATH: placed.inside };
  const version = interpreter.version.join(".");
  const name = `${version} ${basename(interpreter.path)}${interpreter.root === null ? "" : " (root)"}`;
  const keep = async (variant: Variant, core: string, binaries: readonly string[]) => {
    const report = await analyst.analyse(core, binaries);
    samples.push({ label: each.label, part: each.part, interpreter: name, version, variant, report });
  };
  const other = async (variant: Variant, program: string, options: CoreOptions) => {
    if (!wanted.includes(variant)) return;
    await using core = await makeCore(runner, program, { ...options, environment: { ...environment, ...options.environment } });
    await keep(variant, core.path, await mappedFiles(core.path, interpreter.root));
  };
  try {
    await using core = await makeCore(runner, each.program, { environment });
    const files = await mappedFiles(core.path, interpreter.root);
    if (wanted.includes("as-is")) await keep("as-is", core.path, files);
    if (wanted.includes("stripped")) await keep("stripped", core.path, await Promise.all(files.map((file) => stripped(file, scratch))));
    if (wanted.includes("core-alone")) await keep("core-alone", core.path, []);
    if (each.bug !== null) await other("shifted", await shifted(each.program, moved), {});
    if (each.bug !== null) await other("elsewhere", each.program, { below: "srv/releases/2026.11/app" });
    await other("filter", each.program, { filter: 0x21 });
    await other("no-faulthandler", each.program, { environment: { PYTHONFAULTHANDLER: "" } });
  } finally {
    await rm(placed.folder, { recursive: true, force: true });
    await rm(moved, { recursive: true, force: true });
  }
  return samples;
}
