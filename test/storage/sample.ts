/** Jobs, binaries and reports as the stores take them, with only what a test names. */
import { createHash } from "node:crypto";
import { v7 } from "uuid";
import type { CoreSummary } from "../../services/contract/job.ts";
import { noOptions } from "../../services/contract/job-options.ts";
import type { Report } from "../../services/contract/report.ts";
import type { PythonFrame, Thread } from "../../services/contract/thread.ts";
import type { NewBinary } from "../../services/storage/binary-store.ts";
import type { NewJob } from "../../services/storage/job-store.ts";

export const digest = (text: string): string => createHash("sha256").update(text).digest("hex");

export const newCore = (id: string = v7()): CoreSummary => ({
  filename: "core.4711",
  size: 123_456,
  sha256: digest(id),
  executable_name: "python3.11",
  pid: 4711,
  signal: 11,
  command_line: ["python3.11", "crash.py"],
});

export function newJob(some: Partial<NewJob> = {}): NewJob {
  const id = some.id ?? v7();
  return {
    id,
    projectId: "default",
    idempotencyKey: null,
    status: "queued",
    whenMissing: "analyze",
    options: noOptions,
    priority: "normal",
    waitsUntil: null,
    core: newCore(id),
    coreBlob: `cores/${id}`,
    labels: {},
    missingBinaries: [],
    binaries: [],
    attachments: [],
    expiresAt: null,
    coreExpiresAt: null,
    ...some,
  };
}

export function newBinary(some: Partial<NewBinary> & { readonly content: string }): NewBinary {
  const { content, ...fields } = some;
  return {
    build_id: "abcdef0123456789",
    kind: "executable",
    size: content.length,
    sha256: digest(content),
    filename: "python3.11",
    has_symbols: true,
    has_debug_info: false,
    path: null,
    origin: "upload",
    debug_link: null,
    alt_link: null,
    crc: null,
    head: null,
    blob: `binaries/${digest(content)}`,
    ...fields,
  };
}

export function pythonFrame(some: Partial<PythonFrame> = {}): PythonFrame {
  return {
    kind: "python",
    function: "main",
    qualname: null,
    defined_as: null,
    file: "/srv/app/main.py",
    line: 7,
    end_line: null,
    column: null,
    end_column: null,
    source_line: null,
    locals: [],
    entry: true,
    status: "ok",
    ...some,
  };
}

export function thread(some: Partial<Thread> = {}): Thread {
  return {
    lwp: 4711,
    name: "MainThread",
    crashed: true,
    python_thread_id: null,
    python_index: null,
    interpreter_id: 0,
    gil: "holder",
    waits_for: null,
    state: "running",
    exception: null,
    frames: [pythonFrame()],
    native_frames: [],
    python_frames: [pythonFrame()],
    truncated: false,
    ...some,
  };
}

export function newReport(jobId: string, some: Partial<Report> = {}): Report {
  return {
    schema: 1,
    job_id: jobId,
    created_at: "2026-11-23T04:05:06.789Z",
    engine: { gdb: "13.1", helpers: "1", layout_source: "table" },
    warnings: [],
    timings_ms: { debug: 1.5 },
    process: {
      executable: "/usr/bin/python3.11",
      name: "python3.11",
      command_line: ["python3.11", "crash.py"],
      pid: 4711,
      uid: 0,
      signal: { number: 11, name: "SIGSEGV", code: "SEGV_MAPERR", address: "0x0", description: null, sender_pid: null, pc: null },
      crashed_lwp: 4711,
      started_by_gcore: false,
      environment: null,
    },
    python: {
      version: "3.11.2",
      implementation: "CPython",
      build: { debug: false, free_threaded: false, jit: false },
      layout_source: "table",
      debug_info: "none",
      flags: { dev_mode: false, faulthandler: false, tracemalloc: false, malloc: "pymalloc" },
      tracemalloc: null,
      gil_holder_lwp: 4711,
      gc: { collecting: false, enabled: true, counts: [], thresholds: [] },
      finalizing: false,
      interpreters: 1,
      modules_imported: [],
      run: null,
      extension_modules: [{ name: "_ctypes", path: null, version: null, third_party: false, crash_frame: null }],
    },
    python_missing_reason: null,
    threads: [thread()],
    suspended: [],
    attachments: [],
    open_files: null,
    census: null,
    modules: [],
    diagnoses: [{ code: "null_dereference", title: "NULL was dereferenced", detail: "At 0x0.", confidence: "certain", lwp: 4711, evidence: {}, links: [] }],
    signature: { hash: "deadbeef", title: "SIGSEGV in string_at", version: 1, broad_hash: "deadbeef", partial: false, frames: [] },
    registers: {},
    disassembly: [],
    ...some,
  };
}
