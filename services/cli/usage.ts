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
  "q",
  "since",
  "until",
] as const;

const filterNames: Readonly<Record<string, string>> = {
  q: "text: words of functions, files and messages",
  since: "or a later time",
  until: "or an earlier time",
};

const dryRun = flag("with filters: only tell which jobs it would be");

const filterOptions = (what: string): Record<string, OptionText> => ({
  ...Object.fromEntries(filters.map((name) => [name.replaceAll("_", "-"), told("VALUE", `${what} ${filterNames[name] ?? name.replaceAll("_", " ")}`)])),
  label: many("NAME=VALUE", `${what} label; repeatable`),
});

export const commands: Readonly<Record<string, CommandText>> = {
  submit: {
    words: "FILES…",
    text: "send cores, each a job, with the binaries and text logs among the files; wait and print the reports",
    options: {
      label: many("NAME=VALUE", "for example host=web1; repeatable"),
      "when-missing": told("analyze|wait", "what to do while binaries are missing"),
      options: told("NAMES", "what to do beyond the usual: heap_check, census; with commas between"),
      priority: told("high|normal|low", "what is analysed first (normal; of several cores: low)"),
      pack: told("auto|zstd|gzip|never", "the core on its way (auto: by zstd, when that is quicker)"),
      "resume-from": told("SIZE", "so much and more is sent so that a drop of the link costs only the rest (8M; to this machine: none)"),
      "no-wait": flag("print the job and go"),
    },
  },
  watch: { words: "JOB", text: "tell what happens to a job until it has ended", options: {} },
  show: { words: "JOB", text: "the job, and its report when it has one", options: {} },
  list: {
    words: "",
    text: "jobs, newest first",
    options: {
      ...filterOptions("only jobs with this"),
      limit: told("COUNT", "at most so many (50)"),
    },
  },
  groups: {
    words: "",
    text: "crashes that are alike, by the filters of their jobs",
    options: {
      ...filterOptions("groups with such jobs:"),
      status: told("VALUE", "only groups in this state: open, resolved, regressed, ignored"),
      sort: told("last_seen|first_seen|count", "the latest or largest first (last_seen)"),
      "new-since": told("TIME", "only groups first seen then or later"),
      limit: told("COUNT", "at most so many (50)"),
    },
  },
  group: {
    words: "HASH",
    text: "what is known of a group; with options, change it first",
    options: {
      status: told("open|resolved|ignored", "the state to put it in"),
      "resolved-in": told("RELEASE", "with --status resolved: the release that has the remedy"),
      note: told("TEXT", "a note of yours"),
      "issue-url": told("URL", "where it is worked on"),
      merge: many("HASH", "the group that comes to this one; repeatable"),
      split: many("HASH", "the signature that leaves for a group of its own; repeatable"),
    },
  },
  reanalyze: {
    words: "[JOB]",
    text: "run the analysis again, with what was sent since; wait and print the report. With filters instead of a JOB: of all jobs that they leave",
    options: {
      ...filterOptions("jobs with this"),
      options: told("NAMES", "what to do beyond the usual from now on; with commas between"),
      "dry-run": dryRun,
      "no-wait": flag("print the job and go"),
    },
  },
  delete: {
    words: "[JOB…]",
    text: "delete jobs, with their cores and reports. With filters instead of JOBs: all jobs that they leave",
    options: { ...filterOptions("jobs with this"), "dry-run": dryRun },
  },
  label: {
    words: "[JOB…]",
    text: "change labels of jobs, or of all jobs that filters leave",
    options: {
      ...filterOptions("jobs with this"),
      set: many("NAME=VALUE", "the label to set; repeatable"),
      remove: many("NAME", "the label to take away; repeatable"),
      "dry-run": dryRun,
    },
  },
  changes: {
    words: "",
    text: "changes of many jobs by filters, newest first",
    options: {
      state: told("running|complete|failed|cancelled", "only changes in this state"),
      limit: told("COUNT", "at most so many (50)"),
    },
  },
  change: {
    words: "CHANGE",
    text: "wait for a change of many jobs and tell what became of it",
    options: { cancel: flag("put an end to it: the jobs that it has not come to stay as they are") },
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
