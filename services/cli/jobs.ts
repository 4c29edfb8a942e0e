/** `show`, `watch`, `list`: what became of cores. */
import { hasEnded } from "../client/client.ts";
import type { Job } from "../contract/job.ts";
import { type Context, exitCode } from "./context.ts";
import { shown, type Terminal } from "./terminal.ts";
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

const mostOfPage = 200;

export async function list({ client, terminal, json, text, texts }: Context): Promise<number> {
  const wanted = Number(text("limit") ?? 50);
  if (!Number.isInteger(wanted) || wanted < 1) throw new UsageError("--limit is a whole number from 1");
  const query: Record<string, string> = {};
  for (const name of filters) {
    const value = text(name.replaceAll("_", "-"));
    if (value !== null) query[name] = value;
  }
  for (const [name, value] of Object.entries(labelsOf(texts("label")))) query[`label.${name}`] = value;
  let left = wanted;
  for (let cursor: string | null = null; left > 0; ) {
    const page = await client.listJobs({ ...query, limit: String(Math.min(left, mostOfPage)), ...(cursor === null ? {} : { cursor }) });
    for (const job of page.items) terminal.out(json ? `${JSON.stringify(job)}\n` : `${summary(terminal, job)}\n`);
    left -= page.items.length;
    cursor = page.next_cursor;
    if (cursor === null) break;
  }
  return exitCode.done;
}

export function labelsOf(words: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    words.map((word): [string, string] => {
      const [, name, value] = /^([^=]+)=(.*)$/s.exec(word) ?? [];
      if (name === undefined || value === undefined) throw new UsageError(`${word} is not NAME=VALUE`);
      return [name, value];
    }),
  );
}
