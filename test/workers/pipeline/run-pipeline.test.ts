/** The whole pipeline on real cores, a real gdb and the real sandbox; only the stores are the test's. */
import { createHash } from "node:crypto";
import { mkdtemp, readdir, realpath, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Compile } from "typebox/compile";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readConfig } from "../../../services/config/environment.ts";
import { noOptions } from "../../../services/contract/job-options.ts";
import { Report } from "../../../services/contract/report.ts";
import { inspectBinaryFile } from "../../../services/intake/binary/inspect-binary.ts";
import type { StoredBinary } from "../../../services/storage/binary-store.ts";
import { renderText } from "../../../services/text/render-report.ts";
import { openGdb } from "../../../workers/gdb/open-gdb.ts";
import { makeJobFolder } from "../../../workers/pipeline/job-folder.ts";
import { type PipelineParts, runPipeline } from "../../../workers/pipeline/run-pipeline.ts";
import { type Core, interpreterAt, makeCore, programsFolder } from "../../corpus/make-core.ts";
import { mappedFiles } from "../../support/mapped-files.ts";
import { storedBinary } from "./sample-facts.ts";

let workDir: string;
let core: Core;
let binaries: StoredBinary[];

async function stored(path: string): Promise<StoredBinary> {
  const real = await realpath(path);
  const { buildId, kind, hasSymbols, hasDebugInfo } = await inspectBinaryFile(real);
  const sha256 = createHash("sha256").update(real).digest("hex");
  return storedBinary(basename(path), buildId, { kind, sha256, has_symbols: hasSymbols, has_debug_info: hasDebugInfo, blob: real });
}

beforeAll(async () => {
  workDir = await mkdtemp(join(tmpdir(), "inquest-pipeline-"));
  const interpreter = await interpreterAt("/usr/bin/python3");
  if (interpreter === null) throw new Error("/usr/bin/python3 does not run");
  // faulthandler is on in every program of the corpus: it handles the fault and raises it again.
  core = await makeCore(interpreter, join(programsFolder, "null_dereference.py"));
  binaries = await Promise.all((await mappedFiles(core.path, null)).map(stored));
});

afterAll(async () => {
  await core[Symbol.asyncDispose]();
  await rm(workDir, { recursive: true, force: true });
});

const localFile: PipelineParts["blobs"]["localFile"] = (path) => Promise.resolve({ path, [Symbol.asyncDispose]: () => Promise.resolve() });

const partsWith = (uploads: readonly StoredBinary[], some: Partial<PipelineParts> = {}): PipelineParts => ({
  blobs: { localFile },
  binaries: {
    ofJob: () => Promise.resolve([...uploads]),
    byBuildIds: () => Promise.resolve([]),
    byHeads: () => Promise.resolve([]),
    byPaths: () => Promise.resolve([]),
    debugFilesNamed: () => Promise.resolve([]),
  },
  openGdb,
  gdb: "gdb",
  limits: readConfig({}).limits,
  atOnce: true,
  makeFolder: (name: string) => makeJobFolder(workDir, name),
  attachments: () => Promise.resolve([]),
  ...some,
});

async function run(uploads: readonly StoredBinary[], some: Partial<PipelineParts> = {}, signal = new AbortController().signal) {
  const stages: string[] = [];
  const job = { id: "0193515a-7c1e-7000-8000-000000000001", projectId: "default", coreBlob: core.path, run: 1, options: noOptions };
  const onProgress = (stage: string) => {
    stages.push(stage);
    return Promise.resolve();
  };
  return { ...(await runPipeline(partsWith(uploads, some), job, onProgress, signal)), stages };
}

const validReport = Compile(Report);

describe("the pipeline", () => {
  test("makes a report that holds to its schema, and a text that opens with the answer", async () => {
    const { report, stages, missingBinaries } = await run(binaries);
    expect([...validReport.Errors(report)]).toEqual([]);
    expect(stages).toContain("debug");
    expect(missingBinaries.filter((each) => each.needed_for !== "symbols")).toEqual([]);
    const [first, second] = renderText(report).split("\n");
    expect(first).toMatch(/^python3\.\d+ \(pid \d+\) died of SIGSEGV/);
    expect(second).toContain("address 0x0");
  });

  test("tells the stages that last, in their order, and none that is over at once", async () => {
    const slow = await run([], { blobs: { localFile: (path) => sleep(120).then(() => localFile(path)) } });
    expect(slow.stages.slice(0, 3)).toEqual(["inspect", "gather", "debug"]);
    const told: string[] = [];
    const logsAlone = { id: "0193515a-7c1e-7000-8000-000000000002", projectId: "default", coreBlob: null, run: 1, options: noOptions };
    const onProgress = async (stage: string) => void told.push(stage);
    await expect(runPipeline(partsWith([]), logsAlone, onProgress, new AbortController().signal)).rejects.toMatchObject({ code: "core_lost" });
    expect(told).toEqual([]);
  });

  test("tells the fault and not that faulthandler raised it again, and shows what was interrupted", async () => {
    const { report } = await run(binaries);
    expect(report.process.signal).toMatchObject({ name: "SIGSEGV", code: "SEGV_MAPERR", address: "0x0" });
    expect(report.diagnoses[0]?.code).toBe("null_dereference");
    expect(report.registers["rdi"]).toBe("0x0");
    expect(report.disassembly.find((each) => each.current)?.text).toContain("(%rdi)");
  });

  test("finds the fault on the stack even when no binary is there to unwind with", async () => {
    const { report, missingBinaries } = await run([]);
    expect([...validReport.Errors(report)]).toEqual([]);
    expect(report.diagnoses[0]?.code).toBe("null_dereference");
    expect(report.modules.every((module) => module.found === "missing")).toBe(true);
    expect(missingBinaries[0]?.needed_for).toBe("interpreter");
  });

  test("puts the Python frames between the C frames that called and were called", async () => {
    const { report } = await run(binaries);
    const [crashed] = report.threads;
    const kinds = crashed?.frames.map((frame) => frame.kind) ?? [];
    const python = crashed?.frames.flatMap((frame) => (frame.kind === "python" ? frame.function : [])) ?? [];
    expect(python.slice(-4)).toEqual(["inner", "middle", "main", "<module>"]);
    expect(kinds[0]).toBe("native");
    expect(new Set(kinds.slice(kinds.indexOf("python"), kinds.lastIndexOf("python") + 1))).toEqual(new Set(["python"]));
    expect(report.warnings.map((warning) => warning.code)).not.toContain("merge_partial");
  });

  test("ends with the caller's reason and leaves nothing behind when it is cancelled", async () => {
    const cancel = new AbortController();
    const cancelling: PipelineParts["openGdb"] = async (options) => {
      const session = await openGdb(options);
      cancel.abort("cancelled");
      return session;
    };
    await expect(run(binaries, { openGdb: cancelling }, cancel.signal)).rejects.toMatchObject({ code: "job_cancelled" });
    expect(await readdir(workDir)).toEqual([]);
  });

  test("ends when the job's time is up", async () => {
    const never: PipelineParts["openGdb"] = ({ signal }) => new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    await expect(run(binaries, { openGdb: never, limits: { ...readConfig({}).limits, job_seconds: 1 } })).rejects.toMatchObject({ code: "deadline_exceeded" });
    expect(await readdir(workDir)).toEqual([]);
  });

  test("leaves the stored core as it was", async () => {
    const before = await stat(core.path);
    await run(binaries);
    const after = await stat(core.path);
    expect([after.size, after.mtimeMs, after.nlink]).toEqual([before.size, before.mtimeMs, 1]);
  });
});
