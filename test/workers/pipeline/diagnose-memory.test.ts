/** Each finding about a faulting access, with a case that gets it and look-alikes that must not. */
import { describe, expect, test } from "vitest";
import type { Diagnosis } from "../../../services/contract/report.ts";
import type { Frame } from "../../../services/contract/thread.ts";
import type { CoreFacts } from "../../../services/intake/core/core-facts.ts";
import type { CrashSite } from "../../../workers/pipeline/crash-site.ts";
import { diagnose } from "../../../workers/pipeline/diagnose.ts";
import { cycleOf } from "../../../workers/pipeline/diagnose/stack-overflow.ts";
import { typeName } from "../../../workers/pipeline/diagnose/type-name.ts";
import type { HelperNativeFrame, NativeAnswer, PythonAnswer } from "../../../workers/pipeline/helper-answer.ts";
import { nativeAnswer } from "./native-answer.ts";
import { nativeFrame as unwoundFrame } from "./frame-makers.ts";
import { nativeFrame, thread } from "../../text/sample-report.ts";
import { pythonAnswer } from "./python-answer.ts";
import { coreFacts, coreModule, segfault, segment, siteOf } from "./sample-facts.ts";

const segments = [
  segment("0x400000", "0x500000", "rx"),
  segment("0x600000", "0x700000", "rw"),
  segment("0x7f0000000000", "0x7f0000001000", ""),
  segment("0x7f0000001000", "0x7f0000021000", "rw"),
  segment("0x7ffd00000000", "0x7ffd00800000", "rw"),
];

const site = (some: Partial<CrashSite> = {}) => siteOf({ pc: "0x401000", registers: { rip: "0x401000", rsp: "0x7ffd00400000" }, ...some });

const pythonWith = (malloc: string | null, facts: PythonAnswer["facts"] = {}) => pythonAnswer({ malloc, facts });

/** What gdb unwound of the crashed thread. */
const unwound = (...frames: readonly HelperNativeFrame[]): NativeAnswer => ({
  ...saying(""),
  threads: [{ lwp: 4711, frames: [...frames], truncated: false, stop_reason: null }],
  facts: {},
});

interface Given {
  readonly native?: NativeAnswer | null;
  readonly core?: Partial<CoreFacts>;
  readonly python?: PythonAnswer | null;
  readonly frames?: readonly string[];
  /** The message of Py_FatalError. */
  readonly fatal?: string;
}

function told(
  crash: Partial<CrashSite>,
  { core = {}, python = null, frames = [], fatal, native = fatal === undefined ? null : saying(fatal) }: Given = {},
): Diagnosis[] {
  const threads = [thread(4711, { crashed: true, native_frames: frames.map((name) => nativeFrame(name)) })];
  return diagnose({
    core: coreFacts({ segments, ...core }),
    site: site(crash),
    threads,
    modules: [],
    python,
    native,
  });
}
const saying = (message: string): NativeAnswer => nativeAnswer({ fatal_error: { message, function: null, found: "registers" } });
const codes = (...given: Parameters<typeof told>) => told(...given).map((each) => each.code);

const at = (address: string, some: Parameters<typeof segfault>[0] = {}) => ({ signal: segfault({ address, ...some }) });
const forbidden = { code: "SEGV_ACCERR", code_number: 2 } as const;
const reads = (register: string, value: string, displacement = "") => ({
  instruction: `mov ${displacement}(%${register}),%rdx`,
  operands: [{ operand: `${displacement}(%${register})`, address: `0x${(BigInt(value) + BigInt(displacement || 0)).toString(16)}` }],
  registers: { rip: "0x401000", rsp: "0x7ffd00400000", [register]: value },
});

describe("null_dereference", () => {
  test("tells the offset", () => {
    expect(told({ ...at("0x18"), ...reads("rax", "0x0", "0x18") })[0]).toMatchObject({
      code: "null_dereference",
      confidence: "certain",
      evidence: { offset: 24 },
    });
    expect(told(at("0x0"))[0]).toMatchObject({ code: "null_dereference", confidence: "certain" });
    // Of the core alone no register is known: a handle that was taken for a pointer looks the same.
    expect(told(at("0x22"))[0]).toMatchObject({ code: "null_dereference", confidence: "likely", evidence: { offset: 34 } });
  });

  test("beyond the first page is one only where the register shows the null pointer", () => {
    expect(told({ ...at("0x2010"), ...reads("rax", "0x0", "0x2010") })[0]).toMatchObject({ code: "null_dereference", confidence: "likely" });
    expect(codes({ ...at("0x2010"), ...reads("rax", "0x2000", "0x10") })).not.toContain("null_dereference");
    expect(codes(at("0x2010"))).not.toContain("null_dereference");
  });

  test("is a call when the program counter itself is null", () => {
    expect(told({ ...at("0x0"), pc: "0x0" })[0]?.title).toBe("A null function pointer was called");
    expect(told({ ...at("0x1"), pc: "0x1" })[0]).toMatchObject({ code: "wild_pointer", title: "A small number was called as a function: 0x1" });
    expect(codes({ ...at("0x1"), pc: "0x1" })).not.toContain("null_dereference");
  });
});

describe("wild_pointer", () => {
  test("is a small number that was taken for a pointer", () => {
    expect(told({ ...at("0x2010"), ...reads("rax", "0x2000", "0x10") })).toMatchObject([{ code: "wild_pointer", confidence: "likely" }]);
    expect(told(at("0x2010"))).toMatchObject([{ code: "wild_pointer", confidence: "possible", title: "A small number was used as a pointer: 0x2010" }]);
    expect(codes(at("0x18"))).not.toContain("wild_pointer");
  });

  test("is an address at which nothing is mapped, far from everything", () => {
    expect(told({ ...at("0x123456789000"), ...reads("rdi", "0x123456789000") })[0]).toMatchObject({ code: "wild_pointer", confidence: "likely" });
    expect(told(at("0x123456789000"))[0]).toMatchObject({ code: "wild_pointer", confidence: "possible" });
  });

  test("is a register that holds no address at all, though the kernel tells none", () => {
    const crash = { ...at("0x0", { code: "SI_KERNEL", code_number: 128, address: null }), ...reads("rdi", "0x4141414141414141") };
    expect(told(crash)[0]).toMatchObject({ code: "wild_pointer", confidence: "certain", evidence: { looks_like_text: true, address: "0x4141414141414141" } });
  });

  test("recognises text in the base register behind the address of a field, not a number in it", () => {
    const field = (base: string, address: string) => ({
      ...at(address),
      instruction: "mov 0x68(%rax),%rdx",
      operands: [{ operand: "0x68(%rax)", address }],
      registers: { rax: base, rsp: "0x7ffd00400000" },
    });
    expect(told(field("0x414141414141", "0x4141414141a9"))[0]).toMatchObject({ code: "wild_pointer", evidence: { looks_like_text: true } });
    expect(told(field("0x410000004100", "0x410000004168"))[0]).toMatchObject({ code: "wild_pointer", evidence: { looks_like_text: false } });
  });

  test.each([
    [
      "a general protection fault whose operand is an address",
      { ...at("0x0", { code: "SI_KERNEL", code_number: 128, address: null }), ...reads("rdi", "0x600010") },
    ],
    ["a general protection fault without an operand", at("0x0", { code: "SI_KERNEL", code_number: 128, address: null })],
    ["an address that is mapped", at("0x600010", forbidden)],
    ["an address near the stack pointer", at("0x7ffd003ff000")],
    ["a signal that was sent", { ...at("0x123456789000"), sent: true, signal: segfault({ code: "SI_USER", address: null }) }],
  ])("is not %s", (_what, crash) => {
    expect(codes(crash)).not.toContain("wild_pointer");
  });
});

describe("freed_memory_access", () => {
  const freed = { ...at("0x0", { code: "SI_KERNEL", code_number: 128, address: null }), ...reads("rdi", "0xdddddddddddddddd", "0x8") };
  test("is a pointer of the debug hooks' filling where they are on", () => {
    expect(told(freed, { python: pythonWith("pymalloc_debug") })[0]).toMatchObject({
      code: "freed_memory_access",
      confidence: "certain",
      evidence: { memory: "freed" },
    });
    expect(told(freed)[0]).toMatchObject({ code: "freed_memory_access", confidence: "likely" });
  });

  test("is not such a pointer in a process without the hooks, nor any other repeated byte", () => {
    expect(codes(freed, { python: pythonWith("pymalloc") })).toEqual(["wild_pointer"]);
    const other = { ...at("0x0", { code: "SI_KERNEL", code_number: 128, address: null }), ...reads("rdi", "0xeeeeeeeeeeeeeeee") };
    expect(codes(other, { python: pythonWith("pymalloc_debug") })).toEqual(["wild_pointer"]);
  });

  test("knows uninitialised memory, guard bytes, and other allocators", () => {
    const states = ["0xcdcdcdcdcdcdcdcd", "0xfdfdfdfdfdfdfdfd", "0xa5a5a5a5a5a5a5a5"].map((value) => {
      const crash = { ...at("0x0", { code: "SI_KERNEL", code_number: 128, address: null }), ...reads("rdi", value) };
      return told(crash, { python: pythonWith("malloc_debug") })[0]?.evidence["memory"];
    });
    expect(states).toEqual(["uninitialised", "forbidden", "uninitialised"]);
  });

  test("is a letter only where the allocator that fills with it is there, and never what a function returns to", () => {
    const crash = { ...at("0x0", { code: "SI_KERNEL", code_number: 128, address: null }), ...reads("rdi", "0x5a5a5a5a5a5a5a5a") };
    expect(codes(crash)).toEqual(["wild_pointer"]);
    expect(codes(crash, { core: { modules: [coreModule("/usr/lib/libjemalloc.so.2", null)] } })[0]).toBe("freed_memory_access");
    const returns = { ...at("0x0", { code: "SI_KERNEL", code_number: 128, address: null }), instruction: "ret", branchTarget: "0xdddddddddddddddd" };
    expect(codes(returns, { python: pythonWith("malloc_debug") })).toEqual(["wild_pointer"]);
    expect(codes({ ...returns, instruction: "call *%rax" }, { python: pythonWith("malloc_debug") })[0]).toBe("freed_memory_access");
  });
});

describe("access_past_mapping", () => {
  test("counts the bytes past the end", () => {
    expect(told(at("0x700003"))[0]).toMatchObject({ code: "access_past_mapping", confidence: "likely", evidence: { bytes_past: 3 } });
    expect(told(at("0x700800"))[0]).toMatchObject({ code: "access_past_mapping", confidence: "possible" });
  });

  test("is not an address a page behind, nor a jump", () => {
    expect(codes(at("0x701000"))).toEqual(["wild_pointer"]);
    expect(codes({ ...at("0x700003"), pc: "0x700003" })).toEqual([]);
  });
});

describe("write_to_read_only and data_executed", () => {
  const writes = {
    instruction: "mov %rdx,(%rdi)",
    operands: [{ operand: "(%rdi)", address: "0x400010" }],
    registers: { rdi: "0x400010", rsp: "0x7ffd00400000" },
  };
  test("a write to a mapping that can only be read", () => {
    expect(codes({ ...at("0x400010", forbidden), ...writes })).toEqual(["write_to_read_only"]);
    expect(codes({ ...at("0x400010", forbidden), ...writes, instruction: "vmovdqu8 %zmm16,(%rdi){%k1}" })).toEqual(["write_to_read_only"]);
    const fault = { kind: "page", address: "0x400010", write: true, fetch: false, present: true } as const;
    expect(codes({ ...at("0x400010", forbidden), fault })).toEqual(["write_to_read_only"]);
  });

  test.each([
    ["a read", { ...at("0x400010", forbidden), ...reads("rdi", "0x400010") }],
    ["a masked read", { ...at("0x400010", forbidden), ...writes, instruction: "vmovdqu8 (%rdi),%zmm16{%k1}{z}" }],
  ])("is not %s", (_what, crash) => {
    expect(codes(crash)).toEqual([]);
  });

  test("is likely where nothing tells what was done: reading is allowed there", () => {
    expect(told(at("0x400010", forbidden))).toMatchObject([{ code: "write_to_read_only", confidence: "likely" }]);
  });

  test("is a buffer that was run past its end where memory that may be written to ends there", () => {
    const constants = [segment("0x600000", "0x700000", "rw"), segment("0x700000", "0x701000", "r")];
    expect(codes({ ...at("0x700000", forbidden), ...writes }, { core: { segments: constants } })).toEqual(["access_past_mapping"]);
    expect(codes({ ...at("0x700080", forbidden), ...writes }, { core: { segments: constants } })).toEqual(["write_to_read_only"]);
    expect(codes({ ...at("0x700000", forbidden), ...writes }, { core: { segments: constants.slice(1) } })).toEqual(["write_to_read_only"]);
  });

  test("a jump into data is told by the program counter", () => {
    expect(codes({ ...at("0x600010", forbidden), pc: "0x600010" })).toEqual(["data_executed"]);
    expect(codes({ ...at("0x400010", forbidden), pc: "0x400010" })).toEqual([]);
  });
});

describe("stack_overflow", () => {
  const overflow = { ...at("0x7ffcffffffe8"), registers: { rip: "0x401000", rsp: "0x7ffd00000010" } };
  test("is a fault at the stack pointer below the stack's mapping", () => {
    expect(told(overflow)[0]).toMatchObject({ code: "stack_overflow", confidence: "certain", evidence: { stack: { start: "0x7ffd00000000" } } });
  });

  test("is a fault in a thread's guard page", () => {
    expect(codes({ ...at("0x7f0000000ff8", forbidden), registers: { rip: "0x401000", rsp: "0x7f0000001000" } })).toEqual(["stack_overflow"]);
  });

  test("is told without an address when the handler had no room either", () => {
    const signal = segfault({ code: "SI_KERNEL", code_number: 128, address: null });
    expect(told({ signal, registers: { rip: "0x401000", rsp: "0x7f0000001000" } })[0]).toMatchObject({ code: "stack_overflow", confidence: "likely" });
    expect(codes({ signal, registers: { rip: "0x401000", rsp: "0x7f0000006000" } })).toEqual([]);
    expect(codes({ signal, registers: { rip: "0x401000", rsp: "0x600010" } })).toEqual([]);
    expect(codes({ signal, registers: { rip: "0x401000", rsp: "0x7f0000000ff0" } })).toEqual(["stack_overflow"]);
    expect(codes({ signal, registers: { rip: "0x401000", rsp: "0x10" } })).toEqual([]);
  });

  test("is a fault in a guard inside the stack's own mapping, which may be written to by its rights", () => {
    const registers = { rip: "0x401000", rsp: "0x7f0000001ff0" };
    expect(told({ ...at("0x7f0000001fe8"), registers })[0]).toMatchObject({ code: "stack_overflow", confidence: "certain" });
    const merged = [...segments, segment("0x7f0000000000", "0x7f0000001000", "rw")].filter(({ readable }) => readable);
    const signal = segfault({ code: "SI_KERNEL", code_number: 128, address: null });
    const probe = { signal, registers, instruction: "orb $0x0,(%rsp)", operands: [{ operand: "(%rsp)", address: "0x7f0000001ff0" }] };
    expect(told(probe, { core: { segments: merged } })[0]).toMatchObject({ code: "stack_overflow", confidence: "likely" });
    expect(codes({ ...probe, instruction: "call 0x401200", operands: [] }, { core: { segments: merged } })).toEqual(["stack_overflow"]);
    const elsewhere = { ...probe, instruction: "mov (%rdi),%rax", operands: [{ operand: "(%rdi)", address: "0x4141414141414141" }] };
    expect(codes(elsewhere, { core: { segments: merged } })).not.toContain("stack_overflow");
  });

  describe("of one frame that is larger than what is left", () => {
    const sp = "0x7effff000000";
    const crash = { ...at("0x7effff000010"), registers: { rip: "0x401000", rsp: sp } };
    const big = unwoundFrame("big", { sp });
    const caller = unwoundFrame("caller", { pc: "0x402000", sp: "0x7f0000010000" });
    test("is told by the caller, which still stands in the stack", () => {
      const inlined = unwoundFrame("inlined", { sp, inlined: true });
      expect(told(crash, { native: unwound(inlined, big, caller) })[0]).toMatchObject({
        code: "stack_overflow",
        evidence: { stack: { start: "0x7f0000001000" } },
      });
      const reserved = [...segments, segment("0x7efff0000000", "0x7f0000000000", "")];
      expect(codes({ ...crash, ...at("0x7effff000010", forbidden) }, { native: unwound(big, caller), core: { segments: reserved } })).toEqual([
        "stack_overflow",
      ]);
    });

    test.each<[string, Partial<CrashSite>, HelperNativeFrame[]]>([
      ["a caller that was guessed", crash, [big, { ...caller, trust: "scan" }]],
      ["a caller whose stack pointer is in no stack", crash, [big, { ...caller, sp: "0x7effff001000" }]],
      ["a stack pointer that was lost", crash, [big, { ...caller, sp: "0x7ffd00400000" }]],
      ["an access above the frame", { ...crash, ...at("0x7f0000030000") }, [big, caller]],
      ["an access below it", { ...crash, ...at("0x7efffe000000") }, [big, caller]],
      ["a thread of which nothing was unwound", crash, []],
    ])("is not %s", (_what, given, frames) => {
      expect(codes(given, { native: unwound(...frames) })).not.toContain("stack_overflow");
    });
  });

  test.each([
    ["a wild pointer below the stack while the stack has room", at("0x7ffcfffffff0")],
    ["a null pointer", at("0x0")],
    ["an address far from the stack pointer", { ...at("0x7f0000000ff8", forbidden), registers: { rip: "0x401000", rsp: "0x7ffd00400000" } }],
  ])("is not %s", (_what, crash) => {
    expect(codes(crash)).not.toContain("stack_overflow");
  });

  test("names the functions that recurse and how often", () => {
    const frames: Frame[] = [nativeFrame("leaf"), nativeFrame("a"), nativeFrame("b"), { kind: "folded", cycle: 2, count: 99 }, nativeFrame("main")];
    expect(cycleOf(frames)).toEqual({ functions: ["a", "b"], rounds: 100 });
    expect(cycleOf([nativeFrame("a"), { kind: "folded", cycle: 30, count: 1 }])).toBeNull();
  });
});

describe("bus_error_file_truncated", () => {
  const bus = (some: Parameters<typeof segfault>[0] = {}) => ({
    signal: segfault({ number: 7, name: "SIGBUS", code: "BUS_ADRERR", code_number: 2, address: "0x600123", ...some }),
  });
  const otherFiles = [{ path: "/srv/data.bin", start: "0x600000", end: "0x700000", offset: 4096 }];
  test("names the file and the byte", () => {
    expect(told(bus(), { core: { otherFiles } })[0]).toMatchObject({
      code: "bus_error_file_truncated",
      evidence: { file: "/srv/data.bin", offset: 4096 + 0x123 },
    });
  });

  test("is not a bus error in memory of no file, nor one of alignment", () => {
    expect(codes(bus())).toEqual([]);
    expect(codes(bus({ code: "BUS_ADRALN", code_number: 1 }), { core: { otherFiles } })).toEqual([]);
  });
});

describe("illegal_instruction", () => {
  const illegal = (instruction: string | null) => ({ signal: segfault({ number: 4, name: "SIGILL", code: "ILL_ILLOPN", address: "0x401000" }), instruction });
  test.each([
    ["vpaddd %zmm1,%zmm2,%zmm3", "AVX-512"],
    ["vpaddd %ymm1,%ymm2,%ymm3", "AVX2"],
    ["vaddps %ymm1,%ymm2,%ymm3", "AVX"],
    ["vfmadd213ps %ymm1,%ymm2,%ymm3", "FMA"],
    ["popcnt %rax,%rbx", "POPCNT"],
    ["mulx %rax,%rbx,%rcx", "BMI2"],
    ["ud2", null],
    ["mov %rax,%rbx", null],
  ])("%s needs %s", (instruction, feature) => {
    expect(told(illegal(instruction))[0]).toMatchObject({ code: "illegal_instruction", evidence: { feature, deliberate: instruction === "ud2" } });
  });

  test("is not told without the instruction, nor when the signal was sent", () => {
    expect(codes(illegal(null))).toEqual([]);
    expect(codes({ ...illegal("ud2"), sent: true })).toEqual([]);
  });
});

describe("division_by_zero", () => {
  const divides = (rcx: string, code = "FPE_INTDIV") => ({
    signal: segfault({ number: 8, name: "SIGFPE", code, address: "0x401000" }),
    instruction: "idiv %ecx",
    registers: { rcx, rsp: "0x7ffd00400000" },
  });
  test("looks at the divisor", () => {
    expect(told(divides("0x0"))[0]).toMatchObject({ code: "division_by_zero", confidence: "certain" });
    expect(told(divides("0xffffffff00000000"))[0]).toMatchObject({ code: "division_by_zero", confidence: "certain" });
  });

  test("looks at a divisor in memory, and says so where it is not known", () => {
    const inMemory = (divisor: string | null) => ({ ...divides("0x0"), instruction: "idivl  0x4(%rsp)", divisor });
    expect(told(inMemory("0x0"))[0]).toMatchObject({ code: "division_by_zero", confidence: "certain", evidence: { divisor: "0x4(%rsp)" } });
    expect(told(inMemory("0xffffffff"))[0]).toMatchObject({ code: "division_overflow", evidence: { divisor: "0x4(%rsp)", value: "0xffffffff" } });
    expect(told(inMemory(null))[0]).toMatchObject({ code: "division_by_zero", confidence: "likely", evidence: { value: null } });
  });

  test("goes by the dividend where the code itself cannot be read", () => {
    const codeless = (rax: string, rdx: string) => ({ ...divides("0x0"), instruction: null, registers: { rax, rdx, rsp: "0x7ffd00400000" } });
    const smallest = [
      ["0x80000000", "0xffffffff"],
      ["0xffffffff80000000", "0xffffffff"],
      ["0x8000000000000000", "0xffffffffffffffff"],
    ] as const;
    for (const [rax, rdx] of smallest) expect(told(codeless(rax, rdx))[0]).toMatchObject({ code: "division_overflow", confidence: "likely" });
    const others = [
      ["0x80000000", "0x0"],
      ["0x7fffffff", "0xffffffff"],
      ["0x8000000000000000", "0x0"],
    ] as const;
    for (const [rax, rdx] of others) expect(told(codeless(rax, rdx))[0]).toMatchObject({ code: "division_by_zero", confidence: "likely" });
  });

  test("is not an overflow of the quotient, nor a floating-point exception", () => {
    expect(codes(divides("0xffffffff"))).toEqual(["division_overflow"]);
    expect(codes(divides("0x0", "FPE_FLTDIV"))).toEqual([]);
  });
});

describe("what was said before an abort", () => {
  const aborted = { signal: segfault({ number: 6, name: "SIGABRT", code: "SI_TKILL", code_number: -6, address: null, sender_pid: 4711 }), sent: true };
  const said = (text: string) => ({ python: pythonWith(null, { abort_message: { text, address: "0x1000", found: "symbol" } }) });
  test.each([
    ["free(): double free detected in tcache 2", "abort_message"],
    ["corrupted size vs. prev_size", "heap_corruption"],
    ["malloc(): unsorted double linked list corrupted", "heap_corruption"],
    ["*** stack smashing detected ***: terminated", "abort_message"],
    ["prog: file.c:12: f: Assertion `x > 0' failed.", "abort_message"],
    ["something else", "abort_message"],
  ])("%s", (text, code) => {
    expect(codes(aborted, said(text))).toEqual([code, "abort"]);
  });

  test("is not told of a process that died of something else", () => {
    expect(codes(at("0x0"), said("double free or corruption"))).toEqual(["null_dereference"]);
  });

  test("a fatal Python error is on the stack, with or without its message", () => {
    expect(codes(aborted, { frames: ["raise", "abort", "fatal_error", "_Py_FatalErrorFunc", "widget_check"] })).toEqual(["fatal_error", "abort"]);
    expect(codes(at("0x0"), { frames: ["_Py_FatalErrorFunc"] })).toEqual(["null_dereference"]);
    expect(codes(aborted, { frames: ["raise", "abort", "my_fatal_error_handler"] })).toEqual(["abort"]);
  });

  test("a message of which only the format is known is told with gaps, and not as what was written", () => {
    const message = "bad ID: Allocated using API '%c', verified using API '%c'";
    const found = told(aborted, { frames: ["raise", "abort", "_Py_FatalErrorFormat"], fatal: message }).find(({ code }) => code === "fatal_error");
    expect(found).toMatchObject({ evidence: { message: null } });
    expect(found?.title).toContain("API '…', verified using API '…'");
  });

  test("std::terminate and a Rust panic are told by their functions", () => {
    expect(
      codes(aborted, {
        frames: ["raise", "abort", "__gnu_cxx::__verbose_terminate_handler()", "__cxxabiv1::__terminate(void (*)())", "std::terminate()", "run"],
      }),
    ).toContain("cpp_terminate");
    expect(codes(aborted, { frames: ["raise", "abort", "std::panicking::rust_panic_with_hook", "rust_begin_unwind", "ext::run"] })).toContain("rust_panic");
    expect(codes(aborted, { frames: ["raise", "abort", "my::terminate_soon()"] })).toEqual(["abort"]);
  });

  test("the hashes of Rust's newer symbols are looked past, and its abort is no panic", () => {
    const core = "core[c1f1a4ba060b9bfa]::panicking::panic_cannot_unwind";
    const newer = ["raise", "abort", "std[e28293b1aa0f68bd]::process::abort", "__rustc[b7974e8690430dd9]::rust_begin_unwind", core, "tear"];
    expect(told(aborted, { frames: newer })[0]).toMatchObject({ code: "rust_panic", title: "Rust code panicked in tear" });
    const said = pythonWith(null, { rust_payload: { text: "no such shelf", address: "0x602180" } });
    expect(told(aborted, { frames: newer, python: said })[0]?.title).toBe("Rust code panicked in tear: no such shelf");
    expect(codes(aborted, { frames: newer.slice(0, 3), python: said })).toEqual(["abort"]);
    expect(codes(aborted, { frames: newer.slice(0, 3) })).toEqual(["abort"]);
    expect(codes(aborted, { frames: ["raise", "abort", "std::process::abort"] })).toEqual(["abort"]);
    // Any call from Python into Rust stands below one.
    expect(codes(aborted, { frames: ["raise", "abort", "ext::run", "std::panicking::try::do_call", "std::panicking::try"] })).toEqual(["abort"]);
  });

  test("what was thrown is told where it was read, and a pure virtual call is none", () => {
    const thrown = { type: "N4shop10StockErrorE", bases: ["St13runtime_error"], text: "no such shelf", address: "0x602120" };
    const given = { python: pythonWith(null, { cpp_exception: thrown }), frames: ["raise", "abort", "std::terminate()", "__cxa_throw", "put"] };
    expect(told(aborted, given)[0]).toMatchObject({
      code: "cpp_terminate",
      title: "Uncaught C++ exception shop::StockError: no such shelf",
      evidence: { caller: "put", exception: { bases: ["std::runtime_error"] } },
    });
    expect(told(aborted, { ...given, frames: ["raise", "abort", "__gxx_personality_v0", "_Unwind_RaiseException", "put"] })[0]?.code).toBe("cpp_terminate");
    const virtual = { ...given, frames: ["raise", "abort", "std::terminate()", "__cxa_pure_virtual", "put"] };
    expect(told(aborted, virtual)[0]).toMatchObject({ title: "A pure virtual function was called, below put", evidence: { exception: null } });
    expect(codes(aborted, { ...given, frames: ["raise", "abort", "put"] })).toEqual(["abort"]);
    const handled = { ...given, frames: ["raise", "abort", "std::terminate()", "std::thread::~thread()", "put"] };
    expect(told(aborted, handled)[0]?.title).toBe("std::terminate was called, below std::thread::~thread()");
  });

  test.each([
    ["St9bad_alloc", "std::bad_alloc"],
    ["N4shop12_GLOBAL__N_15InnerE", "shop::(anonymous namespace)::Inner"],
    ["NSt10filesystem7__cxx1116filesystem_errorE", "std::filesystem::filesystem_error"],
    ["St17_Nested_exceptionISt13runtime_errorE", "std::runtime_error"],
    ["PKc", "char const*"],
    ["P4Node", "Node*"],
    ["i", "int"],
    ["St6vectorIiSaIiEE", "St6vectorIiSaIiEE"],
    ["99short", "99short"],
  ])("the type %s is written %s", (mangled, written) => {
    expect(typeName(mangled)).toBe(written);
  });

  test("a signal of its own is told as such, an abort is not", () => {
    expect(codes({ ...aborted, signal: { ...aborted.signal, number: 11, name: "SIGSEGV" } })).toEqual(["raised_by_itself"]);
    expect(codes(aborted)).toEqual(["abort"]);
  });
});

describe("memory_debug_violation", () => {
  const block = {
    address: "0x600010",
    size: 24,
    api: "m",
    domain: "PyMem",
    leading: "fd".repeat(7),
    trailing: "41fdfdfdfdfdfdfd",
    forbidden: "fd",
    serial: null,
    damage: "trailing",
  };
  test("is a block whose guard bytes are gone", () => {
    expect(codes(at("0x0"), { python: pythonWith("pymalloc_debug", { debug_blocks: { checked: 9, damaged: [block] } }) })).toEqual([
      "memory_debug_violation",
      "null_dereference",
    ]);
  });

  test("is not told when all blocks are whole, nor of facts that break their schema", () => {
    expect(codes(at("0x0"), { python: pythonWith("pymalloc_debug", { debug_blocks: { checked: 9, damaged: [] } }) })).toEqual(["null_dereference"]);
    expect(codes(at("0x0"), { python: pythonWith("pymalloc_debug", { debug_blocks: { checked: 9, damaged: [{ address: 1 }] } }) })).toEqual([
      "null_dereference",
    ]);
  });
});

describe("of a core without its files", () => {
  const aborted = { signal: segfault({ number: 6, name: "SIGABRT", code: "SI_TKILL", code_number: -6, address: null, sender_pid: 4711 }), sent: true };
  const exception = { type: "St13runtime_error", bases: [], text: "the parcel is lost", address: "0x602000" };

  test("an exception that is under way is likely what the process aborted of", () => {
    const given = { python: pythonWith(null, { cpp_exception: exception }) };
    expect(told(aborted, given)).toMatchObject([
      { code: "cpp_terminate", confidence: "likely", evidence: { exception: { text: "the parcel is lost" } } },
      { code: "abort" },
    ]);
    expect(codes(aborted, { ...given, frames: ["raise", "abort", "my_check"] })).toEqual(["abort"]);
    expect(codes({ ...aborted, signal: { ...aborted.signal, sender_pid: 99 } }, given)).toEqual(["sent_by_process"]);
    expect(codes(aborted, { python: pythonWith(null, { rust_payload: { text: "no berth", address: "0x602000" } }) })[0]).toBe("rust_panic");
  });

  test("a fatal message of a logging library is told, certain where its functions are seen", () => {
    const text = "F20261128 15:30:00.123456 4711 crane.cpp:12] Check failed: n == 3 (5 vs. 3)";
    const given = { python: pythonWith(null, { logged_fatal: { text, address: "0x602000" } }) };
    expect(told(aborted, given)[0]).toMatchObject({
      code: "abort_message",
      title: "Check failed: n == 3 (5 vs. 3)",
      confidence: "likely",
      evidence: { message: text },
    });
    expect(told(aborted, { ...given, frames: ["raise", "abort", "google::LogMessage::Fail()"] })[0]).toMatchObject({
      code: "abort_message",
      confidence: "certain",
    });
    expect(codes(at("0x0"), given)).toEqual(["null_dereference"]);
  });
});
