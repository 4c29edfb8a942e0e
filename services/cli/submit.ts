/** `submit`: cores from the desk to the service, one by one or many in a request, and what became of them. */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { Refused } from "../client/client-error.ts";
import { isLocal, small } from "../client/submit-job.ts";
import type { Bulk, BulkItem } from "../contract/bulk.ts";
import { batchesOf, largestBatch } from "./batches.ts";
import { type Context, exitCode } from "./context.ts";
import { tellEnd } from "./jobs.ts";
import { kindOf, type LocalKind } from "./local-file.ts";
import { type SubmitOptions, submitOptions } from "./submit-options.ts";
import { bar, shown } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

type Sorted = Readonly<Record<LocalKind, readonly string[]>>;

async function sorted(words: readonly string[]): Promise<Sorted> {
  const files: Record<LocalKind, string[]> = { core: [], binary: [], text: [] };
  for (const path of words.map((word) => resolve(word))) files[await kindOf(path)].push(path);
  if (files.core.length + files.text.length === 0) throw new UsageError("there is no core among the files, and no log");
  return files;
}

/** Of one file among many: the others go on. */
function tellRefusal(
  { terminal, json }: Context,
  file: string,
  { code, detail, hint }: { readonly code: string; readonly detail: string; readonly hint: string },
) {
  if (json) terminal.out(`${JSON.stringify({ file, job: null, error: { code, detail, hint } })}\n`);
  terminal.err(`inquest: ${shown(file)}: ${detail} (${code})\n${hint === "" ? "" : `  ${hint}\n`}`);
  return exitCode.refused;
}

async function submitOne(context: Context, core: string | null, { binary, text }: Sorted, { fields, pack, resumeFrom, goes }: SubmitOptions): Promise<number> {
  const { client, terminal, json } = context;
  const sent = await client.submitJob({
    core,
    binaries: binary,
    attachments: text,
    ...fields,
    ...(pack === null ? {} : { pack }),
    ...(resumeFrom === null ? {} : { resumeFrom }),
    onProgress: bar(terminal, "sending"),
  });
  if (goes) {
    terminal.out(json ? `${JSON.stringify(sent.job ?? { id: sent.id })}\n` : `${sent.id}\n`);
    return exitCode.done;
  }
  terminal.err(json ? "" : `job ${sent.id}\n`);
  return tellEnd(context, await client.awaitJob(sent.id, ({ status, progress: { stage, percent } }) => terminal.progress(`${status}  ${stage}  ${percent} %`)));
}

/** The first of them come with the answer: a token that may only submit needs no more. */
async function itemsOf({ client }: Context, { id, items, next_cursor: next }: Bulk): Promise<readonly BulkItem[]> {
  const all = [...items];
  for (let cursor = next; cursor !== null; ) {
    const page = await client.getBulk(id, { cursor });
    all.push(...page.items);
    cursor = page.next_cursor;
  }
  return all;
}

async function tellSent({ client, terminal, json }: Context, id: string): Promise<void> {
  if (!json) return terminal.out(`${id}\n`);
  const job = await client.getJob(id).catch((error: unknown) => {
    if (error instanceof Refused && error.problem.status === 403) return { id };
    throw error;
  });
  terminal.out(`${JSON.stringify(job)}\n`);
}

async function submitBatch(context: Context, cores: readonly string[], { fields, goes }: SubmitOptions): Promise<number> {
  const { client, terminal, json } = context;
  const bulk = await client.submitBulk({ cores, ...fields, onProgress: bar(terminal, `sending ${cores.length} cores`) });
  terminal.err(json ? "" : `bulk ${bulk.id}\n`);
  if (!goes)
    await client.awaitBulk(bulk.id, ({ total, counts }) =>
      terminal.progress(`${counts.succeeded + counts.failed + counts.cancelled + counts.refused} of ${total}`),
    );
  let worst: number = exitCode.done;
  for (const { position, job_id: job, error } of await itemsOf(context, bulk)) {
    const file = cores[position] ?? "";
    if (job === null) {
      worst = Math.max(worst, error === null ? exitCode.failed : tellRefusal(context, file, error));
      continue;
    }
    terminal.err(json ? "" : `${shown(file)}: job ${job}\n`);
    if (goes) await tellSent(context, job);
    else worst = Math.max(worst, await tellEnd(context, await client.awaitJob(job)));
  }
  return worst;
}

/** Cores that would be sent in one request each are sent in few; what is large, packed on its way or read beside logs goes alone. */
async function batches(context: Context, { core, text }: Sorted, { pack, resumeFrom }: SubmitOptions): Promise<readonly (readonly string[])[]> {
  if (text.length > 0 || (pack !== null && pack !== "auto")) return core.map((path) => [path]);
  const most = isLocal(context.client.url) ? largestBatch : small - 1;
  const files = await Promise.all(core.map(async (path) => ({ path, size: (await stat(path)).size })));
  return batchesOf(files, Math.min(most, (resumeFrom ?? Number.POSITIVE_INFINITY) - 1));
}

export async function submit(context: Context): Promise<number> {
  const { client, words, terminal } = context;
  const options = submitOptions(context);
  const files = await sorted(words);
  const parts = await batches(context, files, options);
  if (parts.length === 0) return submitOne(context, null, files, options);
  let worst: number = exitCode.done;
  let left = files.binary; // the service keeps them for the next
  for (const part of parts) {
    const [core, ...more] = part;
    if (core === undefined) continue;
    try {
      if (more.length === 0) worst = Math.max(worst, await submitOne(context, core, { ...files, binary: left }, options));
      else {
        if (left.length > 0) await client.addBinaries(left, bar(terminal, "sending binaries"));
        worst = Math.max(worst, await submitBatch(context, part, options));
      }
      left = [];
    } catch (error) {
      if (parts.length === 1 || more.length > 0 || !(error instanceof Refused && [400, 413, 415, 422].includes(error.problem.status))) throw error;
      worst = Math.max(worst, tellRefusal(context, core, error.problem));
    }
  }
  return worst;
}
