/** The completion scripts in the shells that they are for, where a person presses the tabulator. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { completionScript } from "../../services/cli/completion.ts";
import { onTerminal } from "../support/terminal.ts";

const execute = promisify(execFile);
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inquest-completion-"));
  for (const shell of ["bash", "zsh", "fish"]) await writeFile(join(folder, shell), completionScript(shell) ?? "");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const typed = [
  ["inquest lis\t --py\t 3.11", "list --python-version 3.11"],
  ["inquest binaries pu\t here", "binaries push here"],
  ["inquest open --k\t there", "open --keep there"],
  ["inquest changes --state ru\t", "changes --state running"],
  ["inquest submit --priority h\t core", "submit --priority high core"],
] as const;

test.each([
  ["bash", "bash --noprofile --norc -i", "PS1='ready> '"],
  ["zsh", "zsh -f -i", "PS1='ready> '; autoload -U compinit; compinit -u -D"],
] as const)("%s finishes commands, second words, options and their values", async (shell, command, set) => {
  const start = `${set}; source ${join(folder, shell)}; inquest() { echo "ran[$*]"; }\n`;
  const lines = [...typed.map(([keys]) => ({ after: /ready> /, type: `${keys}\n` })), { after: /ready> /, type: "exit\n" }];
  const { screen } = await onTerminal(command, [{ after: /[#$%>] /, type: start }, ...lines], { PATH: process.env["PATH"] ?? "", TERM: "dumb", HOME: folder });
  for (const [, expected] of typed) expect(screen).toContain(`ran[${expected}]`);
});

test("fish finishes commands, second words, options and their values, and says what they do", async () => {
  const complete = async (line: string) =>
    (
      await execute("fish", ["--no-config", "-c", `source ${join(folder, "fish")}; complete -C ${JSON.stringify(line)}`], {
        env: { ...process.env, HOME: folder },
      })
    ).stdout;
  expect(await complete("inquest lis")).toBe("list\tjobs, newest first\n");
  expect(await complete("inquest list --py")).toBe("--python-version\tonly jobs with this python version\n");
  expect(await complete("inquest completion ")).toBe("bash\nfish\nzsh\n");
  expect(await complete("inquest group x --status re")).toBe("resolved\tthe state to put it in\n");
  expect(await complete("inquest binaries pu")).toContain("push\n");
});
