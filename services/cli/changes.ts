/** `changes` and `change`, and what `reanalyze`, `delete` and `label` have in common when they are told filters instead of jobs. */
import type { BulkChange } from "../contract/bulk-change.ts";
import { type Context, exitCode } from "./context.ts";
import { eachPage, filtersOf } from "./pages.ts";
import { shown, type Terminal } from "./terminal.ts";
import { filters } from "./usage.ts";
import { UsageError } from "./usage-error.ts";

/** The filters, or null when jobs are named; one of both must be. */
export function changedFilters(context: Pick<Context, "words" | "text" | "texts" | "flag">): Readonly<Record<string, string>> | null {
  const given = filtersOf(context, filters);
  const any = Object.keys(given).length > 0;
  if (any && context.words.length > 0) throw new UsageError("give JOBs or filters, not both");
  if (!any && context.words.length === 0) throw new UsageError("give JOBs, their ids, or filters");
  if (!any && context.flag("dry-run")) throw new UsageError("--dry-run goes with filters");
  return any ? given : null;
}

const done = { reanalyze: "queued again", delete: "deleted", label: "labelled" } as const;

function stateOf(terminal: Terminal, { state }: BulkChange): string {
  if (state === "complete") return terminal.green(state);
  return state === "running" ? terminal.bold(state) : terminal.red(state);
}

const summary = (terminal: Terminal, change: BulkChange) => {
  const { id, created_at: at, action, dry_run: dryRun, seen, total, changed, filters: asked } = change;
  const what = Object.entries(asked).map(([name, value]) => terminal.dim(shown(`${name}=${value}`)));
  return `${id}  ${at}  ${stateOf(terminal, change)}  ${action}${dryRun ? " (dry run)" : ""}  ${seen} of ${total} seen, ${changed} changed  ${what.join(" ")}`;
};

export async function changes(context: Context): Promise<number> {
  const { client, terminal, json } = context;
  await eachPage(
    context,
    ["state"],
    (query) => client.listChanges(query),
    (change) => terminal.out(`${json ? JSON.stringify(change) : summary(terminal, change)}\n`),
  );
  return exitCode.done;
}

export async function change(context: Context): Promise<number> {
  const { client, words, flag } = context;
  const [id, ...more] = words;
  if (id === undefined || more.length > 0) throw new UsageError("give one CHANGE, its id");
  if (!flag("cancel")) return tellChange(context, await client.getChange(id));
  const cancelled = await client.cancelChange(id);
  context.terminal.out(`${context.json ? JSON.stringify(cancelled) : summary(context.terminal, cancelled)}\n`);
  return exitCode.done;
}

/** Waits for its end. */
export async function tellChange({ client, terminal, json }: Pick<Context, "client" | "terminal" | "json">, begun: BulkChange): Promise<number> {
  if (begun.state === "running" && !json) terminal.err(`change ${begun.id}\n`);
  const change = await client.awaitChange(begun, ({ seen, total }) => terminal.progress(`${seen} of ${total}`));
  const { action, dry_run: dryRun, changed, skipped, sample, error, state } = change;
  if (json) terminal.out(`${JSON.stringify(change)}\n`);
  else {
    const left = Object.entries(skipped).map(([why, count]) => `, ${count} left alone: ${why}`);
    terminal.out(`${changed} ${dryRun ? "would be " : ""}${done[action]}${left.join("")}\n`);
    if (dryRun)
      for (const job of sample)
        terminal.out(
          `  ${job.job_id}  ${job.status}  ${shown(job.executable_name ?? "")}  ${shown(job.signature?.title ?? "")}  ${job.skipped ?? ""}`.trimEnd() + "\n",
        );
    if (state === "cancelled") terminal.err(`inquest: the change was cancelled after ${change.seen} of ${change.total} jobs\n`);
    if (error !== null) terminal.err(`inquest: ${error.code}: ${error.detail}\n  ${error.hint}\n`);
  }
  return state === "complete" ? exitCode.done : exitCode.failed;
}
