/** Cores to reports through the worker's own pipeline, without HTTP, queue and database. */
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { v7 as newId } from "uuid";
import { noOptions } from "../../services/contract/job-options.ts";
import type { Report } from "../../services/contract/report.ts";
import { newBinary } from "../../services/intake/binary/new-binary.ts";
import { inspectBinaryFile } from "../../services/intake/binary/inspect-binary.ts";
import type { StoredBinary } from "../../services/storage/binary-store.ts";
import { openFileBlobStore } from "../../services/storage/file-blob-store.ts";
import { openGdb } from "../../workers/gdb/open-gdb.ts";
import { probeSandbox } from "../../workers/gdb/probe-sandbox.ts";
import { makeJobFolder } from "../../workers/pipeline/job-folder.ts";
import { runPipeline } from "../../workers/pipeline/run-pipeline.ts";

export interface Analyst extends AsyncDisposable {
  analyse(core: string, binaries: readonly string[]): Promise<Report>;
}

const limits = { job_seconds: 300, debug_seconds: 120, debug_memory_bytes: 2 ** 31, frames_per_thread: 500, threads: 200 };

export async function openAnalyst(): Promise<Analyst> {
  const folder = await mkdtemp(join(tmpdir(), "inquest-signatures-"));
  const probe = await probeSandbox({ gdb: "gdb", helperCache: join(folder, "helpers") });
  if (!probe.ok) throw new Error(probe.reason);
  const { helpers } = probe;
  const gdb = "gdb";
  const workDir = join(folder, "work");
  await mkdir(workDir);
  const blobs = await openFileBlobStore(join(folder, "blobs"));
  const known = new Map<string, Promise<StoredBinary>>();

  const put = async (path: string, key: string) => {
    await using writer = await blobs.create();
    await pipeline(createReadStream(path), writer.stream);
    const { size, sha256 } = writer;
    await writer.commit(key);
    return { size, sha256, blob: key };
  };
  const store = async (path: string): Promise<StoredBinary> => {
    const facts = await inspectBinaryFile(await realpath(path));
    const bytes = await put(path, `binaries/${newId()}`);
    return { ...newBinary({ facts, ...bytes, filename: basename(path), path: null, origin: "upload" }), created_at: "2026-01-01T00:00:00.000Z" };
  };
  const stored = (path: string) => {
    const binary = known.get(path) ?? store(path);
    known.set(path, binary);
    return binary;
  };

  return {
    analyse: async (core, paths) => {
      const binaries = await Promise.all(paths.map(stored));
      const id = newId();
      const { blob } = await put(core, `cores/${id}`);
      const parts = {
        blobs,
        binaries: {
          byBuildIds: () => Promise.resolve([]),
          byHeads: () => Promise.resolve([]),
          byPaths: () => Promise.resolve([]),
          debugFilesNamed: () => Promise.resolve([]),
          ofJob: () => Promise.resolve(binaries),
        },
        openGdb: (options: Parameters<typeof openGdb>[0]) => openGdb({ ...options, helpers }),
        gdb,
        limits,
        atOnce: false,
        makeFolder: (name: string) => makeJobFolder(workDir, name),
        attachments: () => Promise.resolve([]),
      };
      try {
        const { report } = await runPipeline(
          parts,
          { id, projectId: "default", coreBlob: blob, run: 1, options: noOptions },
          () => Promise.resolve(),
          new AbortController().signal,
        );
        return report;
      } finally {
        await blobs.remove(blob);
      }
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
