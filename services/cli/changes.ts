/** What `reanalyze`, `delete` and `label` have in common when they are told filters instead of jobs. */
import type { BulkChange } from "../contract/bulk-change.ts";
import { type Context, exitCode } from "./context.ts";
import { filtersOf } from "./pages.ts";
import { shown } from "./terminal.ts";
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

export async function tellChange({ client, terminal, json }: Pick<Context, "client" | "terminal" | "json">, begun: BulkChange): Promise<number> {
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
    if (error !== null) terminal.err(`inquest: ${error.code}: ${error.detail}\n  ${error.hint}\n`);
  }
  return state === "failed" ? exitCode.failed : exitCode.done;
}
