/** The kernel's signal frame, as bytes on the stack of a made core; real ones are read in run-pipeline.test.ts. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CoreFacts } from "../../../services/intake/core/core-facts.ts";
import type { NativeAnswer } from "../../../workers/pipeline/helper-answer.ts";
import { raisedByItself, signalBehindHandler } from "../../../workers/pipeline/signal-frame.ts";
import { hex, nativeFrame } from "./frame-makers.ts";
import { coreFacts, segfault } from "./sample-facts.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "inquest-signal-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const stackAt = 0x7ffe_0000_0000;
const codeAt = 0x40_0000;

interface Fault {
  readonly trap?: number;
  readonly cr2?: number;
  readonly rip?: number;
  readonly rdi?: number;
  readonly rsi?: number;
  /** Filled only for handlers with SA_SIGINFO. */
  readonly siginfo?: { readonly number: number; readonly code: number; readonly address: number };
}

/** `struct rt_sigframe` of x86-64 without its return address, as the kernel writes it to `frameAt`: by default a page fault at 0x18. */
function signalFrame(frameAt: number, fault: Fault = {}): Buffer {
  const bytes = Buffer.alloc(640, 0x5a);
  const word = (offset: number, value: number) => bytes.writeBigUInt64LE(BigInt(value), offset);
  word(0, 7);
  word(8, 0);
  word(104, fault.rdi ?? 0);
  word(112, fault.rsi ?? 0);
  word(160, stackAt + 0x1800);
  word(168, fault.rip ?? codeAt + 0x10);
  word(184, 0x33);
  word(200, fault.trap ?? 14);
  word(216, fault.cr2 ?? 0x18);
  word(224, stackAt + frameAt + 448);
  if (fault.siginfo !== undefined) {
    bytes.writeInt32LE(fault.siginfo.number, 304);
    bytes.writeInt32LE(0, 308);
    bytes.writeInt32LE(fault.siginfo.code, 312);
    word(320, fault.siginfo.address);
  }
  return bytes;
}

const raised = segfault({ code: "SI_TKILL", code_number: -6, address: null, sender_pid: 4711 });

type Frames = NativeAnswer["threads"][number]["frames"];

async function behind(frameAt: number, bytes: Buffer, frames: Frames, some: Partial<CoreFacts> = {}, facts: NativeAnswer["facts"] = {}) {
  const stack = Buffer.alloc(8_192, 0xaa);
  bytes.copy(stack, frameAt);
  const path = join(folder, "core");
  await writeFile(path, stack);
  const segment = { offset: 0, readable: true };
  const core = coreFacts({
    signal: raised,
    segments: [
      { ...segment, start: hex(codeAt), end: hex(codeAt + 0x1000), fileSize: 0, writable: false, executable: true },
      { ...segment, start: hex(stackAt), end: hex(stackAt + stack.length), fileSize: stack.length, writable: true, executable: false },
    ],
    ...some,
  });
  const native: NativeAnswer = {
    gdb: "13.1",
    threads: [{ lwp: 4711, frames, truncated: false, stop_reason: null }],
    registers: {},
    disassembly: [],
    modules: [],
    warnings: [],
    facts,
    timings_ms: {},
  };
  return signalBehindHandler(core, native, path);
}

const raise = nativeFrame("raise", { sp: hex(stackAt) });
const trampoline = (at: number) => nativeFrame("<signal handler called>", { signal_trampoline: true, sp: hex(stackAt + at) });

describe("the signal behind a handler", () => {
  test("is told by the processor's exception in the frame that the unwinder found", async () => {
    expect(await behind(0x400, signalFrame(0x400), [raise, trampoline(0x400)])).toMatchObject({
      origin: "fault",
      signal: { code: "SEGV_MAPERR", address: "0x18" },
    });
  });

  test("is looked for on the stack when the unwinder saw no frame", async () => {
    expect(await behind(0x800, signalFrame(0x800), [raise])).toMatchObject({ origin: "fault", signal: { code: "SEGV_MAPERR", address: "0x18" } });
  });

  test("is the siginfo's where the handler had asked for one", async () => {
    const frame = signalFrame(0x400, { siginfo: { number: 11, code: 2, address: 0x1234 } });
    expect(await behind(0x400, frame, [raise, trampoline(0x400)])).toMatchObject({ origin: "fault", signal: { code: "SEGV_ACCERR", address: "0x1234" } });
  });

  test("is an access that was not allowed when its page is mapped", async () => {
    expect(await behind(0x400, signalFrame(0x400, { cr2: codeAt }), [raise, trampoline(0x400)])).toMatchObject({ signal: { code: "SEGV_ACCERR" } });
  });

  test("has no address when the processor told none", async () => {
    expect(await behind(0x400, signalFrame(0x400, { trap: 13 }), [raise, trampoline(0x400)])).toMatchObject({ signal: { code: "SI_KERNEL", address: null } });
  });

  test("was sent when there was no exception, unless the process sent it to itself", async () => {
    expect(await behind(0x400, signalFrame(0x400, { trap: 0 }), [raise, trampoline(0x400)])).toMatchObject({ origin: "sent", signal: { address: null } });
    expect(await behind(0x400, signalFrame(0x400, { trap: 0, rdi: 4711, rsi: 11 }), [raise, trampoline(0x400)])).toBeNull();
  });

  test("is not an older exception that the interrupted instruction has nothing to do with", async () => {
    const facts = (address: string) => ({ interrupted: { memory_operands: [{ operand: "(%rax)", address }] } });
    expect(await behind(0x400, signalFrame(0x400), [raise, trampoline(0x400)], {}, facts("0x7f0000000000"))).toBeNull();
    expect(await behind(0x400, signalFrame(0x400), [raise, trampoline(0x400)], {}, facts("0x10"))).not.toBeNull();
  });

  test.each([
    ["bytes that are no frame", Buffer.alloc(640, 0x41), {}],
    ["a frame that points to where no code is", signalFrame(0x800, { rip: 0x99 }), {}],
    ["a frame that lies elsewhere than it says", signalFrame(0x100), {}],
    ["a machine whose frame is not known", signalFrame(0x800), { machine: "riscv64" }],
    ["a fault that the kernel itself reports", signalFrame(0x800), { signal: segfault() }],
  ] as const)("is not taken from %s", async (_what, bytes, some) => {
    expect(await behind(0x800, bytes, [raise], some)).toBeNull();
  });

  test("is not known when the stack was not dumped or ends in mid-frame", async () => {
    expect(await behind(8_192 - 100, signalFrame(8_192 - 100), [raise, trampoline(8_192 - 100)])).toBeNull();
    expect(await behind(0x400, signalFrame(0x400), [raise, trampoline(0x100_0000)])).toBeNull();
  });

  test("is asked for only when the process raised its last signal itself", () => {
    expect(raisedByItself(coreFacts({ signal: raised }))).toBe(true);
    expect(raisedByItself(coreFacts({ signal: { ...raised, sender_pid: 99 } }))).toBe(false);
    expect(raisedByItself(coreFacts({ signal: segfault() }))).toBe(false);
    expect(raisedByItself(coreFacts({ signal: null }))).toBe(false);
  });
});
