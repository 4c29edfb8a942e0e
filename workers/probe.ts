/** Whether this machine can run a job: one gdb, in the sandbox, with the helpers loaded, on nothing. */
import { join } from "node:path";
import type { Limits } from "../services/contract/limits.ts";
import type { GdbSession, OpenGdbOptions } from "./gdb/debugger.ts";
import { makeJobFolder } from "./pipeline/job-folder.ts";

export interface ProbeParts {
  readonly openGdb: (options: OpenGdbOptions) => Promise<GdbSession>;
  readonly gdb: string;
  readonly limits: Pick<Limits, "debug_seconds" | "debug_memory_bytes">;
  readonly workDir: string;
}

/** Rejects with what is missing: `debugger_missing`, `sandbox_unavailable`, or whatever else gdb could not do. */
export async function probeDebugger({ openGdb, gdb, limits, workDir }: ProbeParts): Promise<{ readonly gdb: string }> {
  await using folder = await makeJobFolder(join(workDir), `probe-${process.pid}`);
  await using session = await openGdb({ jobDir: folder.path, rung: "python-only", limits, signal: AbortSignal.timeout(60_000), gdb });
  return { gdb: await session.version() };
}
