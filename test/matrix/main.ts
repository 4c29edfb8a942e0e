/**
 * The wide matrix: every crash program on every interpreter at hand, through HTTP, with the binaries as they are, with stripped copies of
 * them, and with the core alone. Prints how many came out right; ends with status 1 when one did not.
 *
 *   npm run test:matrix -- [--python PATH]… [--root DEBIAN_ROOT]… [--debian SUITE]… [--variant as-is|stripped|core-alone]… [--program NAME]… [--light]
 *
 * `--debian sid` makes that Debian in a folder of the temporary one (kept for the next run) and takes its interpreters, the debug builds
 * among them. `--damage [--thorough]` tries damaged cores on each interpreter instead of the programs.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { parseArgs, promisify } from "node:util";
import type { Report } from "../../services/contract/report.ts";
import { checkReport } from "../corpus/check-report.ts";
import { type Core, type Interpreter, makeCore, programsFolder } from "../corpus/make-core.ts";
import { type CorpusEntry, entriesFor } from "../corpus/manifest.ts";
import { mappedFiles } from "../support/mapped-files.ts";
import { writeProjectTokens } from "../support/project-tokens.ts";
import { startStack } from "../support/stack.ts";
import { analyse, type Service } from "../support/submit.ts";
import { tryDamage } from "./damage.ts";
import { debianRoots } from "./debian-roots.ts";
import { interpretersFrom } from "./interpreters.ts";

const execute = promisify(execFile);
const variants = ["as-is", "stripped", "core-alone"] as const;
type Variant = (typeof variants)[number];

const { values } = parseArgs({
  options: {
    python: { type: "string", multiple: true, default: [] },
    root: { type: "string", multiple: true, default: [] },
    variant: { type: "string", multiple: true, default: [...variants] },
    program: { type: "string", multiple: true, default: [] },
    debian: { type: "string", multiple: true, default: [] },
    light: { type: "boolean", default: false },
    damage: { type: "boolean", default: false },
    thorough: { type: "boolean", default: false },
    seed: { type: "string", default: "1" },
  },
});

/**
 * The service as one variant sees it. Each variant has a project of its own, so that the store of one does not answer for the other, and
 * sends a file once: the store keeps it for the next core.
 */
class VariantProject {
  readonly #variant: Variant;
  readonly #service: Service;
  readonly #folder: string;
  readonly #sent = new Set<string>();

  constructor(variant: Variant, service: Service, folder: string) {
    this.#variant = variant;
    this.#service = service;
    this.#folder = folder;
  }

  async analyse(core: Core, interpreter: Interpreter): Promise<Report> {
    const files = this.#variant === "core-alone" ? [] : await mappedFiles(core.path, interpreter.root);
    const unsent = files.filter((file) => !this.#sent.has(file));
    const binaries = this.#variant === "stripped" ? await Promise.all(unsent.map((file) => this.#stripped(file))) : unsent;
    const { report } = await analyse(this.#service, { core: core.path, binaries });
    for (const file of unsent) this.#sent.add(file);
    return report;
  }

  /** A copy without symbols and debug info; the build-id stays. */
  async #stripped(file: string): Promise<string> {
    const copy = join(this.#folder, file.replaceAll("/", "%"), basename(file));
    await mkdir(dirname(copy), { recursive: true });
    await execute("strip", ["--strip-all", "-o", copy, file]).catch(() => execute("cp", [file, copy]));
    return copy;
  }
}

async function tryOne(projects: ReadonlyMap<Variant, VariantProject>, interpreter: Interpreter, entry: CorpusEntry): Promise<Map<Variant, string[]>> {
  const source = join(programsFolder, entry.program);
  await using core = await makeCore(interpreter, source, { gcore: entry.gcore === true, environment: entry.environment ?? {} });
  const results = new Map<Variant, string[]>();
  for (const [variant, project] of projects) {
    try {
      results.set(variant, checkReport(entry, await project.analyse(core, interpreter), core, source));
    } catch (error) {
      results.set(variant, [String(error)]);
    }
  }
  return results;
}

const wanted = variants.filter((variant) => values.variant.includes(variant));
const interpreters = await interpretersFrom({
  paths: values.python,
  pyenvRoot: process.env["PYENV_ROOT"] ?? null,
  roots: [...values.root, ...(await debianRoots(values.debian))],
  path: process.env["PATH"] ?? "",
});
const scratch = await mkdtemp(join(tmpdir(), "inquest-matrix-"));
let failed = 0;
let passed = 0;
const table: Record<string, Record<string, string>> = {};
{
  const tokensFile = join(scratch, "tokens.json");
  const tokens = await writeProjectTokens(tokensFile, [...wanted, "damage"]);
  await using stack = await startStack({ environment: { INQUEST_LOG_LEVEL: "warn", INQUEST_TOKENS_FILE: tokensFile } });
  const service = (project: Variant | "damage"): Service => ({ url: stack.url, token: tokens.get(project) ?? "" });
  const projects = new Map(wanted.map((variant) => [variant, new VariantProject(variant, service(variant), scratch)]));
  for (const interpreter of values.damage ? interpreters : []) {
    const { tried, refused, whole, problems } = await tryDamage({
      service: service("damage"),
      interpreter,
      seed: Number(values.seed),
      cuts: values.thorough ? 100 : 8,
      filters: values.thorough ? Array.from({ length: 0x80 }, (_, filter) => filter) : [0, 1, 2, 0x21, 0x31, 0x33, 0x7f],
      overwritten: values.thorough ? 60 : 8,
      tell: (line) => process.stdout.write(`${interpreter.version.join(".")} ${line}\n`),
    });
    passed += tried - problems.length;
    failed += problems.length;
    table[interpreter.version.join(".")] = {
      "damaged cores": `${tried}`,
      "refused with a code": `${refused}`,
      "stack still whole": `${whole}`,
      wrong: `${problems.length}`,
    };
  }
  for (const interpreter of values.damage ? [] : interpreters) {
    const entries = entriesFor([interpreter.version[0], interpreter.version[1]]).filter(
      (entry) => (values.program.length === 0 || values.program.some((name) => entry.program.startsWith(name))) && !(values.light && entry.heavy === true),
    );
    const right = new Map(wanted.map((variant) => [variant, 0]));
    for (const entry of entries) {
      let results: Map<Variant, string[]>;
      try {
        results = await tryOne(projects, interpreter, entry);
      } catch (error) {
        results = new Map(wanted.map((variant) => [variant, [String(error)]]));
      }
      for (const [variant, problems] of results) {
        if (problems.length === 0) right.set(variant, (right.get(variant) ?? 0) + 1);
        for (const problem of problems) process.stdout.write(`${interpreter.version.join(".")} ${entry.program} ${variant}: ${problem}\n`);
        if (problems.length === 0) passed += 1;
        else failed += 1;
      }
    }
    const name = `${interpreter.version.join(".")}${interpreter.root === null ? "" : " (root)"} ${basename(interpreter.path)}`;
    table[name] = Object.fromEntries([...right].map(([variant, count]) => [variant, `${count} of ${entries.length}`]));
    process.stdout.write(`${name}: ${JSON.stringify(table[name])}\n`);
  }
}
await rm(scratch, { recursive: true, force: true });
console.table(table);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
