/**
 * What the pipeline sees of gdb: one fresh, sandboxed debugger for one job.
 *
 * All paths that go in are those inside the sandbox (`/job/…`), as the manifest has them. Every method fails with a
 * `Failure` whose code is one of `debugger_died`, `debugger_timeout`, `debugger_protocol`, `debugger_command` or
 * `job_cancelled`; after any of the first three and the last the session is over and only disposing it makes sense.
 */
import type { Limits } from "../../services/contract/limits.ts";
import type { Warning } from "../../services/contract/report.ts";

/**
 * The ladder: with DWARF; with symbols and call frame information only (no inlined frames, no lines, no arguments, see
 * `without-dwarf.ts`); no file is shown to gdb at all, it only runs the Python helper.
 */
export type Rung = "dwarf" | "readnever" | "python-only";

export type HelperName = "python" | "native";

export interface OpenGdbOptions {
  /** The job folder on the host: `core`, `sysroot/`, `debug/`, `manifest.json`, `out/`. Mounted at `/job`. */
  readonly jobDir: string;
  readonly rung: Rung;
  readonly limits: Pick<Limits, "debug_seconds" | "debug_memory_bytes">;
  /** Aborting it ends gdb at once; what runs fails with `job_cancelled`, or with the signal's reason where that is a `Failure`. */
  readonly signal: AbortSignal;
  /** `Config.gdb`: a name looked up in the usual places, or a path. */
  readonly gdb: string;
  /** `e_machine` by name, as in the manifest. For one that is not this machine's, `gdb-multiarch` is used where it is installed. */
  readonly machine?: string;
  /** The helper scripts with their bytecode, as `probeSandbox` made them; without it each gdb compiles them anew. */
  readonly helpers?: string;
}

export interface CoreFiles {
  readonly core: string;
  /** The executable in the sysroot; null when it was not uploaded: gdb then works from the core alone. */
  readonly executable: string | null;
  /** Whether `/job/index` holds indexes for gdb to use. */
  readonly indexed?: boolean;
}

export interface LoadedCore {
  /** What gdb said of the files: truncated core, mismatched build-id, unreadable symbols. */
  readonly warnings: readonly Warning[];
}

export interface HelperRun {
  /** The one field of the MI answer, parsed and not yet validated: a short summary. */
  readonly summary: unknown;
  /** The answer document: JSON, parsed, not yet validated (`PythonAnswer`, `NativeAnswer`). */
  readonly answer: unknown;
  readonly duration_ms: number;
}

export interface GdbSession extends AsyncDisposable {
  readonly rung: Rung;
  /** gdb's own version, such as `13.1`; it is part of the greeting, so no round trip is made. */
  version(): Promise<string>;
  loadCore(files: CoreFiles): Promise<LoadedCore>;
  /** Runs `-inquest-NAME MANIFEST OUT` and reads OUT back. The defaults are `/job/manifest.json` and `/job/out/NAME.json`. */
  runHelper(name: HelperName, manifest?: string, out?: string): Promise<HelperRun>;
  /** Whether the loaded DWARF bears out the table of structs that the Python helper has used elsewhere; null where there is no DWARF of an interpreter. */
  confirmLayout(version: string, table: string): Promise<boolean | null>;
}
