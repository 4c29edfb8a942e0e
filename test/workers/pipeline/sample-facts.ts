/** Core facts and stored binaries for tests, with only what a test names. */
import type { CoreFacts, CoreModule, CoreSegment, CoreSignal } from "../../../services/intake/core/core-facts.ts";
import type { StoredBinary } from "../../../services/storage/binary-store.ts";
import type { CrashSite } from "../../../workers/pipeline/crash-site.ts";

export const segfault = (some: Partial<CoreSignal> = {}): CoreSignal => ({
  number: 11,
  name: "SIGSEGV",
  code: "SEGV_MAPERR",
  code_number: 1,
  address: "0x0",
  description: null,
  sender_pid: null,
  sender_uid: null,
  ...some,
});

export const siteOf = (some: Partial<CrashSite> = {}): CrashSite => ({
  signal: segfault(),
  pc: null,
  registers: {},
  disassembly: [],
  instruction: null,
  operands: [],
  fault: null,
  branchTarget: null,
  divisor: null,
  signalFrame: null,
  sent: false,
  ...some,
});

/** `rights` of `r`, `w` and `x`; nothing of it is in the file. */
export const segment = (start: string, end: string, rights: string): CoreSegment => ({
  start,
  end,
  offset: 0,
  fileSize: 0,
  readable: rights.includes("r"),
  writable: rights.includes("w"),
  executable: rights.includes("x"),
});

export const coreModule = (path: string, buildId: string | null, some: Partial<CoreModule> = {}): CoreModule => ({
  path,
  deleted: false,
  buildId,
  head: null,
  start: "0x7f0000000000",
  end: "0x7f0000010000",
  mappings: [{ start: "0x7f0000000000", end: "0x7f0000010000", offset: 0 }],
  kind: "library",
  ...some,
});

export const coreFacts = (some: Partial<CoreFacts> = {}): CoreFacts => ({
  machine: "x86_64",
  bits: 64,
  byteOrder: "little",
  size: 1_000_000,
  madeBy: "kernel",
  processAlive: false,
  pid: 4711,
  uid: 0,
  gid: 0,
  name: "python3.11",
  executable: "/usr/bin/python3.11",
  executableName: "python3.11",
  commandLine: ["python3", "app.py"],
  commandLineSource: "stack",
  environment: null,
  signal: segfault(),
  crashedLwp: 4711,
  threads: [{ lwp: 4711, signal: 11 }],
  auxv: {},
  platform: "x86_64",
  segments: [],
  modules: [],
  otherFiles: [],
  codeOnStacks: null,
  modulesSource: "nt_file",
  missingBytes: 0,
  warnings: [],
  ...some,
});

export const storedBinary = (filename: string, build_id: string | null, some: Partial<StoredBinary> = {}): StoredBinary => ({
  build_id,
  kind: "shared_library",
  size: 4_096,
  sha256: "00".repeat(32),
  filename,
  has_symbols: true,
  has_debug_info: false,
  path: null,
  origin: "upload",
  debug_link: null,
  alt_link: null,
  crc: null,
  head: null,
  blob: `binaries/${filename}`,
  created_at: "2026-11-23T04:05:06.789Z",
  ...some,
});
