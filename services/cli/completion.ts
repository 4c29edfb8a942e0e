/** Completion scripts, made of the table of commands. */
import { commands, commonOptions } from "./usage.ts";

const optionsOf = (name: string) => [...Object.keys(commands[name]?.options ?? {}), ...Object.keys(commonOptions)].map((each) => `--${each}`);
const names = Object.keys(commands);
const secondWords: Readonly<Record<string, string>> = { binaries: "push", completion: "bash zsh fish" };

/** Options whose values are known, with these. */
const choices = (name: string) =>
  Object.entries(commands[name]?.options ?? {}).flatMap(([option, { value = "" }]) =>
    /^\w+(\|\w+)+$/.test(value) ? [{ option, values: value.replaceAll("|", " ") }] : [],
  );

function bash(): string {
  const cases = names.flatMap((name) => [
    ...choices(name).map(({ option, values }) => `    ${name}\\ --${option}) words="${values}" ;;`),
    `    ${name}\\ *) words="${[secondWords[name] ?? "", ...optionsOf(name)].join(" ").trim()}" ;;`,
  ]);
  return `_inquest() {
  local words current="\${COMP_WORDS[COMP_CWORD]}"
  if [ "$COMP_CWORD" -eq 1 ]; then COMPREPLY=($(compgen -W "${names.join(" ")}" -- "$current")); return; fi
  case "\${COMP_WORDS[1]} \${COMP_WORDS[COMP_CWORD-1]}" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _inquest inquest
`;
}

function zsh(): string {
  const described = names.map((name) => `'${name}:${commands[name]?.text.replaceAll("'", "'\\''").replaceAll(":", "\\:")}'`);
  const cases = names.flatMap((name) => [
    ...choices(name).map(({ option, values }) => `    ${name}\\ --${option}) compadd -- ${values} ;;`),
    `    ${name}\\ *) if [[ $PREFIX == -* ]]; then compadd -- ${optionsOf(name).join(" ")}; else ${zshWords(name)}; fi ;;`,
  ]);
  return `#compdef inquest
_inquest() {
  if (( CURRENT == 2 )); then local -a commands; commands=(${described.join(" ")}); _describe command commands; return; fi
  case "$words[2] $words[CURRENT-1]" in
${cases.join("\n")}
  esac
}
compdef _inquest inquest
`;
}

function zshWords(name: string): string {
  const second = secondWords[name];
  if (second === undefined) return "_files";
  return name === "completion" ? `compadd -- ${second}` : `if (( CURRENT == 3 )); then compadd -- ${second}; else _files; fi`;
}

const fishText = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

function fish(): string {
  const lines = names.flatMap((name) => {
    const known = new Map(choices(name).map(({ option, values }) => [option, values]));
    const value = (option: string) => (known.has(option) ? ` -x -a '${known.get(option)}'` : " -r");
    return [
      `complete -c inquest -n __fish_use_subcommand -f -a ${name} -d ${fishText(commands[name]?.text ?? "")}`,
      ...(secondWords[name] === undefined
        ? []
        : [`complete -c inquest -n '__fish_seen_subcommand_from ${name}' ${name === "completion" ? "-f " : ""}-a '${secondWords[name]}'`]),
      ...Object.entries({ ...commands[name]?.options, ...commonOptions }).map(
        ([option, { type, text }]) =>
          `complete -c inquest -n '__fish_seen_subcommand_from ${name}' -l ${option}${type === "string" ? value(option) : ""} -d ${fishText(text)}`,
      ),
    ];
  });
  return `${lines.join("\n")}\n`;
}

const shells: Readonly<Record<string, () => string>> = { bash, zsh, fish };

/** Null for a shell that is not known. */
export const completionScript = (shell: string) => shells[shell]?.() ?? null;
