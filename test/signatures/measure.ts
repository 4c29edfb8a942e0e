/**
 * Pair precision and recall of the signatures over a labelled corpus: many bugs, each in several variants and on every interpreter named,
 * those that the rules were made with and others apart.
 * Prints them, and every bug that was split or mixed. Ends with status 1 when two bugs share a signature where the binaries were there.
 *
 *   npm run measure:signatures -- [--python PATH]… [--root DEBIAN_ROOT]… [--version 3.11]… [--label PREFIX]… [--variant as-is]… [--cache FOLDER] [--from-cache]
 *
 * With `--cache` the reports are kept there, so that rules can be tried again (`--from-cache`) without making a core.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";
import { signatureOf } from "../../services/triage/signature.ts";
import type { Interpreter } from "../corpus/make-core.ts";
import { interpretersFrom } from "../matrix/interpreters.ts";
import { openAnalyst } from "./analyse.ts";
import { openBuilder } from "./build.ts";
import { type Case, cases, type Part, parts } from "./cases.ts";
import { collect, type Sample, variants } from "./collect.ts";
import { confusions, score } from "./score.ts";

const { values } = parseArgs({
  options: {
    python: { type: "string", multiple: true, default: [] },
    root: { type: "string", multiple: true, default: [] },
    version: { type: "string", multiple: true, default: [] },
    label: { type: "string", multiple: true, default: [] },
    cache: { type: "string" },
    variant: { type: "string", multiple: true, default: [] },
    "from-cache": { type: "boolean", default: false },
  },
});

const print = (line: string) => process.stdout.write(`${line}\n`);
const wanted = (each: Case) => values.label.length === 0 || values.label.some((label) => each.label.startsWith(label));
const minor = ([first, second]: Interpreter["version"]) => `${first}.${second}`;
const order = (one: readonly [number, number], [first, second]: Interpreter["version"]) => one[0] - first || one[1] - second;
const wantedVariants = variants.filter((variant) => values.variant.length === 0 || values.variant.includes(variant));
const runsOn = (each: Case, { version }: Interpreter) => order(each.from ?? [2, 7], version) <= 0 && order(each.to ?? [99, 0], version) >= 0;

async function keep(folder: string, samples: readonly Sample[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const sample of samples) {
    const name = `${sample.label}@${sample.interpreter.replaceAll("/", "_")}@${sample.variant}.json.gz`;
    await writeFile(join(folder, name), gzipSync(JSON.stringify(sample)));
  }
}

async function kept(folder: string): Promise<Sample[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".json.gz")).sort();
  const all: Sample[] = [];
  for (const name of names) {
    const sample: Sample = JSON.parse(gunzipSync(await readFile(join(folder, name))).toString());
    all.push(sample);
  }
  return all;
}

async function made(): Promise<Sample[]> {
  const interpreters = await interpretersFrom({
    paths: values.python,
    pyenvRoot: process.env["PYENV_ROOT"] ?? null,
    roots: values.root,
    path: process.env["PATH"] ?? "",
  });
  const scratch = await mkdtemp(join(tmpdir(), "inquest-signatures-"));
  const all: Sample[] = [];
  try {
    const builder = openBuilder(scratch, interpreters);
    await using analyst = await openAnalyst();
    for (const each of cases.filter(wanted)) {
      for (const interpreter of interpreters.filter(
        (one) => runsOn(each, one) && (values.version.length === 0 || values.version.includes(minor(one.version))),
      )) {
        const told = `${each.label} on ${interpreter.version.join(".")}`;
        try {
          const samples = await collect({ analyst, builder, scratch }, each, interpreter, wantedVariants);
          if (values.cache !== undefined) await keep(values.cache, samples);
          all.push(...samples);
          print(`${told}: ${samples.length} reports`);
        } catch (error) {
          print(`${told}: ${String(error).slice(0, 300)}`);
        }
      }
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return all;
}

const samples = values["from-cache"] && values.cache !== undefined ? await kept(values.cache) : await made();
const labelled = samples.map(({ label, part, variant, version, interpreter, report }) => {
  const signature = signatureOf(report);
  const keys = signature?.frames.flatMap((frame) => (frame.kept ? [frame.key] : [])).join(" | ") ?? "none";
  return { label, part, variant, version, interpreter, hash: signature?.hash ?? null, told: keys };
});
const ofMinor = ({ label, version }: (typeof labelled)[number]) => `${label} on ${version.split(".").slice(0, 2).join(".")}`;
const withBinaries = labelled.filter(({ variant }) => variant !== "core-alone");
const row = (chosen: typeof labelled) => {
  const { precision, recall } = score(chosen);
  return { crashes: chosen.length, bugs: new Set(chosen.map(({ label }) => label)).size, precision: precision.toFixed(4), recall: recall.toFixed(4) };
};
const titles: Readonly<Record<Part, string>> = {
  first: "Crashes that the rules were made with:",
  second: "Crashes that were held out up to version 2 of the rules, and mended them for version 3:",
  third: "Crashes that were held out up to version 3 of the rules:",
  fourth: "Crashes that were written after version 4 of the rules:",
};
for (const part of parts) {
  const some = labelled.filter((each) => each.part === part);
  const whole = some.filter(({ variant }) => variant !== "core-alone");
  if (some.length === 0) continue;
  print(titles[part]);
  console.table({
    "all variants": row(some),
    "all but the core alone": row(whole),
    "within one minor version": row(
      whole.map((each) => ({ ...each, label: ofMinor(each), hash: `${each.hash} ${each.version.split(".").slice(0, 2).join(".")}` })),
    ),
    ...Object.fromEntries(
      // Each variant beside the same crash as it is.
      variants.slice(1).map((variant) => [`as-is and ${variant}`, row(some.filter((each) => each.variant === "as-is" || each.variant === variant))]),
    ),
  });
}
for (const { what, key, among } of confusions(labelled)) {
  print(`${what}: ${key}`);
  for (const each of among) print(`    ${each}`);
}
process.exitCode = labelled.length > 0 && score(withBinaries).precision === 1 ? 0 : 1;
