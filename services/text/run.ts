/** How it was run, in a few lines: options as they are written on a command line, what else differs from a plain `python3`, the environment. */
import type { RunInfo } from "../contract/interpreter.ts";
import type { Report } from "../contract/report.ts";
import { labelled } from "./layout.ts";
import { safeCut } from "./safe-text.ts";

/** Options by the flags that they set (Doc/using/cmdline.rst). */
const letters: readonly (readonly [flag: string, option: string])[] = [
  ["debug", "-d"],
  ["inspect", "-i"],
  ["optimize", "-O"],
  ["dont_write_bytecode", "-B"],
  ["isolated", "-I"],
  ["ignore_environment", "-E"],
  ["no_user_site", "-s"],
  ["no_site", "-S"],
  ["safe_path", "-P"],
  ["verbose", "-v"],
  ["bytes_warning", "-b"],
  ["quiet", "-q"],
];

const shown = (text: string) => safeCut(text, 200);

function options({ flags, x_options, warn_options, unbuffered }: RunInfo): string {
  const set = letters.flatMap(([flag, option]) => {
    const level = flags?.[flag] ?? 0;
    // -I brings -E, -s and -P with it.
    if (level <= 0 || (flags?.["isolated"] === 1 && ["-E", "-s", "-P"].includes(option))) return [];
    return level > 1 ? [`-${option.slice(1).repeat(Math.min(level, 3))}`] : [option];
  });
  const modes = [
    ...(flags?.["dev_mode"] === 1 && x_options?.includes("dev") !== true ? ["development mode"] : []),
    ...(flags?.["utf8_mode"] === 1 && x_options?.some((each) => each.startsWith("utf8")) !== true ? ["UTF-8 mode"] : []),
  ];
  return [
    ...set,
    ...(unbuffered === true ? ["-u"] : []),
    ...(x_options ?? []).map((each) => `-X ${shown(each)}`),
    ...(warn_options ?? []).map((each) => `-W ${shown(each)}`),
    ...modes,
  ].join(" ");
}

function* ofPython(run: RunInfo, report: Report): Generator<string> {
  const given = options(run);
  if (given !== "") yield* labelled("options", safeCut(given, 1_000));
  if (run.hash_seed !== null) yield* labelled("hash seed", run.hash_seed === 0 ? "0: hashes are not randomized" : String(run.hash_seed));
  const malloc = report.python?.flags.malloc ?? null;
  if (malloc !== null && malloc !== "pymalloc" && malloc !== "mimalloc") yield* labelled("allocator", shown(malloc));
  if (run.prefix !== null && run.base_prefix !== null && run.prefix !== run.base_prefix)
    yield* labelled("venv", `${shown(run.prefix)}, of the Python in ${shown(run.base_prefix)}`);
  if (run.argv !== null && run.argv.length > 0) yield* labelled("sys.argv", safeCut(run.argv.join(" "), 500));
}

function* environment({ process }: Report): Generator<string> {
  // Reports of older releases have none.
  const variables = process.environment ?? [];
  if (variables.length === 0) return;
  const told = variables.flatMap(({ name, value }) => (value === null ? [] : [`${safeCut(name, 60)}=${safeCut(value, 120)}`]));
  const rest = variables.length - told.length;
  const others = rest === 0 ? "" : `${told.length === 0 ? "" : " and "}${rest} more, by name in the JSON report`;
  yield* labelled("environment", `${safeCut(told.join(" "), 1_500)}${others}`, 13);
}

/** Nothing for a report of an older release. */
export function runLines(report: Report): readonly string[] {
  const run = report.python?.run ?? null;
  return [...(run === null ? [] : ofPython(run, report)), ...environment(report)];
}
