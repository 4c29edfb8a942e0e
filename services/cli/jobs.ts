/** `show`, `watch`, `list`: what became of cores. */
import { hasEnded } from "../client/client.ts";
import type { Job, LabelChange } from "../contract/job.ts";
import { type Context, exitCode } from "./context.ts";
import { shown, type Terminal } from "./terminal.ts";
import { changedFilters, tellChange } from "./changes.ts";
import { eachPage, labelsOf } from "./pages.ts";
import { filters } from "./usage.ts";
import { UsageError } from "./usage-error.ts";

export function jobWord({ words }: Context): string {
  const [id, ...more] = words;
  if (id === undefined || more.length > 0) throw new UsageError("give one JOB, its id");
  return id;
}

function status(terminal: Terminal, { status: each }: Job): string {
  if (each === "succeeded") return terminal.green(each);
  return each === "failed" ? terminal.red(each) : terminal.bold(each);
}

function summary(terminal: Terminal, job: Job): string {
  const { core } = job;
  const what = core === null ? ["a log"] : [core.executable_name ?? core.filename ?? "core", core.signal === null ? "" : `signal ${core.signal}`];
  const rest = Object.entries(job.labels).map(([name, value]) => terminal.dim(shown(`${name}=${value}`)));
  return `${job.id}  ${job.created_at}  ${status(terminal, job)}  ${shown(what.filter(Boolean).join(", "))}  ${shown(job.signature?.title ?? "")} ${rest.join(" ")}`.trimEnd();
}

/** The job's end on standard output; the exit code says how it ended. */
export async function tellEnd({ client, terminal, json }: Context, job: Job): Promise<number> {
  const succeeded = job.status === "succeeded";
  if (json) terminal.out(`${JSON.stringify({ job, report: succeeded ? await client.getReport(job.id) : null })}\n`);
  else if (succeeded) terminal.out(await client.getReportText(job.id));
  else {
    terminal.out(`${summary(terminal, job)}\n`);
    if (job.error !== null) terminal.err(`inquest: ${job.error.code}: ${job.error.detail}\n  ${job.error.hint}\n`);
    for (const { build_id, path, needed_for } of job.missing_binaries) terminal.out(`  missing for ${needed_for}: ${shown(path)} ${build_id ?? ""}\n`);
  }
  return hasEnded(job) && !succeeded ? exitCode.failed : exitCode.done;
}

export async function show(context: Context): Promise<number> {
  return tellEnd(context, await context.client.getJob(jobWord(context)));
}

export async function watch(context: Context): Promise<number> {
  const { client, terminal, json } = context;
  const id = jobWord(context);
  for await (const { event, data } of client.watchJob(id)) {
    const change: { readonly at: string; readonly status: string; readonly stage: string; readonly percent: number } = JSON.parse(data);
    terminal.out(json ? `${JSON.stringify({ event, ...change })}\n` : `${change.at}  ${change.status}  ${change.stage}  ${change.percent} %\n`);
  }
  const job = await client.getJob(id);
  return hasEnded(job) && job.status !== "succeeded" ? exitCode.failed : exitCode.done;
}

/** Again, with what came since: one job, or all that filters leave. */
export async function reanalyze(context: Context): Promise<number> {
  const { client, terminal, json, text, flag } = context;
  const options = text("options") ?? undefined;
  const filtered = changedFilters(context);
  if (filtered !== null)
    return tellChange(context, await client.reanalyzeJobs(filtered, { dryRun: flag("dry-run"), ...(options === undefined ? {} : { options }) }));
  const job = await client.reanalyzeJob(jobWord(context), options);
  if (flag("no-wait")) {
    terminal.out(json ? `${JSON.stringify(job)}\n` : `${job.id}\n`);
    return exitCode.done;
  }
  return tellEnd(
    context,
    await client.awaitJob(job.id, ({ status: each, progress: { stage, percent } }) => terminal.progress(`${each}  ${stage}  ${percent} %`)),
  );
}

export async function remove(context: Context): Promise<number> {
  const { client, terminal, json, words, flag } = context;
  const filtered = changedFilters(context);
  if (filtered !== null) return tellChange(context, await client.deleteJobs(filtered, { dryRun: flag("dry-run") }));
  for (const id of words) {
    await client.deleteJob(id);
    terminal.out(json ? `${JSON.stringify({ job: id, deleted: true })}\n` : `${id} deleted\n`);
  }
  return exitCode.done;
}

export async function label(context: Context): Promise<number> {
  const { client, terminal, json, words, texts, flag } = context;
  const removed = texts("remove").map((name): [string, null] => [name, null]);
  const labels: LabelChange = { ...Object.fromEntries(removed), ...labelsOf(texts("set")) };
  if (Object.keys(labels).length === 0) throw new UsageError("give --set NAME=VALUE or --remove NAME");
  const filtered = changedFilters(context);
  if (filtered !== null) return tellChange(context, await client.labelJobs(filtered, labels, { dryRun: flag("dry-run") }));
  for (const id of words) {
    const { job } = await client.changeJob(id, { labels });
    terminal.out(json ? `${JSON.stringify(job)}\n` : `${summary(terminal, job)}\n`);
  }
  return exitCode.done;
}

export async function list(context: Context): Promise<number> {
  const { client, terminal, json } = context;
  await eachPage(
    context,
    filters,
    (query) => client.listJobs(query),
    (job) => terminal.out(json ? `${JSON.stringify(job)}\n` : `${summary(terminal, job)}\n`),
  );
  return exitCode.done;
}
