/** Every command and option of `inquest`, once: the help, the parser and the completions are made of this. */
export interface OptionText {
  readonly type: "string" | "boolean";
  readonly multiple?: true;
  readonly value?: string;
  readonly text: string;
}

export interface CommandText {
  readonly words: string;
  readonly text: string;
  readonly options: Readonly<Record<string, OptionText>>;
}

const flag = (text: string): OptionText => ({ type: "boolean", text });
const told = (value: string, text: string): OptionText => ({ type: "string", value, text });
const many = (value: string, text: string): OptionText => ({ type: "string", multiple: true, value, text });

export const commonOptions = {
  url: told("URL", "the service (INQUEST_URL, or `url` of the configuration file)"),
  token: told("TOKEN", "better given as INQUEST_TOKEN or in the configuration file: arguments are seen by others"),
  json: flag("answer with JSON"),
  help: flag("this text"),
} as const satisfies Record<string, OptionText>;

/** Names as the API has them. */
export const filters = [
  "status",
  "signal",
  "signature",
  "executable",
  "python_version",
  "function",
  "file",
  "extension",
  "diagnosis",
  "since",
  "until",
] as const;

export const commands: Readonly<Record<string, CommandText>> = {
  submit: {
    words: "FILES…",
    text: "send cores, each a job, with the binaries and text logs among the files; wait and print the reports",
    options: {
      label: many("NAME=VALUE", "for example host=web1; repeatable"),
      "when-missing": told("analyze|wait", "what to do while binaries are missing"),
      options: told("NAMES", "what to do beyond the usual: heap_check, census; with commas between"),
      "no-wait": flag("print the job and go"),
    },
  },
  watch: { words: "JOB", text: "tell what happens to a job until it has ended", options: {} },
  show: { words: "JOB", text: "the job, and its report when it has one", options: {} },
  list: {
    words: "",
    text: "jobs, newest first",
    options: {
      ...Object.fromEntries(filters.map((name) => [name.replaceAll("_", "-"), told("VALUE", `only jobs with this ${name.replaceAll("_", " ")}`)])),
      label: many("NAME=VALUE", "only jobs with this label; repeatable"),
      limit: told("COUNT", "at most so many (50)"),
    },
  },
  binaries: { words: "push DIR…", text: "store the binaries below folders that the service lacks", options: {} },
  bundle: {
    words: "JOB",
    text: "download the core with its binaries and helpers as a tar",
    options: { output: told("FILE", "where to (inquest-JOB.tar; - for standard output)") },
  },
  open: { words: "JOB", text: "download the bundle and start the local gdb in the same view", options: { keep: told("DIR", "unpack there and keep it") } },
  completion: { words: "bash|zsh|fish", text: "print a completion script", options: {} },
};

const row = (left: string, text: string) => `  ${left.padEnd(28)} ${text}`;
const optionRow = ([name, { value, text }]: readonly [string, OptionText]) => row(`--${name}${value === undefined ? "" : ` ${value}`}`, text);

export const exitCodes = `exit codes
  0 done · 1 wrong usage or an unreadable file · 2 refused by the service · 3 the analysis failed · 4 the service cannot be reached
  5 a file changed while it was sent · 130 interrupted`;

export function helpText(name: string | null): string {
  const command = name === null ? undefined : commands[name];
  const common = Object.entries(commonOptions).map(optionRow);
  if (name === null || command === undefined) {
    const rows = Object.entries(commands).map(([each, { words, text }]) => row(`${each} ${words}`, text));
    return `usage: inquest COMMAND …\n\n${rows.join("\n")}\n\noptions of all\n${common.join("\n")}\n\n${exitCodes}\n`;
  }
  const own = Object.entries(command.options).map(optionRow);
  return `usage: inquest ${name} ${command.words}\n${command.text}\n\n${[...own, ...common].join("\n")}\n\n${exitCodes}\n`;
}
