/** The limits that are told beside a stack overflow, and what does not prove them. */
import { describe, expect, test } from "vitest";
import type { Diagnosis } from "../../../services/contract/report.ts";
import type { CoreSegment } from "../../../services/intake/core/core-facts.ts";
import { crashSite } from "../../../workers/pipeline/crash-site.ts";
import { diagnose } from "../../../workers/pipeline/diagnose.ts";
import type { PythonAnswer } from "../../../workers/pipeline/helper-answer.ts";
import { thread } from "../../text/sample-report.ts";
import { pythonAnswer } from "./python-answer.ts";
import { coreFacts, segfault } from "./sample-facts.ts";

const segment = (start: string, end: string, writable = true): CoreSegment => ({
  start,
  end,
  offset: 0,
  fileSize: 0,
  readable: writable,
  writable,
  executable: false,
});
const main = segment("0x7ffd00000000", "0x7ffd00800000");
const guarded = [segment("0x7f0000000000", "0x7f0000001000", false), segment("0x7f0000001000", "0x7f0000021000")];

interface Overflow {
  readonly address: string;
  readonly sp: string;
  readonly segments: readonly CoreSegment[];
  readonly facts?: PythonAnswer["facts"];
}

function overflow({ address, sp, segments, facts = {} }: Overflow): Diagnosis | undefined {
  const signal = segfault({ address, code: segments === guarded ? "SEGV_ACCERR" : "SEGV_MAPERR", code_number: segments === guarded ? 2 : 1 });
  const core = coreFacts({ signal, segments: [...segments], auxv: { AT_RANDOM: "0x7ffd007ff000" } });
  const site = { ...crashSite(core, null, null, []), registers: { rip: "0x401000", rsp: sp } };
  return diagnose({ core, site, threads: [thread(4711, { crashed: true })], modules: [], python: pythonAnswer({ facts }), native: null })[0];
}

const ofMain = { address: "0x7ffcfffffff8", sp: "0x7ffd00000000" };
const ofThread = { address: "0x7f0000000ff8", sp: "0x7f0000001000", segments: guarded };
const limits = { depth: 3, c_recursion_remaining: null, c_stack: null, thread_stack: null };

describe("the limits of a stack", () => {
  test("of the main thread are proven by the page that it was not given", () => {
    const told = overflow({ ...ofMain, segments: [main] });
    expect(told?.detail).toContain("its limit was 8388608 bytes (ulimit -s 8192)");
    expect(told?.evidence).toMatchObject({ stack: { kind: "main" }, limits: { stack_growth: { at_least: 8_388_608, below: 8_392_704 } } });
  });

  test("of the main thread are bounds only where a large frame jumped over some pages", () => {
    const told = overflow({ ...ofMain, address: "0x7ffcfffc0000", sp: "0x7ffcfffc0000", segments: [main] });
    expect(told?.detail).not.toContain("ulimit -s 8");
    expect(told?.evidence["limits"]).toMatchObject({ stack_growth: { at_least: 8_388_608, below: 8_650_752 } });
  });

  test("are not told of a main thread that a mapping below it may have stopped", () => {
    const told = overflow({ ...ofMain, segments: [segment("0x7ffcfff20000", "0x7ffcfff30000"), main] });
    expect(told?.evidence["limits"]).toMatchObject({ stack_growth: null });
  });

  test("of another thread are those that the C library gave it, where they are of this stack", () => {
    const stack = { start: "0x7f0000001000", size: 131_072, guard: 4096 };
    const told = overflow({ ...ofThread, facts: { recursion_limit: 1000, stack_limits: { ...limits, thread_stack: stack } } });
    expect(told?.detail).toContain("The thread was given a stack of 131072 bytes. sys.getrecursionlimit() was 1000, of which 3 calls were in use.");
    expect(told?.evidence).toMatchObject({ stack: { kind: "thread" }, limits: { thread_stack: stack, stack_growth: null, python_depth: 3 } });
    const other = overflow({ ...ofThread, facts: { stack_limits: { ...limits, thread_stack: { ...stack, start: "0x7f1000001000" } } } });
    expect(other?.evidence["limits"]).toMatchObject({ thread_stack: null });
  });

  test("that Python keeps itself are told by version", () => {
    const older = overflow({ ...ofThread, facts: { stack_limits: { ...limits, c_recursion_remaining: 41 } } });
    expect(older?.detail).toContain("Python would have allowed 41 more levels of C recursion.");
    const bounds = { top: "0x7f0000021000", soft_limit: "0x7f0000009000", hard_limit: "0x7f0000005000" };
    const newer = overflow({ ...ofThread, facts: { stack_limits: { ...limits, c_stack: bounds } } });
    expect(newer?.detail).toContain("the stack pointer was 16384 bytes below its last limit 0x7f0000005000");
    expect(newer?.evidence["limits"]).toMatchObject({ c_stack: bounds });
  });
});
