/**
 * The wide matrix: every crash program on every interpreter at hand, through HTTP, with the binaries as they are, with stripped copies of
 * them, and with the core alone. Prints how many came out right; ends with status 1 when one did not.
 *
 *   npm run test:matrix -- [--python PATH|ROOT//PATH]… [--root DEBIAN_ROOT]… [--debian SUITE[:ARCHITECTURE]]… [--variant as-is|stripped|core-alone]… [--program NAME]… [--light] [--ci]
 *
 * `--debian sid` makes that Debian in a folder of the temporary one (kept for the next run) and takes its interpreters, the debug builds
 * among them; `sid:i386` is one of 32 bits. `--ci` is what CI can afford: the light programs, each as it is and in one of the other variants in turn, two at once, and
 * one that fails is tried once more. `--damage [--thorough]` tries damaged cores on each interpreter instead of the programs.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { entriesFor } from "../corpus/manifest.ts";
import { writeProjectTokens } from "../support/project-tokens.ts";
import { startStack } from "../support/stack.ts";
import type { Service } from "../support/submit.ts";
import { tryDamage } from "./damage.ts";
import { debianRoots } from "./debian-roots.ts";
import { interpretersFrom } from "./interpreters.ts";
import { runPrograms } from "./run-programs.ts";
import { type Variant, VariantProject, variants } from "./variant-project.ts";

const { values } = parseArgs({
  options: {
    python: { type: "string", multiple: true, default: [] },
    root: { type: "string", multiple: true, default: [] },
    variant: { type: "string", multiple: true, default: [...variants] },
    program: { type: "string", multiple: true, default: [] },
    debian: { type: "string", multiple: true, default: [] },
    light: { type: "boolean", default: false },
    ci: { type: "boolean", default: false },
    damage: { type: "boolean", default: false },
    thorough: { type: "boolean", default: false },
    seed: { type: "string", default: "1" },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  const [opening = ""] = (await readFile(import.meta.filename, "utf8")).split("*/", 1);
  process.stdout.write(`${opening.replaceAll(/^ ?\/?\*+ ?/gm, "").trim()}\n`);
  process.exit(0);
}
const wanted = variants.filter((variant) => values.variant.includes(variant));
const interpreters = await interpretersFrom({
  paths: values.python,
  pyenvRoot: process.env["PYENV_ROOT"] ?? join(homedir(), ".pyenv"),
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
    const light = values.light || values.ci;
    const entries = entriesFor(interpreter).filter(
      (entry) => (values.program.length === 0 || values.program.some((name) => entry.program.startsWith(name))) && !(light && entry.heavy === true),
    );
    const scores = await runPrograms({
      projects,
      interpreter,
      entries,
      variantsOf: (index) => (values.ci ? ["as-is", index % 2 === 0 ? "stripped" : "core-alone"] : wanted),
      atOnce: values.ci ? 2 : 1,
      again: values.ci,
      tell: (line) => process.stdout.write(`${line}\n`),
    });
    for (const { right, of } of scores.values()) {
      passed += right;
      failed += of - right;
    }
    const name = `${interpreter.version.join(".")}${interpreter.root === null ? "" : " (root)"} ${basename(interpreter.path)}`;
    table[name] = Object.fromEntries([...scores].map(([variant, { right, of }]) => [variant, `${right} of ${of}`]));
    process.stdout.write(`${name}: ${JSON.stringify(table[name])}\n`);
  }
}
await rm(scratch, { recursive: true, force: true });
console.table(table);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
