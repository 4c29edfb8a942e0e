/** What the processor refuses, control that was lost, guards, and the kernel's own words; each with look-alikes that must not get it. */
import { describe, expect, test } from "vitest";
import type { Diagnosis } from "../../../services/contract/report.ts";
import type { CoreFacts } from "../../../services/intake/core/core-facts.ts";
import { type CrashSite, crashSite } from "../../../workers/pipeline/crash-site.ts";
import { diagnose } from "../../../workers/pipeline/diagnose.ts";
import { cycleOf } from "../../../workers/pipeline/diagnose/stack-overflow.ts";
import { nativeFrame, thread } from "../../text/sample-report.ts";
import { coreFacts, segfault, segment, siteOf } from "./sample-facts.ts";

const segments = [
  segment("0x400000", "0x500000", "rx"),
  segment("0x600000", "0x700000", "rw"),
  segment("0x700000", "0x701000", ""),
  segment("0x701000", "0x709000", "rw"),
  segment("0x7f0000000000", "0x7f0000001000", ""),
  segment("0x7f0000001000", "0x7f0000021000", "rw"),
  segment("0x7ffd00000000", "0x7ffd00800000", "rw"),
];
const auxv = { AT_RANDOM: "0x7ffd007ff000" };
const home = { rip: "0x401000", rsp: "0x7ffd00400000", rcx: "0x5" };

const site = (some: Partial<CrashSite> = {}) => siteOf({ pc: "0x401000", registers: home, ...some });

function told(crash: Partial<CrashSite>, core: Partial<CoreFacts> = {}, module: string | null = null): Diagnosis[] {
  const threads = [thread(4711, { crashed: true, native_frames: [nativeFrame("work", { module })] })];
  return diagnose({ core: coreFacts({ segments, auxv, ...core }), site: site(crash), threads, modules: [], python: null, native: null });
}
const codes = (...given: Parameters<typeof told>) => told(...given).map((each) => each.code);

const general = { signal: segfault({ code: "SI_KERNEL", code_number: 128, address: null }) };
const nothingAt = (address: string) => ({ signal: segfault({ address }) });
const forbiddenAt = (address: string) => ({ signal: segfault({ address, code: "SEGV_ACCERR", code_number: 2 }) });

describe("a jump that goes astray", () => {
  test("is a return or a call to what can be no address", () => {
    expect(told({ ...general, instruction: "ret", branchTarget: "0x4142434445464748" })[0]).toMatchObject({
      code: "wild_pointer",
      title: "A return address was overwritten: 0x4142434445464748",
      evidence: { looks_like_text: true },
    });
    expect(told({ ...general, instruction: "call *%rax", branchTarget: "0x8000000000000" })[0]?.title).toMatch(/^A function pointer holds what is no address/);
  });

  test("names a target of an allocator's filling", () => {
    expect(codes({ ...general, instruction: "call *%rax", branchTarget: "0xdddddddddddddddd" })[0]).toBe("freed_memory_access");
  });

  test("is not a call to what can be an address, nor a signal that was sent", () => {
    expect(codes({ ...general, instruction: "call *%rax", branchTarget: "0x401200" })).toEqual([]);
    expect(codes({ ...general, instruction: "ret", branchTarget: "0x4142434445464748", sent: true })).toEqual([]);
  });
});

describe("a stack pointer that leads nowhere", () => {
  const lost = (rsp: string) => ({ registers: { ...home, rsp }, instruction: "push %rax" });
  test("is told of addresses and of what is none", () => {
    expect(told({ ...nothingAt("0x123456788ff8"), ...lost("0x123456789000") })[0]?.title).toBe("The stack pointer leads nowhere: 0x123456789000");
    expect(codes({ ...nothingAt("0xfffffffffffffff8"), ...lost("0x0") })).toEqual(["wild_pointer"]);
    const none = { ...general, signal: segfault({ number: 7, name: "SIGBUS", code: "SI_KERNEL", code_number: 128, address: null }) };
    expect(told({ ...none, ...lost("0x4141414141414141") })[0]).toMatchObject({ code: "wild_pointer", confidence: "certain" });
  });

  test("is not a stack that is used up, nor a wild pointer beside a sound stack", () => {
    expect(codes({ ...nothingAt("0x7ffcfefffff8"), ...lost("0x7ffcff000000") })).toEqual(["stack_overflow"]);
    const beside = { ...nothingAt("0x123456789000"), instruction: "mov (%rdi),%rax", operands: [{ operand: "(%rdi)", address: "0x123456789000" }] };
    expect(told(beside).map(({ title }) => title)).toEqual(["A wild pointer was used: 0x123456789000"]);
  });
});

describe("stack_overflow by a frame larger than the guard", () => {
  const below = (distance: bigint) => {
    const sp = 0x7ffd00000000n - distance;
    return { ...nothingAt(`0x${(sp - 8n).toString(16)}`), registers: { ...home, rsp: `0x${sp.toString(16)}` }, instruction: "call 0x401200" };
  };
  test("is told of the main thread's stack", () => {
    expect(codes(below(64n << 20n))).toEqual(["stack_overflow"]);
  });

  test("is not told from further away, nor of a mapping that is not known to be that stack", () => {
    expect(codes(below(512n << 20n))).not.toContain("stack_overflow");
    expect(codes(below(64n << 20n), { auxv: {} })).not.toContain("stack_overflow");
  });

  test("passes over a guard that was jumped over", () => {
    const jumped = { ...nothingAt("0x7efffffff000"), registers: { ...home, rsp: "0x7efffffff000" }, instruction: "call 0x401200" };
    expect(codes(jumped)).toEqual(["stack_overflow"]);
  });

  test("finds the round of a stack that is too short to be folded", () => {
    const rounds = Array.from({ length: 20 }, () => [nativeFrame("a"), nativeFrame("b")]).flat();
    expect(cycleOf([nativeFrame("leaf"), ...rounds, nativeFrame("main")])).toEqual({ functions: ["a", "b"], rounds: 20 });
    expect(cycleOf([nativeFrame("leaf"), ...rounds.slice(0, 6), nativeFrame("main")])).toBeNull();
  });
});

describe("guard_page", () => {
  test("tells which end of the buffer was run over, and by how much", () => {
    expect(told(forbiddenAt("0x700000"))[0]).toMatchObject({ code: "guard_page", confidence: "certain", title: expect.stringContaining("past its end") });
    expect(told(forbiddenAt("0x700fff"))[0]).toMatchObject({
      confidence: "certain",
      title: expect.stringContaining("below its begin, into the guard there, by 1 byte"),
    });
    expect(told(forbiddenAt("0x700800"))[0]?.confidence).toBe("likely");
  });

  test("is not the guard of a stack, nor memory that may be read", () => {
    expect(codes({ ...forbiddenAt("0x7f0000000ff8"), registers: { ...home, rsp: "0x7f0000001000" } })).toEqual(["stack_overflow"]);
    expect(codes(forbiddenAt("0x400010"))).toEqual(["write_to_read_only"]);
  });
});

describe("misaligned_access", () => {
  const moves = (instruction: string, address: string) => ({ ...general, instruction, operands: [{ operand: "(%rdi)", address }] });
  test.each([
    ["movaps (%rdi),%xmm0", "0x600008", 16],
    ["vmovdqa (%rdi),%ymm0", "0x600010", 32],
    ["vmovdqa64 (%rdi),%zmm0", "0x600020", 64],
    ["addps  (%rdi),%xmm1", "0x600004", 16],
    ["pxor   (%rdi),%xmm1", "0x600001", 16],
  ])("is %s at %s", (instruction, address, alignment) => {
    expect(told(moves(instruction, address))[0]).toMatchObject({ code: "misaligned_access", evidence: { alignment } });
  });

  test.each([
    ["movups (%rdi),%xmm0", "0x600008"],
    ["movaps (%rdi),%xmm0", "0x600010"],
    ["vaddps (%rdi),%xmm1,%xmm2", "0x600004"],
    ["mov (%rdi),%rax", "0x600001"],
    ["movaps (%rdi),%xmm0", "0x4141414141414141"],
  ])("is not %s at %s", (instruction, address) => {
    expect(codes(moves(instruction, address))).not.toContain("misaligned_access");
  });

  test("is the kernel's own word for it", () => {
    const signal = segfault({ number: 7, name: "SIGBUS", code: "BUS_ADRALN", code_number: 1, address: "0x600001" });
    expect(codes({ signal, instruction: "ldxr x0, [x1]", operands: [{ operand: "[x1]", address: "0x600001" }] }, { machine: "aarch64" })).toEqual([
      "misaligned_access",
    ]);
  });
});

describe("breakpoint_trap and privileged_instruction", () => {
  const rows = (before: string, now: string) => [
    { address: "0x400fff", text: before, current: false },
    { address: "0x401000", text: now, current: true },
  ];
  const trap = segfault({ number: 5, name: "SIGTRAP", code: "SI_KERNEL", code_number: 128, address: null });
  test("a breakpoint stands right before the program counter", () => {
    expect(codes({ signal: trap, disassembly: rows("int3", "ret"), instruction: "ret" })).toEqual(["breakpoint_trap"]);
    expect(codes({ signal: trap, instruction: "brk #0x3e8" }, { machine: "aarch64" })).toEqual(["breakpoint_trap"]);
    expect(codes({ signal: trap, disassembly: rows("nop", "int3"), instruction: "int3" })).toEqual([]);
    expect(codes({ signal: trap, disassembly: rows("int3", "ret"), instruction: "ret", sent: true })).toEqual([]);
  });

  test("musl gives up by hlt", () => {
    expect(told({ ...general, instruction: "hlt" }, {}, "/lib/ld-musl-x86_64.so.1")[0]).toMatchObject({
      code: "privileged_instruction",
      title: expect.stringContaining("musl"),
    });
    expect(told({ ...general, instruction: "hlt" }, {}, "/srv/app.so")[0]?.title).toMatch(/only the kernel may run/);
  });

  test("is not an instruction that any program may run", () => {
    for (const instruction of ["inc %eax", "outlined", "mov %rax,%rcx", "insertps $0x10,%xmm0,%xmm1"]) expect(codes({ ...general, instruction })).toEqual([]);
    expect(codes({ ...nothingAt("0x10"), instruction: "hlt" })).toEqual(["null_dereference"]);
  });
});

describe("what the kernel says by the code alone", () => {
  test("memory that failed, and the terminal's quit key", () => {
    expect(codes({ signal: segfault({ number: 7, name: "SIGBUS", code: "BUS_MCEERR_AR", code_number: 4, address: "0x600000" }) })).toEqual([
      "hardware_memory_error",
    ]);
    expect(codes({ signal: segfault({ number: 3, name: "SIGQUIT", code: "SI_KERNEL", code_number: 128, address: null }) })).toEqual(["terminal_quit"]);
    expect(codes({ signal: segfault({ number: 3, name: "SIGQUIT", code: "SI_USER", code_number: 0, address: null, sender_pid: 99 }), sent: true })).toEqual([
      "sent_by_process",
    ]);
  });
});

describe("a null pointer, from the register", () => {
  const reads = (register: string, value: string, address: string) => ({
    instruction: `mov (%${register}),%rdx`,
    operands: [{ operand: `(%${register})`, address }],
    registers: { ...home, [register]: value },
  });
  test("is led to from behind", () => {
    expect(told({ ...nothingAt("0xfffffffffffffff8"), ...reads("rax", "0x0", "0xfffffffffffffff8") })).toMatchObject([
      { code: "null_dereference", evidence: { offset: -8 } },
    ]);
    expect(codes({ ...nothingAt("0xfffffffffffffff8"), ...reads("rax", "0xfffffffffffffff8", "0xfffffffffffffff8") })).toEqual(["wild_pointer"]);
  });

  test("is likely only where the register holds another number", () => {
    expect(told({ ...nothingAt("0x20"), ...reads("rdi", "0x20", "0x20") })[0]).toMatchObject({ code: "null_dereference", confidence: "likely" });
  });
});

describe("a fault that a handler raised again before it returned", () => {
  const again = (number: number, name: string) => segfault({ number, name, code: "SI_TKILL", code_number: -6, address: null, sender_pid: 4711 });
  const native = (registers: Readonly<Record<string, string>>, facts: Readonly<Record<string, unknown>>) => ({
    gdb: "13.1",
    threads: [],
    registers,
    disassembly: [],
    modules: [],
    warnings: [],
    facts,
    timings_ms: {},
  });
  const found = (signal: ReturnType<typeof segfault>, instruction: string, registers = {}, operands: readonly unknown[] = []) =>
    crashSite(coreFacts({ segments, signal }), native({ ...home, ...registers }, { instruction, memory_operands: operands }), null, []);

  test("is read from the instruction that the thread stands at", () => {
    const reads = found(again(11, "SIGSEGV"), "mov 0x8(%rdi),%rax", {}, [{ operand: "0x8(%rdi)", address: "0x8" }]);
    expect(reads).toMatchObject({ sent: false, signal: { code: "SEGV_MAPERR", address: "0x8" } });
    expect(found(again(8, "SIGFPE"), "idiv %rsi", { rsi: "0x0" }).signal?.code).toBe("FPE_INTDIV");
    expect(found(again(4, "SIGILL"), "ud2").signal?.code).toBe("ILL_ILLOPN");
  });

  test("is not made up where the instruction would run, nor in the system call that sends signals", () => {
    const sound = [{ operand: "(%rdi)", address: "0x600000" }];
    for (const given of [
      found(again(11, "SIGSEGV"), "mov (%rdi),%rax", {}, sound),
      found(again(11, "SIGSEGV"), "mov (%rdi),%rax", { rcx: "0x401000" }, [{ operand: "(%rdi)", address: "0x8" }]),
      found(again(8, "SIGFPE"), "idiv %rsi", { rsi: "0x2" }),
      found(again(6, "SIGABRT"), "mov (%rdi),%rax", {}, [{ operand: "(%rdi)", address: "0x8" }]),
    ]) {
      expect(given).toMatchObject({ sent: true, signal: { code: "SI_TKILL" } });
    }
  });

  test("leaves a signal that came from this process in doubt", () => {
    const sent = { signal: again(11, "SIGSEGV"), sent: true };
    expect(told(sent)[0]).toMatchObject({ code: "raised_by_itself", confidence: "possible" });
  });

  const confidenceOf = (...frames: ReturnType<typeof nativeFrame>[]) => {
    const kill = { signal: again(11, "SIGSEGV"), sent: true, registers: { ...home, rcx: home.rip } };
    const threads = [thread(4711, { crashed: true, native_frames: frames })];
    const [first] = diagnose({ core: coreFacts({ segments }), site: site(kill), threads, modules: [], python: null, native: null });
    return first?.code === "raised_by_itself" ? first.confidence : first?.code;
  };

  test("is not what it was where the stack shows who raised the signal", () => {
    expect(confidenceOf(nativeFrame("raise"), nativeFrame("work"))).toBe("certain");
  });

  test("is not ruled out where nothing of the stack can be read: the registers give one frame all the same", () => {
    expect(confidenceOf()).toBe("possible");
    expect(confidenceOf(nativeFrame("raise"))).toBe("possible");
  });
});
