/** `binaries push`: those below folders that the service lacks. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { NamelessFile } from "../contract/binary.ts";
import { type Context, exitCode } from "./context.ts";
import { buildIdOf, kindOf } from "./local-file.ts";
import { bar } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

const MiB = 1024 * 1024;

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
