/**
 * Damaged cores through HTTP: cut at many places, with pages filtered out, with bytes overwritten, with another interpreter's file under
 * the right name. Each must end as a report with what is readable, or be refused with a coded problem; none may hang, and the next whole
 * core must be read as if nothing had been.
 */
import { copyFile, open, stat, truncate } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Report } from "../../services/contract/report.ts";
import { checkReport } from "../corpus/check-report.ts";
import { type Core, type Interpreter, makeCore, programsFolder } from "../corpus/make-core.ts";
import { entriesFor } from "../corpus/manifest.ts";
import { mappedFiles } from "../support/mapped-files.ts";
import { analyse, type NamedFile, RefusedUpload, type Service } from "../support/submit.ts";

/** mulberry32: the same places in every run with the same seed. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface DamageOptions {
  readonly service: Service;
  readonly interpreter: Interpreter;
  readonly seed: number;
  /** How many cuts, filters and overwritten copies. */
  readonly cuts: number;
  readonly filters: readonly number[];
  readonly overwritten: number;
  readonly tell: (line: string) => void;
}

export interface DamageResult {
  readonly tried: number;
  readonly refused: number;
  /** In how many the whole Python stack of the crashed thread was still told. */
  readonly whole: number;
  readonly problems: readonly string[];
}

interface Whole {
  readonly core: Core;
  readonly source: string;
  readonly binaries: readonly (string | NamedFile)[];
}

const codeOfProblem = /"code":"[a-z_]+"/;

class Trial {
  readonly #options: DamageOptions;
  readonly #problems: string[] = [];
  #tried = 0;
  #refused = 0;
  #whole = 0;

  constructor(options: DamageOptions) {
    this.#options = options;
  }

  problem(what: string, why: string): void {
    this.#problems.push(`${what}: ${why}`);
    this.#options.tell(`${what}: ${why}`);
  }

  /** Uploads one; `wants` says what is wrong with its report beyond that. */
  async upload(what: string, core: string, binaries: Whole["binaries"], wants: (report: Report) => string[] = () => []): Promise<void> {
    this.#tried += 1;
    try {
      const { report } = await analyse(this.#options.service, { core, binaries });
      const stack = report.threads[0]?.python_frames.flatMap((frame) => (frame.kind === "python" ? [frame.function] : [])) ?? [];
      if (stack.includes("inner") && stack.at(-1) === "<module>") this.#whole += 1;
      if (report.python === null && report.python_missing_reason === null) this.problem(what, "no Python and no reason");
      for (const why of wants(report)) this.problem(what, why);
    } catch (error) {
      if (error instanceof RefusedUpload && error.status < 500 && codeOfProblem.test(error.message)) this.#refused += 1;
      else this.problem(what, String(error));
    }
  }

  result(): DamageResult {
    return { tried: this.#tried, refused: this.#refused, whole: this.#whole, problems: this.#problems };
  }
}

const warned = (codes: RegExp) => (report: Report) =>
  report.warnings.some(({ code }) => codes.test(code)) || report.diagnoses.some(({ code }) => codes.test(code))
    ? []
    : [`no warning says so: ${report.warnings.map(({ code }) => code).join(", ")}`];

async function cutShort(trial: Trial, { core, binaries }: Whole, cuts: number, next: () => number): Promise<void> {
  const { size } = await stat(core.path);
  const fixed = [0, 1, 4, 16, 63, 64, 65, 120, 1_000, 4_095, 4_096, 4_097, 20_000, size >> 1, size - 4_096, size - 1];
  const places = [...fixed, ...Array.from({ length: cuts }, () => Math.floor(next() * size))];
  const path = join(core.folder, "cut");
  for (const at of places) {
    await copyFile(core.path, path);
    await truncate(path, at);
    await trial.upload(`cut at ${at} of ${size}`, path, binaries, warned(/truncated/));
  }
}

async function overwrite(trial: Trial, { core, binaries }: Whole, copies: number, next: () => number): Promise<void> {
  const { size } = await stat(core.path);
  const path = join(core.folder, "overwritten");
  for (let copy = 0; copy < copies; copy += 1) {
    await copyFile(core.path, path);
    {
      await using file = await open(path, "r+");
      // Every fourth copy has its headers and notes hit, the others whole pages and single words of memory.
      const limit = copy % 4 === 0 ? 16_384 : size;
      for (let hit = 0; hit < 200; hit += 1) {
        const bytes = Buffer.alloc(hit % 8 === 0 ? 4_096 : 8, Math.floor(next() * 256));
        const at = copy % 4 === 0 ? 64 + Math.floor(next() * limit) : 65_536 + Math.floor(next() * (size - 65_536));
        await file.write(bytes, 0, Math.min(copy % 4 === 0 ? 8 : bytes.length, size - at), at);
      }
    }
    await trial.upload(`overwritten copy ${copy}`, path, binaries);
  }
}

async function filtered(trial: Trial, { source, binaries }: Whole, interpreter: Interpreter, filters: readonly number[]): Promise<void> {
  for (const filter of filters) {
    const name = `coredump_filter 0x${filter.toString(16)}`;
    try {
      await using core = await makeCore(interpreter, source, { filter });
      // Bit 0 is anonymous private memory: with it the heap and the stacks are there, and the rest is in the files or not needed.
      const wants = (report: Report) => {
        const stack = report.threads[0]?.python_frames.flatMap((frame) => (frame.kind === "python" ? [frame.function] : [])).join(" < ") ?? "";
        return (filter & 1) === 0 || stack.endsWith("inner < middle < main < <module>") ? [] : [`stack is ${stack || report.python_missing_reason}`];
      };
      await trial.upload(name, core.path, binaries, wants);
    } catch (error) {
      trial.problem(name, String(error));
    }
  }
}

/** Another ELF file under the interpreter's name: must be told as a mismatch, and the core be read as if it were not there. */
async function wrongInterpreter(trial: Trial, whole: Whole, interpreter: Interpreter, check: (report: Report) => string[]): Promise<void> {
  const files = whole.binaries.filter((file) => typeof file === "string");
  const interpreters = files.filter((file) => /^(lib)?python/.test(basename(file)));
  const other = files.find((file) => /libc[.-]/.test(basename(file)));
  if (interpreters.length === 0 || other === undefined) return trial.problem("wrong interpreter", `${interpreter.path} maps no file to stand in for`);
  const wrong = files.map((file) => (interpreters.includes(file) ? { path: other, name: basename(file) } : file));
  await trial.upload("wrong interpreter under the right name", whole.core.path, wrong, (report) => {
    const found = report.modules.filter(({ path }) => interpreters.some((file) => basename(path) === basename(file)));
    const told = found.length > 0 && found.every((module) => module.found === "mismatch");
    return [...check(report), ...(told ? [] : [`modules are told as ${found.map((module) => module.found).join(", ")}, not mismatch`])];
  });
}

export async function tryDamage(options: DamageOptions): Promise<DamageResult> {
  const { interpreter, tell } = options;
  const next = random(options.seed);
  const trial = new Trial(options);
  const [entry] = entriesFor(interpreter);
  if (entry === undefined) throw new Error("the corpus is empty");
  const source = join(programsFolder, entry.program);
  await using core = await makeCore(interpreter, source);
  const whole: Whole = { core, source, binaries: await mappedFiles(core.path, interpreter.root) };
  const check = (report: Report) => checkReport(entry, report, core, source);
  tell(`damage to a core of ${basename(dirname(dirname(interpreter.path)))}, seed ${options.seed}`);
  // First, since the store keeps what fits for every later core.
  await wrongInterpreter(trial, whole, interpreter, (report) => check(report).filter((why) => !why.startsWith("diagnosis")));
  await trial.upload("whole core", core.path, whole.binaries, check);
  await cutShort(trial, whole, options.cuts, next);
  await filtered(trial, whole, interpreter, options.filters);
  await overwrite(trial, whole, options.overwritten, next);
  await trial.upload("whole core after all", core.path, whole.binaries, check);
  return trial.result();
}
