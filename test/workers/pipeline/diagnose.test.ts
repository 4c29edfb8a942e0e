/** Each finding with a case that gets it and look-alikes that must not. */
import { describe, expect, test } from "vitest";
import type { NativeFrame } from "../../../services/contract/thread.ts";
import type { CoreFacts } from "../../../services/intake/core/core-facts.ts";
import { crashSite } from "../../../workers/pipeline/crash-site.ts";
import { diagnose } from "../../../workers/pipeline/diagnose.ts";
import { module, nativeFrame, thread } from "../../text/sample-report.ts";
import { coreFacts, segfault } from "./sample-facts.ts";

function codes(core: Partial<CoreFacts>, frames: readonly NativeFrame[] = [], modules: Parameters<typeof module>[1][] = []) {
  const threads = [thread(4711, { crashed: true, native_frames: [...frames] })];
  return diagnose({
    core: coreFacts(core),
    site: crashSite(coreFacts(core), null, null, []),
    threads,
    modules: modules.map((some) => module("/usr/lib/libc.so.6", some)),
    python: null,
    native: null,
  }).map((each) => each.code);
}

const aborted = (some: Parameters<typeof segfault>[0] = {}) =>
  segfault({ number: 6, name: "SIGABRT", code: "SI_TKILL", code_number: -6, address: null, sender_pid: 4711, ...some });
const abortStack = ["__pthread_kill_implementation", "raise", "abort", "fatal_error_exit"].map((name) => nativeFrame(name));

describe("null_dereference", () => {
  test.each(["0x0", "0x8", "0xfff"])("is an unmapped access at %s", (address) => {
    expect(codes({ signal: segfault({ address }) })).toEqual(["null_dereference"]);
  });

  test.each([
    ["an address outside the first page", segfault({ address: "0x1000" })],
    ["a non-canonical address, which the kernel reports as 0", segfault({ code: "SI_KERNEL", code_number: 128 })],
    ["a page that is mapped and forbidden", segfault({ code: "SEGV_ACCERR", code_number: 2 })],
    ["a signal that a process sent", segfault({ code: "SI_USER", code_number: 0, address: null, sender_pid: null })],
    ["a bus error", segfault({ number: 7, name: "SIGBUS", code: "BUS_ADRERR" })],
    ["a core without siginfo", segfault({ code: null, code_number: null, address: null })],
  ])("is not %s", (_what, signal) => {
    expect(codes({ signal })).toEqual([]);
  });
});

describe("sent_by_process", () => {
  test("is a signal from another pid", () => {
    expect(codes({ signal: segfault({ number: 15, name: "SIGTERM", code: "SI_USER", code_number: 0, address: null, sender_pid: 99 }) })).toEqual([
      "sent_by_process",
    ]);
  });

  test("is not a signal that the process sent to itself, nor one of the kernel's", () => {
    expect(codes({ signal: aborted() })).toEqual(["abort"]);
    expect(codes({ signal: segfault({ code: "SI_KERNEL", sender_pid: 0, address: null }) })).toEqual([]);
    expect(codes({ pid: null, signal: segfault({ code: "SI_USER", sender_pid: 99, address: null }) })).toEqual([]);
  });
});

describe("abort", () => {
  test("names the function that called abort", () => {
    const [finding] = diagnose({
      core: coreFacts({ signal: aborted() }),
      site: crashSite(coreFacts({ signal: aborted() }), null, null, []),
      threads: [thread(4711, { crashed: true, native_frames: abortStack })],
      modules: [],
      python: null,
      native: null,
    });
    expect(finding).toMatchObject({ code: "abort", evidence: { caller: "fatal_error_exit" } });
  });

  test("tells the place of a caller that has no name, and passes over the C library's own", () => {
    const at = (module: string, offset: string) => nativeFrame(null, { module, offset });
    const stack = [nativeFrame("raise"), nativeFrame("abort"), at("/lib/libc.so.6", "0x29540"), at("/usr/bin/python3.14", "0x42c3ff"), nativeFrame("ffi_call")];
    const core = coreFacts({ signal: aborted() });
    const threads = [thread(4711, { crashed: true, native_frames: stack })];
    const [finding] = diagnose({ core, site: crashSite(core, null, null, []), threads, modules: [], python: null, native: null });
    expect(finding).toMatchObject({ code: "abort", evidence: { caller: "python3.14+0x42c3ff" } });
  });

  test("is raised_by_itself where the program asked for the signal without abort()", () => {
    const check = nativeFrame("my_check", { module: "/app/check.so" });
    expect(codes({ signal: aborted() }, [nativeFrame(null), nativeFrame("raise"), check])).toEqual(["raised_by_itself"]);
    expect(codes({ signal: aborted({ code: "SI_USER" }) }, [nativeFrame("kill"), nativeFrame(null)])).toEqual(["raised_by_itself"]);
    const scanned = nativeFrame("my_check", { module: "/app/check.so", trust: "scan" });
    const nameless = nativeFrame(null, { module: "/lib/ld-musl-x86_64.so.1" });
    for (const caller of [scanned, nameless]) expect(codes({ signal: aborted() }, [nativeFrame("raise"), caller])).toEqual(["abort"]);
  });

  test("is only likely without abort on the stack, and where the thread stands in no call of tgkill", () => {
    const core = coreFacts({ signal: aborted() });
    const native = (rdx: string) => ({
      gdb: "13.1",
      threads: [],
      registers: { rip: "0x1", rsi: "0x1267", rdx },
      disassembly: [],
      modules: [],
      warnings: [],
      facts: {},
      timings_ms: {},
    });
    const found = (rdx: string) =>
      diagnose({
        core,
        site: crashSite(core, native(rdx), null, []),
        threads: [thread(4711, { crashed: true, native_frames: [] })],
        modules: [],
        python: null,
        native: null,
      });
    expect(found("0x6")).toMatchObject([{ code: "abort", confidence: "likely" }]);
    expect(found("0x9")).toMatchObject([{ code: "abort", confidence: "possible" }]);
    expect(codes({ pid: null, signal: aborted() })).toEqual([]);
  });

  test("is none from outside, nor another signal", () => {
    expect(codes({ signal: aborted({ code: "SI_USER", sender_pid: 99 }) }, abortStack)).toEqual(["sent_by_process"]);
    expect(codes({ signal: segfault({ address: "0x5000" }) }, abortStack)).toEqual([]);
  });
});

describe("binary_mismatch and truncated_core", () => {
  test("are told from the evidence alone", () => {
    expect(codes({ signal: null }, [], [{ found: "mismatch" }, { found: "mismatch" }])).toEqual(["binary_mismatch"]);
    expect(codes({ signal: null, missingBytes: 10 })).toEqual(["truncated_core"]);
  });

  test("are not told of a missing binary, nor of a whole core", () => {
    expect(codes({ signal: null }, [], [{ found: "missing" }, { found: "upload" }])).toEqual([]);
  });

  test("come after what says why the process died", () => {
    expect(codes({ missingBytes: 1 }, [], [{ found: "mismatch" }])).toEqual(["null_dereference", "binary_mismatch", "truncated_core"]);
  });
});
