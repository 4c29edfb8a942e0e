import { describe, expect, test } from "vitest";
import type { Warning } from "../../../services/contract/report.ts";
import type { CoreFacts } from "../../../services/intake/core/core-facts.ts";
import { crashSite } from "../../../workers/pipeline/crash-site.ts";
import type { NativeAnswer, PythonAnswer } from "../../../workers/pipeline/helper-answer.ts";
import type { SignalFrame } from "../../../workers/pipeline/signal-frame.ts";
import { nativeFrame } from "./frame-makers.ts";
import { coreFacts, segfault } from "./sample-facts.ts";

const raisedAgain = (some: Parameters<typeof segfault>[0] = {}) => segfault({ code: "SI_TKILL", code_number: -6, address: null, sender_pid: 4711, ...some });
const registers = { rip: "0x401000", rsp: "0x7ffd00008000", rcx: "0x5", rax: "0x1", rdi: "0x0" };
const page = { kind: "page", address: "0x10", write: true, fetch: false, present: false } as const;
const saved = (some: Partial<SignalFrame> = {}): SignalFrame => ({ frame: "0x7ffd00000400", siginfo: null, registers, fault: page, ...some });

const python = (...frames: SignalFrame[]): PythonAnswer => ({
  helpers: "1",
  layout_source: null,
  python: null,
  python_missing_reason: null,
  threads: [],
  system_calls: [],
  suspended: [],
  warnings: [],
  facts: { signal_frames: frames },
  timings_ms: {},
});

const native = (sp: string | null, facts: NativeAnswer["facts"] = {}): NativeAnswer => ({
  gdb: "13.1",
  threads: [
    {
      lwp: 4711,
      frames: [nativeFrame("raise"), ...(sp === null ? [] : [nativeFrame("<signal handler called>", { sp, signal_trampoline: true })]), nativeFrame("work")],
      truncated: false,
      stop_reason: null,
    },
  ],
  registers: { rip: "0x77" },
  disassembly: [],
  modules: [],
  warnings: [],
  facts,
  timings_ms: {},
});

const site = (core: Partial<CoreFacts>, answer: PythonAnswer | null, gdbs: NativeAnswer | null = native("0x7ffd00000400")) =>
  crashSite(coreFacts({ signal: raisedAgain(), ...core }), gdbs, answer, []);

describe("the crash site of a signal that a handler raised again", () => {
  test("is the fault that the handler was run for", () => {
    const warnings: Warning[] = [];
    const found = crashSite(coreFacts({ signal: raisedAgain() }), native("0x7ffd00000400"), python(saved()), warnings);
    expect(found).toMatchObject({ pc: "0x401000", registers, signalFrame: "0x7ffd00000400", fault: page, sent: false });
    expect(found.signal).toMatchObject({ number: 11, code: "SEGV_MAPERR", address: "0x10", sender_pid: null });
    expect(warnings.map((each) => each.code)).toEqual(["signal_raised_again"]);
  });

  test("is known by the stack where the core has no siginfo, and by nothing that its handler did beside", () => {
    const bare = { signal: segfault({ code: null, code_number: null, address: null }) };
    expect(site(bare, python(saved()))).toMatchObject({ pc: "0x401000", signalFrame: "0x7ffd00000400" });
    const made = native("0x7ffd00000400");
    const [thread] = made.threads;
    const busy = {
      ...made,
      threads: thread === undefined ? [] : [{ ...thread, frames: [nativeFrame("free"), nativeFrame("on_signal"), ...thread.frames.slice(1)] }],
    };
    expect(site(bare, python(saved()), busy)).toMatchObject({ signalFrame: null });
  });

  test("without files is the kernel's frame on machines where gdb only guesses, but not where its stack ended in a known function", () => {
    const i386 = { machine: "i386", signal: raisedAgain() };
    const nameless = native(null);
    const [thread] = nameless.threads;
    const guessed = { ...nameless, threads: thread === undefined ? [] : [{ ...thread, frames: [nativeFrame("raise"), nativeFrame(null)] }] };
    expect(site(i386, python(saved()), guessed)).toMatchObject({ signalFrame: "0x7ffd00000400" });
    expect(site(i386, python(saved()), nameless)).toMatchObject({ signalFrame: null });
    expect(site({}, python(saved()), guessed)).toMatchObject({ signalFrame: null });
  });

  test("of qemu's, which never tells what the processor reported, is no signal that was sent", () => {
    const bare = { signal: segfault({ code: null, code_number: null, address: null }), madeBy: "qemu" as const };
    expect(site(bare, python(saved({ fault: null })))).toMatchObject({ pc: "0x401000", sent: false, signal: { name: "SIGSEGV", address: null } });
  });

  test("is told by the kernel's siginfo where the handler asked for one", () => {
    const info = Buffer.alloc(32);
    info.writeInt32LE(7, 0);
    info.writeInt32LE(2, 8);
    info.writeBigUInt64LE(0x7f00n, 16);
    expect(site({ signal: raisedAgain({ number: 6, name: "SIGABRT" }) }, python(saved({ siginfo: info.toString("hex") }))).signal).toMatchObject({
      name: "SIGBUS",
      code: "BUS_ADRERR",
      address: "0x7f00",
    });
  });

  test("is an access that the mapping forbids when something is mapped there", () => {
    const segments = [{ start: "0x0", end: "0x1000", offset: 0, fileSize: 0, readable: true, writable: false, executable: false }];
    expect(site({ segments }, python(saved())).signal).toMatchObject({ code: "SEGV_ACCERR", code_number: 2 });
  });

  describe("that called abort() and did not ask for siginfo", () => {
    const segments = [{ start: "0x400000", end: "0x500000", offset: 0, fileSize: 0, readable: true, writable: false, executable: true }];
    const aborted = { signal: raisedAgain({ number: 6, name: "SIGABRT" }), segments };
    const code = (instruction: string, address: string | null) => ({
      interrupted: { pc: "0x401000", registers: {}, disassembly: [], instruction, memory_operands: address === null ? [] : [{ operand: "(%rax)", address }] },
    });
    const of = (frame: SignalFrame, instruction: string, address: string | null) =>
      site(aborted, python(frame), native("0x7ffd00000400", code(instruction, address))).signal;

    test("is what the instruction cannot but do, where the processor reported just that", () => {
      expect(of(saved(), "mov %rbx,(%rax)", "0x10")).toMatchObject({ name: "SIGSEGV", code: "SEGV_MAPERR", address: "0x10" });
      const readOnly = saved({ fault: { ...page, address: "0x400010", present: true } });
      expect(of(readOnly, "mov %rbx,(%rax)", "0x400010")).toMatchObject({ name: "SIGSEGV", code: "SEGV_ACCERR" });
      const general = saved({ fault: { ...page, kind: "protection", address: null } });
      expect(of(general, "mov (%rax),%rbx", "0x4141414141414141")).toMatchObject({ name: "SIGSEGV", code: "SI_KERNEL" });
      expect(of(saved({ fault: { ...page, kind: "invalid_opcode", address: null } }), "ud2", null)).toMatchObject({ name: "SIGILL" });
      const jumped = saved({ fault: { ...page, address: "0x10", fetch: true, write: false }, registers: { ...registers, rip: "0x10" } });
      expect(site(aborted, python(jumped)).signal).toMatchObject({ name: "SIGSEGV", address: "0x10" });
    });

    test.each<[string, SignalFrame, string, string | null]>([
      ["a timer's handler that gave up, with an older fault", saved(), "mov (%rbx),%rdx", "0x7f0000000000"],
      ["an instruction whose operands are not known", saved(), "mov (%rax),%rbx", null],
      ["a read of memory that may be read", saved({ fault: { ...page, address: "0x400010", write: false } }), "mov (%rax),%rbx", "0x400010"],
      ["a thread that stood in a system call", saved({ registers: { ...registers, rcx: "0x401000" } }), "mov (%rax),%rbx", "0x10"],
      ["a thread that never had a fault", saved({ fault: null }), "mov (%rax),%rbx", "0x10"],
    ])("is not %s", (_what, frame, instruction, address) => {
      expect(of(frame, instruction, address)).toMatchObject({ name: "SIGABRT" });
    });
  });

  test("takes gdb's code only when it is of the same place", () => {
    const code = (pc: string) => ({ interrupted: { pc, registers: {}, disassembly: [], instruction: "idivl %ecx", memory_operands: [] } });
    const divided = saved({ fault: { ...page, kind: "divide", address: null } });
    const signal = raisedAgain({ number: 8, name: "SIGFPE" });
    expect(site({ signal }, python(divided), native("0x7ffd00000400", code("0x401000")))).toMatchObject({
      instruction: "idivl %ecx",
      signal: { code: "FPE_INTDIV", address: "0x401000" },
    });
    expect(site({ signal }, python(divided), native("0x7ffd00000400", code("0x402000")))).toMatchObject({ instruction: null, signal: { code: null } });
  });

  test("is not an older fault that the interrupted instruction has nothing to do with", () => {
    const reads = (address: string) => ({
      interrupted: { pc: "0x401000", registers: {}, disassembly: [], instruction: "mov (%rax),%rbx", memory_operands: [{ operand: "(%rax)", address }] },
    });
    expect(site({}, python(saved()), native("0x7ffd00000400", reads("0x8")))).toMatchObject({ signal: { code: "SEGV_MAPERR", address: "0x10" } });
    expect(site({}, python(saved()), native("0x7ffd00000400", reads("0x7f0000000000")))).toMatchObject({ fault: null, sent: false, signal: { code: null } });
  });

  test("is a signal from outside when the thread stood in a system call, whatever it had faulted at before", () => {
    const waiting = saved({ registers: { ...registers, rcx: "0x401000", rax: "0xfffffffffffffffc" } });
    expect(site({}, python(waiting))).toMatchObject({ sent: true, fault: null, signal: { name: "SIGSEGV", code: null, address: null, sender_pid: null } });
  });

  test("is the fault of a function that was called through rcx, at its first instruction", () => {
    const called = { ...registers, rcx: "0x401000", r11: "0x35", eflags: "0x10246" };
    expect(site({}, python(saved({ registers: called })))).toMatchObject({ sent: false, signal: { code: "SEGV_MAPERR", address: "0x10" } });
    const waiting = { ...called, r11: "0x246", eflags: "0x246" };
    expect(site({}, python(saved({ registers: waiting })))).toMatchObject({ sent: true, fault: null });
  });

  test("is the process's own doing when the thread had just called kill", () => {
    const killing = saved({ registers: { ...registers, rcx: "0x401000", rax: "0x0", rdi: "0x1267" } });
    expect(site({}, python(killing)).signal).toMatchObject({ code: "SI_TKILL", sender_pid: 4711 });
  });

  test("keeps the siginfo of an abort", () => {
    expect(site({ signal: raisedAgain({ number: 6, name: "SIGABRT" }) }, python(saved())).signal).toMatchObject({ name: "SIGABRT", code: "SI_TKILL" });
  });
});

describe("the crash site is the innermost frame", () => {
  const direct = { pc: "0x77", signalFrame: null };
  test.each([
    ["when the kernel raised the signal", { signal: segfault() }, python(saved()), native("0x7ffd00000400")],
    ["when another process sent it", { signal: raisedAgain({ sender_pid: 99 }) }, python(saved()), native("0x7ffd00000400")],
    ["when the process lived on", { processAlive: true }, python(saved()), native("0x7ffd00000400")],
    ["when the unwinder met another handler", {}, python(saved()), native("0x7ffd00000800")],
    ["when the whole stack has no handler", {}, python(saved()), native(null)],
    ["when no signal frame was found", {}, python(), native("0x7ffd00000400")],
  ])("%s", (_when, core, answer, gdbs) => {
    expect(site(core, answer, gdbs)).toMatchObject(direct);
  });

  test("but for a frame that only memory told, where nothing could be unwound", () => {
    expect(site({}, python(saved()), null)).toMatchObject({ pc: "0x401000", signalFrame: "0x7ffd00000400" });
  });

  test("when the helper's frames break their schema", () => {
    const broken = { ...python(), facts: { signal_frames: [{ frame: "nonsense" }] } };
    expect(site({}, broken)).toMatchObject(direct);
  });
});
