/** Logs beside a core: the same process and lines, another process, another crash of the same program. */
import { describe, expect, test } from "vitest";
import type { Thread } from "../../../../services/contract/thread.ts";
import type { FaulthandlerDump } from "../../../../services/logs/faulthandler.ts";
import type { MemoryError, MemoryReport } from "../../../../services/logs/memory-report.ts";
import { crashInLog, damageInLog } from "../../../../workers/pipeline/diagnose/logged.ts";
import { judgeLogs, type JudgedCore } from "../../../../workers/pipeline/logs/judge-logs.ts";
import { nativeFrame, pythonFrame, thread } from "../../../text/sample-report.ts";
import { segfault } from "../sample-facts.ts";

const crashed = thread(1, {
  crashed: true,
  python_thread_id: "0x1",
  python_frames: [pythonFrame("größe", 5), pythonFrame("<module>", 9)],
  native_frames: ["0x5000", "0x6001", "0x7001"].map((pc) => nativeFrame("f", { pc })),
});
const other = thread(2, { python_thread_id: "0x2", python_frames: [pythonFrame("wait", 3)] });
const core: JudgedCore = { pid: 4711, alive: false, site: { signal: segfault(), pc: "0x5000" }, threads: [crashed, other], interpreters: 1 };

const dumpOf = (threads: readonly Thread[], some: Partial<FaulthandlerDump> = {}): FaulthandlerDump => ({
  kind: "faulthandler",
  reason: "fatal",
  message: "Segmentation fault",
  pid: null,
  threads: threads.map((each) => ({
    id: each.python_thread_id,
    name: null,
    current: each.crashed,
    collecting: false,
    cut: false,
    frames: each.python_frames.flatMap((frame) =>
      frame.kind === "python"
        ? { file: frame.file, line: frame.line, function: frame.function.replace("ö", String.raw`\xf6`).replace("ß", String.raw`\xdf`) }
        : [],
    ),
  })),
  threadsCut: false,
  cStack: null,
  extensionModules: null,
  ...some,
});

const judged = (dump: FaulthandlerDump, of: JudgedCore | null = core) =>
  judgeLogs([{ filename: "stderr.log", size: 9, dumps: [dump], memory: [] }], of).summaries[0];

describe("a dump of faulthandler", () => {
  test("agrees when threads and lines are the core's", () => {
    expect(judged(dumpOf([other, crashed]))).toMatchObject({ kind: "faulthandler", count: 2, agreement: "same", differences: [] });
  });

  test.each<[string, FaulthandlerDump, string]>([
    ["stands on another line", dumpOf([other, { ...crashed, python_frames: [pythonFrame("größe", 6), pythonFrame("<module>", 9)] }]), "frame 0 is"],
    [
      "has another thread die",
      dumpOf([
        { ...other, crashed: true },
        { ...crashed, crashed: false },
      ]),
      "died in the log",
    ],
    ["lacks a thread", dumpOf([crashed]), "is not in the log"],
    ["has one more thread", dumpOf([crashed, other, thread(3, { python_thread_id: "0x3" })]), "is not in the core"],
    ["ends early", dumpOf([other, { ...crashed, python_frames: crashed.python_frames.slice(0, 1) }]), "ends 1 frames before"],
    ["is of another signal", dumpOf([other, crashed], { message: "Bus error" }), "SIGBUS"],
  ])("differs when it %s", (_what, dump, words) => {
    const summary = judged(dump);
    expect(summary?.agreement).toBe("differs");
    expect(summary?.differences.join()).toContain(words);
  });

  test("is of another process when no thread is the core's", () => {
    expect(judged(dumpOf([thread(8, { python_thread_id: "0x8" })]))).toMatchObject({ agreement: "other_process" });
  });

  test("says nothing where there is no core, or no Python in it", () => {
    expect(judged(dumpOf([crashed]), null)).toMatchObject({ agreement: null });
    expect(judged(dumpOf([crashed]), { ...core, threads: [thread(1, { python_thread_id: null })] })).toMatchObject({ agreement: null });
  });

  test("of many is told first that agrees", () => {
    const old = dumpOf([thread(8, { python_thread_id: "0x8" })]);
    const { summaries } = judgeLogs([{ filename: null, size: 1, dumps: [dumpOf([other, crashed]), old], memory: [] }], core);
    expect(summaries.map((each) => each.agreement)).toEqual(["same", "other_process"]);
  });
});

const use = { address: "0x5000", function: "use", file: "a.c", line: 3, module: null };
const frames = [use];
const freed = { where: "inside" as const, offset: 0, size: 16, freed: true, freedBy: [], allocatedBy: [] };
const error = (some: Partial<MemoryError> = {}): MemoryError => ({
  what: "Invalid read of size 8",
  access: "read",
  size: 8,
  address: "0x100",
  frames,
  block: freed,
  ...some,
});
const report = (some: Partial<MemoryReport> = {}): MemoryReport => ({
  kind: "valgrind",
  pid: 4711,
  errors: [error()],
  errorsCut: false,
  end: { signal: 11, address: "0x100", frames },
  ...some,
});
const elsewhere = [{ address: "0x9999", function: "other", file: null, line: null, module: null }];

function findings(of: MemoryReport, beside: JudgedCore | null = core) {
  const { memory } = judgeLogs([{ filename: "vg.log", size: 1, dumps: [], memory: [of] }], beside);
  const meant = { core: { crashedLwp: 1, signal: beside?.site.signal ?? null }, logs: memory };
  return [crashInLog(meant), damageInLog(meant)].map((each) => (each === null ? null : [each.code, each.confidence]));
}

describe("a memory checker's log", () => {
  test("of this process that ends at the place of the crash gives a certain finding", () => {
    expect(findings(report())).toEqual([["freed_memory_access", "certain"], null]);
    expect(findings(report({ errors: [error({ access: "write", block: { ...freed, freed: false, where: "after" } })] }))).toEqual([
      ["heap_corruption", "certain"],
      null,
    ]);
    expect(findings(report({ kind: "asan", errors: [error({ what: "stack-buffer-overflow", block: null })] }))).toEqual([
      ["out_of_bounds_access", "certain"],
      null,
    ]);
    expect(findings(report({ kind: "asan", errors: [error({ what: "double-free", access: null })] }))).toEqual([["invalid_free", "certain"], null]);
  });

  test("names who called a function that the tool has put in another's place", () => {
    const tool = { address: "0x4000", function: "memset", file: null, line: null, module: "/usr/libexec/valgrind/vgpreload_memcheck-amd64-linux.so" };
    const write = error({ access: "write", block: { ...freed, freed: false, where: "after" }, frames: [tool, use] });
    const { memory } = judgeLogs([{ filename: "vg.log", size: 1, dumps: [], memory: [report({ errors: [write], end: null })] }], null);
    expect(damageInLog({ core: { crashedLwp: 1 }, logs: memory })?.title).toBe("A write of 8 bytes past the end of a block, by memset, called by use (a.c:3)");
  });

  test("tells the null pointer that a core without siginfo does not", () => {
    const ofNull = report({ errors: [error({ block: null, address: "0x8" })], end: { signal: 11, address: "0x8", frames } });
    const valgrinds = { ...core, site: { pc: "0x5000", signal: segfault({ code: null, code_number: null, address: null }) } };
    expect(findings(ofNull, valgrinds)).toEqual([["null_dereference", "certain"], null]);
    expect(findings(ofNull)).toEqual([null, null]);
    expect(findings({ ...ofNull, end: { signal: 11, address: "0x1000", frames } }, valgrinds)).toEqual([null, null]);
  });

  test("without a core gives a likely one", () => {
    expect(findings(report(), null)).toEqual([["freed_memory_access", "likely"], null]);
  });

  test("tells an earlier write apart from the crash, and an earlier read as less", () => {
    const fatal = error({ block: null, address: "0x0" });
    const write = error({ access: "write", frames: elsewhere, block: { ...freed, where: "after", freed: false } });
    expect(findings(report({ errors: [write, fatal] }))).toEqual([null, ["heap_corruption", "likely"]]);
    expect(findings(report({ errors: [error({ frames: elsewhere }), fatal] }))).toEqual([null, ["freed_memory_access", "possible"]]);
  });

  test.each<[string, MemoryReport]>([
    ["of another process, whatever it saw", report({ pid: 99 })],
    [
      "that claims this process but ends elsewhere",
      report({ end: { signal: 11, address: "0x100", frames: elsewhere }, errors: [error({ frames: elsewhere })] }),
    ],
    ["that ends with another signal", report({ end: { signal: 7, address: "0x100", frames } })],
    ["that saw a null pointer", report({ errors: [error({ block: null, address: "0x0" })] })],
    ["that saw pymalloc look at an address", report({ errors: [error({ frames: [{ ...use, function: "address_in_range" }] })] })],
    ["without an error", report({ errors: [] })],
  ])("%s gives none", (_what, of) => {
    expect(findings(of)).toEqual([null, null]);
  });
});
