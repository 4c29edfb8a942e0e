/** Crashes the programs of the corpus on one interpreter and holds the reports against what each must show. */
import { join } from "node:path";
import { checkReport, type Lacking } from "../corpus/check-report.ts";
import { type Interpreter, makeCore, programsFolder } from "../corpus/make-core.ts";
import type { CorpusEntry } from "../corpus/manifest.ts";
import type { Variant, VariantProject } from "./variant-project.ts";

export interface Run {
  readonly projects: ReadonlyMap<Variant, VariantProject>;
  readonly interpreter: Interpreter;
  readonly entries: readonly CorpusEntry[];
  /** By the entry's place in the list. */
  readonly variantsOf: (index: number) => readonly Variant[];
  /** How many programs at once. */
  readonly atOnce: number;
  /** A program that fails is tried once more before it counts. */
  readonly again: boolean;
  readonly tell: (line: string) => void;
}

export interface Score {
  right: number;
  of: number;
}

const failure = (error: unknown): string[] => [String(error)];

type Problems = ReadonlyMap<Variant, readonly string[]>;

const lacking: Readonly<Record<Variant, Lacking>> = { "as-is": "nothing", stripped: "symbols", "core-alone": "binaries" };

async function tryOne({ projects, interpreter }: Run, entry: CorpusEntry, wanted: readonly Variant[]): Promise<Problems> {
  const results = new Map<Variant, readonly string[]>();
  const source = join(programsFolder, entry.program);
  try {
    await using core = await makeCore(interpreter, source, { gcore: entry.gcore === true, environment: entry.environment ?? {} });
    for (const variant of wanted) {
      const project = projects.get(variant);
      if (project === undefined) throw new Error(`no project for ${variant}`);
      results.set(variant, await project.analyse(core, interpreter).then((report) => checkReport(entry, report, core, source, lacking[variant]), failure));
    }
  } catch (error) {
    for (const variant of wanted) results.set(variant, failure(error));
  }
  return results;
}

const failedOf = (problems: Problems) => [...problems].flatMap(([variant, found]) => (found.length > 0 ? [variant] : []));

async function settled(run: Run, entry: CorpusEntry, wanted: readonly Variant[]): Promise<Problems> {
  const first = await tryOne(run, entry, wanted);
  const failed = failedOf(first);
  if (failed.length === 0 || !run.again) return first;
  const second = await tryOne(run, entry, failed);
  for (const variant of failed) {
    const outcome = second.get(variant)?.length === 0 ? "right the second time" : "wrong both times";
    run.tell(`${run.interpreter.version.join(".")} ${entry.program} ${variant}: tried again, ${outcome}; the first time: ${first.get(variant)?.join("; ")}`);
  }
  return new Map([...first, ...second]);
}

/** Tells each problem as it comes; answers how many came out right, by variant. */
export async function runPrograms(run: Run): Promise<ReadonlyMap<Variant, Score>> {
  const scores = new Map<Variant, Score>();
  const left = run.entries.map((entry, index) => ({ entry, wanted: run.variantsOf(index) }));
  const work = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      for (const [variant, problems] of await settled(run, next.entry, next.wanted)) {
        const score = scores.get(variant) ?? { right: 0, of: 0 };
        scores.set(variant, { right: score.right + (problems.length === 0 ? 1 : 0), of: score.of + 1 });
        for (const problem of problems) run.tell(`${run.interpreter.version.join(".")} ${next.entry.program} ${variant}: ${problem}`);
      }
    }
  };
  await Promise.all(Array.from({ length: run.atOnce }, work));
  return scores;
}
