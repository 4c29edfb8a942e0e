/** `groups` and `group`: crashes that are alike, and what people say of them. */
import type { Group, GroupChange, GroupSummary } from "../contract/group.ts";
import { type Context, exitCode } from "./context.ts";
import { eachPage } from "./pages.ts";
import { shown, type Terminal } from "./terminal.ts";
import { filters } from "./usage.ts";
import { UsageError } from "./usage-error.ts";

function state(terminal: Terminal, { status, resolved_in: release }: GroupSummary): string {
  if (status === "regressed") return terminal.red(status);
  return status === "resolved" ? terminal.green(release === null ? status : `${status} in ${shown(release)}`) : terminal.bold(status);
}

const summary = (terminal: Terminal, group: GroupSummary) =>
  `${group.signature.hash}  ${String(group.count).padStart(6)}  ${group.last_seen}  ${state(terminal, group)}  ${group.trend.direction}  ${shown(group.signature.title)}`;

export async function groups(context: Context): Promise<number> {
  const { client, terminal, json } = context;
  const names = [...filters, "sort", "new_since"];
  await eachPage(
    context,
    names,
    (query) => client.listGroups(query),
    (group) => terminal.out(`${json ? JSON.stringify(group) : summary(terminal, group)}\n`),
  );
  return exitCode.done;
}

function changeOf({ text }: Context): GroupChange | null {
  const [status, resolvedIn, note, issueUrl] = [text("status"), text("resolved-in"), text("note"), text("issue-url")];
  if (status !== null && status !== "open" && status !== "resolved" && status !== "ignored") throw new UsageError("--status is open, resolved or ignored");
  const change: GroupChange = {
    ...(status === null ? {} : { status }),
    ...(resolvedIn === null ? {} : { resolved_in: resolvedIn }),
    ...(note === null ? {} : { note }),
    ...(issueUrl === null ? {} : { issue_url: issueUrl }),
  };
  return Object.keys(change).length === 0 ? null : change;
}

function whole(terminal: Terminal, group: Group): string {
  const counted = (values: readonly { readonly value: string; readonly count: number }[]) =>
    values.map(({ value, count }) => `${shown(value)} (${count})`).join(", ");
  const rows: [string, string][] = [
    ["seen", `${group.first_seen} to ${group.last_seen}, ${group.trend.last_7_days} times in the last 7 days`],
    ["executables", shown(group.executables.join(", "))],
    ["Pythons", shown(group.python_versions.join(", "))],
    ["extensions", counted(group.extensions)],
    ...Object.entries(group.labels).map(([name, values]): [string, string] => [shown(name), counted(values)]),
    ["note", shown(group.note ?? "")],
    ["issue", shown(group.issue_url ?? "")],
    ...group.signatures.map(({ hash, title, count }): [string, string] => ["signature", `${hash}  ${count}  ${shown(title)}`]),
    ...group.related.map(({ hash, title }): [string, string] => ["related", `${hash}  ${shown(title)}`]),
    ["example", group.example?.job_id ?? ""],
  ];
  return [summary(terminal, group), ...rows.filter(([, value]) => value !== "").map(([name, value]) => `  ${name.padEnd(12)}${value}`), ""].join("\n");
}

export async function group(context: Context): Promise<number> {
  const { client, terminal, json, words, texts } = context;
  const [hash, ...more] = words;
  if (hash === undefined || more.length > 0) throw new UsageError("give one HASH");
  const change = changeOf(context);
  if (change !== null) await client.changeGroup(hash, change);
  if (texts("merge").length > 0) await client.mergeGroups(hash, texts("merge"));
  if (texts("split").length > 0) await client.splitGroup(hash, texts("split"));
  const now = await client.getGroup(hash);
  terminal.out(json ? `${JSON.stringify(now)}\n` : whole(terminal, now));
  return exitCode.done;
}
