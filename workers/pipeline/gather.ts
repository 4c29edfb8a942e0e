/**
 * Gather: makes the job folder that the sandbox sees. The core, a sysroot of the binaries that fit, separate debug files
 * by build-id, and the manifest that tells the helpers where everything is. Nothing of the host stands in for what is
 * missing.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../../services/contract/failure.ts";
import type { MissingBinary } from "../../services/contract/job.ts";
import type { Limits } from "../../services/contract/limits.ts";
import type { Warning } from "../../services/contract/report.ts";
import { inspectBinaryFile } from "../../services/intake/binary/inspect-binary.ts";
import type { CoreFacts } from "../../services/intake/core/core-facts.ts";
import type { BinaryStore, StoredBinary } from "../../services/storage/binary-store.ts";
import type { BlobKey, BlobStore } from "../../services/storage/blob-store.ts";
import { type Choice, chooseBinaries } from "./choose-binaries.ts";
import type { Manifest } from "./helper-answer.ts";
import { placeFile, sandboxFolder } from "./job-folder.ts";
import { missingBinaries } from "./missing-binaries.ts";
import { linkSysroot, type PlacedFile } from "./sysroot-links.ts";
import { sysrootPath } from "./sysroot-path.ts";

export interface GatherInput {
  readonly jobId: string;
  readonly projectId: string;
  readonly coreBlob: BlobKey;
  readonly facts: CoreFacts;
  /** The job folder, empty. */
  readonly folder: string;
  readonly binaries: Pick<BinaryStore, "byBuildIds" | "ofJob">;
  readonly blobs: Pick<BlobStore, "localFile">;
  readonly limits: Pick<Limits, "frames_per_thread" | "threads">;
  readonly signal: AbortSignal;
}

export interface Gathered {
  readonly manifest: Manifest;
  readonly choices: readonly Choice[];
  readonly missing: readonly MissingBinary[];
  readonly warnings: readonly Warning[];
  /** As the sandbox sees it; null when the executable is not there. */
  readonly executable: string | null;
}

/** Files whose path another module of the core has taken (replaced while mapped) go here, out of the crashed machine's paths. */
const besideSysroot = ".inquest";

async function placeBlob(input: GatherInput, blob: BlobKey, to: string): Promise<boolean> {
  await using file = await input.blobs.localFile(blob);
  return placeFile(file.path, to);
}

async function placeBinary(input: GatherInput, file: StoredBinary, path: string): Promise<PlacedFile | null> {
  const wanted = sysrootPath(path);
  for (const place of [wanted, `${besideSysroot}/${file.sha256}`]) {
    // Beside the sysroot a file has its digest for a name: what is there already is the same.
    if (place === null || (!(await placeBlob(input, file.blob, join(input.folder, "sysroot", place))) && place === wanted)) continue;
    const { soname, interpreter } = await inspectBinaryFile(join(input.folder, "sysroot", place));
    return { path: place, soname: place === wanted ? soname : null, interpreter, isInterpreter: false };
  }
  return null;
}

async function placeDebugFile(input: GatherInput, file: StoredBinary): Promise<string | null> {
  const id = file.build_id;
  if (id === null || !/^[0-9a-f]{4,128}$/.test(id)) return null;
  const place = `debug/.build-id/${id.slice(0, 2)}/${id.slice(2)}.debug`;
  await placeBlob(input, file.blob, join(input.folder, place));
  return `${sandboxFolder}/${place}`;
}

async function placeModule(input: GatherInput, choice: Choice, placed: PlacedFile[]): Promise<Manifest["modules"][number]> {
  const { module, file, debugFile } = choice;
  const binary = file === null ? null : await placeBinary(input, file, module.path);
  if (binary !== null) placed.push({ ...binary, isInterpreter: module.kind === "interpreter" && !binary.path.startsWith(besideSysroot) });
  return {
    path: module.path,
    build_id: module.buildId,
    file: binary === null ? null : `${sandboxFolder}/sysroot/${binary.path}`,
    debug_file: debugFile === null ? null : await placeDebugFile(input, debugFile),
    mappings: module.mappings.map(({ start, end, offset }) => ({ start, end, offset })),
  };
}

async function placeCore(input: GatherInput): Promise<void> {
  try {
    await placeBlob(input, input.coreBlob, join(input.folder, "core"));
  } catch (error) {
    if (error instanceof Failure && error.code === "blob_not_found") throw new Failure("core_lost", "the core is no longer stored", { cause: error });
    throw error;
  }
}

export async function gather(input: GatherInput): Promise<Gathered> {
  const { facts, limits } = input;
  await placeCore(input);
  const buildIds = [...new Set(facts.modules.flatMap((module) => module.buildId ?? []))];
  const uploads = await input.binaries.ofJob(input.jobId);
  const stored = await input.binaries.byBuildIds(input.projectId, buildIds);
  const { choices, warnings } = chooseBinaries(facts, uploads, stored);
  const placed: PlacedFile[] = [];
  const modules: Manifest["modules"] = [];
  for (const choice of choices) {
    input.signal.throwIfAborted();
    modules.push(await placeModule(input, choice, placed));
  }
  await linkSysroot(join(input.folder, "sysroot"), placed);
  const manifest: Manifest = {
    core: `${sandboxFolder}/core`,
    machine: facts.machine,
    executable: facts.executable,
    crashed_lwp: facts.crashedLwp,
    modules,
    frames_per_thread: limits.frames_per_thread,
    threads: limits.threads,
  };
  await writeFile(join(input.folder, "manifest.json"), JSON.stringify(manifest), { mode: 0o600 });
  const executable = modules.find((each) => each.path === facts.executable)?.file ?? null;
  return { manifest, choices, missing: missingBinaries(facts, choices), warnings, executable };
}
