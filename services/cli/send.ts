/** `submit` and `binaries push`: files from the desk to the service. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { NamelessFile } from "../contract/binary.ts";
import type { WhenMissing } from "../contract/job.ts";
import type { JobUpload } from "../client/submit-job.ts";
import { type Context, exitCode } from "./context.ts";
import { tellEnd } from "./jobs.ts";
import { labelsOf } from "./pages.ts";
import { buildIdOf, kindOf, type LocalKind } from "./local-file.ts";
import type { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

const MiB = 1024 * 1024;

const bar = (terminal: Terminal, what: string) => (sent: number, total: number) =>
  terminal.progress(`${what}  ${Math.floor((100 * sent) / Math.max(total, 1))} %  ${Math.floor(sent / MiB)} of ${Math.ceil(total / MiB)} MiB`);

function whenMissing(value: string | null): WhenMissing | null {
  if (value === null || value === "analyze" || value === "wait") return value;
  throw new UsageError("--when-missing is analyze or wait");
}

function packing(value: string | null): NonNullable<JobUpload["pack"]> | null {
  if (value === null || value === "auto" || value === "zstd" || value === "gzip" || value === "never") return value;
  throw new UsageError("--pack is auto, zstd, gzip or never");
}

function sizeOf(value: string | null): number | null {
  if (value === null) return null;
  const [, digits, unit = ""] = /^(\d+)([KMGT]?)(?:i?B)?$/i.exec(value) ?? [];
  if (digits === undefined) throw new UsageError(`${value} is no size such as 500M or 8GiB`);
  return Number(digits) * 1024 ** " KMGT".indexOf(unit.toUpperCase() || " ");
}

export async function submit(context: Context): Promise<number> {
  const { client, terminal, json, words, text, texts, flag } = context;
  const sorted: Record<LocalKind, string[]> = { core: [], binary: [], text: [] };
  for (const path of words.map((word) => resolve(word))) sorted[await kindOf(path)].push(path);
  if (sorted.core.length + sorted.text.length === 0) throw new UsageError("there is no core among the files, and no log");
  const labels = labelsOf(texts("label"));
  const wait = whenMissing(text("when-missing"));
  const options = text("options");
  const pack = packing(text("pack"));
  const resumeFrom = sizeOf(text("resume-from"));
  let worst: number = exitCode.done;
  for (const [index, core] of (sorted.core.length === 0 ? [null] : sorted.core).entries()) {
    const sent = await client.submitJob({
      core,
      binaries: index === 0 ? sorted.binary : [], // the service keeps them for the next
      attachments: sorted.text,
      labels,
      ...(wait === null ? {} : { whenMissing: wait }),
      ...(options === null ? {} : { options }),
      ...(pack === null ? {} : { pack }),
      ...(resumeFrom === null ? {} : { resumeFrom }),
      onProgress: bar(terminal, "sending"),
    });
    if (flag("no-wait") || wait === "wait") {
      terminal.out(json ? `${JSON.stringify(sent.job ?? { id: sent.id })}\n` : `${sent.id}\n`);
      continue;
    }
    terminal.err(json ? "" : `job ${sent.id}\n`);
    const job = await client.awaitJob(sent.id, ({ status, progress: { stage, percent } }) => terminal.progress(`${status}  ${stage}  ${percent} %`));
    worst = Math.max(worst, await tellEnd(context, job));
  }
  return worst;
}

async function* filesBelow(folder: string): AsyncGenerator<string> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else if (entry.isFile()) yield path;
  }
}

const askedAtOnce = 1_000;
const sentAtOnce = 50;

const chunked = <T>(all: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, index) => all.slice(index * size, (index + 1) * size));

async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: MiB })) hash.update(chunk);
  return hash.digest("hex");
}

const isDebug = (path: string) => /\.debug$|\/\.build-id\//.test(path);

export async function binaries({ client, terminal, json, words }: Context): Promise<number> {
  const [verb, ...folders] = words;
  if (verb !== "push" || folders.length === 0) throw new UsageError("say: inquest binaries push DIR");
  const found: { readonly path: string; readonly buildId: string | null }[] = [];
  for (const folder of folders) {
    for await (const path of filesBelow(resolve(folder))) {
      if ((await kindOf(path).catch(() => "text")) === "binary") found.push({ path, buildId: await buildIdOf(path).catch(() => null) });
    }
  }
  const missing = new Set<string>();
  for (const debug of [false, true]) {
    const asked = [...new Set(found.flatMap(({ path, buildId }) => (buildId === null || isDebug(path) !== debug ? [] : [buildId])))];
    for (const part of chunked(asked, askedAtOnce)) {
      const kinds = debug ? (["debug"] as const) : (["executable", "shared_library"] as const);
      for (const buildId of await client.missingBinaries(part, kinds)) missing.add(`${debug} ${buildId}`);
    }
  }
  const nameless: NamelessFile[] = [];
  for (const { path, buildId } of found) if (buildId === null) nameless.push({ path, sha256: await digestOf(path) });
  for (const part of chunked(nameless, askedAtOnce)) for (const { path } of await client.missingFiles(part)) missing.add(path);
  const wanted = found.filter(({ path, buildId }) => missing.has(buildId === null ? path : `${isDebug(path)} ${buildId}`));
  for (const [index, part] of chunked(wanted, sentAtOnce).entries()) {
    const kept = await client.addBinaries(
      part.map(({ path }) => path),
      bar(terminal, `files ${index * sentAtOnce + 1} to ${index * sentAtOnce + part.length} of ${wanted.length}`),
    );
    for (const [at, binary] of kept.entries())
      terminal.out(json ? `${JSON.stringify(binary)}\n` : `${binary.build_id ?? "no build-id"}  ${binary.kind}  ${part[at]?.path ?? ""}\n`);
  }
  if (!json) terminal.err(`${found.length} binaries, ${found.length - wanted.length} of them known there, ${wanted.length} sent\n`);
  return exitCode.done;
}
