/** The `inquest` command: parses, runs one command, and turns what went wrong into a message and an exit code. */
import { parseArgs } from "node:util";
import { createClient } from "../client/client.ts";
import { Refused, Unreachable } from "../client/client-error.ts";
import { FileChanged } from "../client/file-changed.ts";
import { readUserEnvironment, type UserEnvironment } from "../config/environment.ts";
import { binaries } from "./binaries.ts";
import { bundle, open } from "./bundle.ts";
import { change, changes } from "./changes.ts";
import { completionScript } from "./completion.ts";
import { type Context, exitCode } from "./context.ts";
import { group, groups } from "./groups.ts";
import { label, list, reanalyze, remove, show, watch } from "./jobs.ts";
import { settingsOf } from "./settings.ts";
import { submit } from "./submit.ts";
import { type Terminal, terminalOf } from "./terminal.ts";
import { commands, commonOptions, helpText, type OptionText } from "./usage.ts";
import { UsageError } from "./usage-error.ts";

const running: Readonly<Record<string, (context: Context) => Promise<number>>> = {
  submit,
  watch,
  show,
  list,
  groups,
  group,
  reanalyze,
  delete: remove,
  label,
  changes,
  change,
  binaries,
  bundle,
  open,
};

function parsed(name: string, words: readonly string[]) {
  const options: Record<string, { type: OptionText["type"]; multiple?: true }> = {};
  for (const [option, { type, multiple }] of Object.entries<OptionText>({ ...commonOptions, ...commands[name]?.options })) {
    options[option] = { type, ...(multiple ? { multiple } : {}) };
  }
  try {
    return parseArgs({ args: [...words], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

async function run(words: readonly string[], terminal: Terminal, environment: UserEnvironment): Promise<number> {
  const [name = "--help", ...rest] = words;
  if (name === "--help" || name === "-h" || name === "help") {
    terminal.out(helpText(rest[0] ?? null));
    return words.length === 0 ? exitCode.usage : exitCode.done;
  }
  if (commands[name] === undefined) throw new UsageError(`there is no command ${name}; inquest --help lists them`);
  const { values, positionals } = parsed(name, rest);
  if (values["help"] === true) {
    terminal.out(helpText(name));
    return exitCode.done;
  }
  if (name === "completion") {
    const script = completionScript(positionals[0] ?? "");
    if (script === null) throw new UsageError("name the shell: bash, zsh or fish");
    terminal.out(script);
    return exitCode.done;
  }
  const text = (option: string) => (typeof values[option] === "string" ? values[option] : null);
  const texts = (option: string) => (Array.isArray(values[option]) ? values[option].filter((each) => typeof each === "string") : []);
  const settings = settingsOf({ url: text("url") ?? undefined, token: text("token") ?? undefined }, environment);
  const context = {
    client: createClient(settings),
    terminal,
    json: values["json"] === true,
    words: positionals,
    text,
    texts,
    flag: (option: string) => values[option] === true,
  };
  return (await running[name]?.(context)) ?? exitCode.usage;
}

const isMissingFile = (error: unknown): error is Error =>
  error instanceof Error && "code" in error && /^(ENOENT|EACCES|EISDIR|ENOTDIR|ENOSPC)$/.test(String(error.code));

function told(error: unknown, terminal: Terminal): number {
  if (error instanceof Refused) {
    const { code, hint } = error.problem;
    terminal.err(`inquest: ${error.message} (${code})\n${hint === "" ? "" : `  ${hint}\n`}`);
    return code === "unknown" ? exitCode.unreachable : exitCode.refused;
  }
  if (!(error instanceof UsageError || error instanceof Unreachable || error instanceof FileChanged || isMissingFile(error))) throw error;
  terminal.err(`inquest: ${error.message}\n`);
  if (error instanceof Unreachable) return exitCode.unreachable;
  return error instanceof FileChanged ? exitCode.changed : exitCode.usage;
}

export async function main(words: readonly string[]): Promise<number> {
  const environment = readUserEnvironment();
  const terminal = terminalOf(process.stdout, process.stderr, environment.noColor);
  process.stdout.on("error", () => process.exit(exitCode.done)); // whoever reads has enough
  process.on("SIGINT", () => {
    // Whoever else listens, such as while gdb runs, answers it.
    if (process.listenerCount("SIGINT") === 1) process.exit(exitCode.interrupted);
  });
  try {
    return await run(words, terminal, environment);
  } catch (error) {
    return told(error, terminal);
  }
}
