/**
 * Gather: makes the job folder that the sandbox sees. The core, a sysroot of the binaries that fit, separate debug files
 * by build-id, and the manifest that tells the helpers where everything is. Nothing of the host stands in for what is
 * missing.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../../services/contract/failure.ts";
import type { MissingBinary } from "../../services/contract/job.ts";
import type { JobOptions } from "../../services/contract/job-options.ts";
import type { Limits } from "../../services/contract/limits.ts";
import type { Warning } from "../../services/contract/report.ts";
import { inspectBinaryFile } from "../../services/intake/binary/inspect-binary.ts";
import type { CoreFacts } from "../../services/intake/core/core-facts.ts";
import type { Choice } from "../../services/intake/needs/choose-binaries.ts";
import { findBinaries, type NeedsStore } from "../../services/intake/needs/find-binaries.ts";
import { type PlannedModule, planView, type ViewPlan } from "../../services/intake/needs/view-plan.ts";
import type { BinaryStore } from "../../services/storage/binary-store.ts";
import type { BlobKey, BlobStore } from "../../services/storage/blob-store.ts";
import type { Manifest } from "./helper-answer.ts";
import { placeFile, placeLink, sandboxFolder } from "./job-folder.ts";

export interface GatherInput {
  readonly jobId: string;
  readonly projectId: string;
  readonly coreBlob: BlobKey;
  readonly options: JobOptions;
  readonly facts: CoreFacts;
  /** The job folder, empty. */
  readonly folder: string;
  readonly binaries: NeedsStore & Pick<BinaryStore, "ofJob">;
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
  readonly indexed: boolean;
}

/** Lays the view out in the job folder. False for a file that could not be placed. */
async function placeView(input: GatherInput, plan: ViewPlan): Promise<ReadonlySet<string>> {
  const placed = new Set<string>();
  for (const { at, blob } of plan.files) {
    input.signal.throwIfAborted();
    await using file = await input.blobs.localFile(blob);
    if (await placeFile(file.path, join(input.folder, at))) placed.add(at);
  }
  for (const { at, target } of plan.links) await placeLink(target, join(input.folder, at));
  return placed;
}

function manifestModule({ choice, file, debugFile }: PlannedModule, placed: ReadonlySet<string>): Manifest["modules"][number] {
  const inside = (at: string | null) => (at === null || !placed.has(at) ? null : `${sandboxFolder}/${at}`);
  const { module } = choice;
  return {
    path: module.path,
    build_id: module.buildId,
    file: inside(file),
    debug_file: inside(debugFile),
    mappings: module.mappings.map(({ start, end, offset }) => ({ start, end, offset })),
  };
}

async function placeCore(input: GatherInput): Promise<void> {
  try {
    await using file = await input.blobs.localFile(input.coreBlob);
    await placeFile(file.path, join(input.folder, "core"));
  } catch (error) {
    if (error instanceof Failure && error.code === "blob_not_found") throw new Failure("core_lost", "the core is no longer stored", { cause: error });
    throw error;
  }
}

export async function gather(input: GatherInput): Promise<Gathered> {
  const { facts, limits, binaries, blobs } = input;
  await placeCore(input);
  const uploads = await binaries.ofJob(input.jobId);
  const found = await findBinaries(binaries, input.projectId, facts, uploads);
  const plan = await planView(found.choices, found.debugFiles, async ({ blob }) => {
    await using file = await blobs.localFile(blob);
    return await inspectBinaryFile(file.path);
  });
  const placed = await placeView(input, plan);
  const modules = plan.modules.map((each) => manifestModule(each, placed));
  const manifest: Manifest = {
    core: `${sandboxFolder}/core`,
    machine: facts.machine,
    executable: facts.executable,
    crashed_lwp: facts.crashedLwp,
    modules,
    frames_per_thread: limits.frames_per_thread,
    threads: limits.threads,
    options: input.options,
  };
  await writeFile(join(input.folder, "manifest.json"), JSON.stringify(manifest), { mode: 0o600 });
  const executable = modules.find((each) => each.path === facts.executable)?.file ?? null;
  return { manifest, choices: found.choices, missing: found.missing, warnings: found.warnings, executable, indexed: plan.hasIndex };
}
