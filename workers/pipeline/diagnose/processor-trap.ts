/** What the processor refuses though nothing is wrong with the address: a breakpoint, an instruction of the kernel's, an operand that is not aligned. */
import type { Evidence, Finding } from "./evidence.ts";
import { hex, isCanonical } from "./machine-access.ts";

const prefixes = /^((\{\w+\}|rep\w*|lock|data16|cs|ds) )+/;
const isX86 = ({ core }: Evidence) => /x86|i386/.test(core.machine);

/** The instruction before the current one: int3 is a trap, the program counter stands behind it. */
function before({ site }: Evidence): string | null {
  const current = site.disassembly.findIndex((row) => row.current);
  return current > 0 ? (site.disassembly[current - 1]?.text ?? null) : null;
}

export const breakpointTrap: Finding = (evidence) => {
  const { core, site } = evidence;
  if (site.signal?.name !== "SIGTRAP" || site.sent) return null;
  const instruction = isX86(evidence) ? before(evidence) : site.instruction;
  if (instruction === null || !/^(int3|brk\b)/.test(instruction)) return null;
  return {
    code: "breakpoint_trap",
    title: "A breakpoint was reached, and no debugger was there",
    detail: `The program ran ${instruction}: a failed check that stops so (__debugbreak, a CHECK of Chromium's or V8's, a sanitizer's trap), or a breakpoint that a debugger left behind.`,
    confidence: "certain",
    lwp: core.crashedLwp,
    evidence: { instruction, pc: site.pc },
    links: [],
  };
};

const privileged =
  /^(hlt|cli|sti|in[bwl]?\s|out[bwl]?\s|ins[bwl]\b|outs[bwl]\b|lgdt|lidt|lldt|ltr|lmsw|clts|invd|wbinvd|invlpg|rdmsr|wrmsr|swapgs|iretq?\b|sysretq?\b|sysexit|mov\w*\s+.*%[cd]r\d)/;

/** musl's `a_crash` is `hlt` on x86, by which its allocator and its start-up code give up. */
export const privilegedInstruction: Finding = (evidence) => {
  const { core, site, threads } = evidence;
  const { signal, instruction } = site;
  if (signal?.name !== "SIGSEGV" || signal.code !== "SI_KERNEL" || site.sent || instruction === null || !isX86(evidence)) return null;
  const text = instruction.replace(prefixes, "").replace(/\s+/g, " ").trim();
  if (!privileged.test(text)) return null;
  const innermost = threads.find((thread) => thread.crashed)?.native_frames.find((frame) => frame.kind === "native") ?? null;
  const musl = text === "hlt" && /(^|\/)(ld-musl-[^/]*\.so\.1|libc\.musl-[^/]*\.so\.1)$/.test(innermost?.module ?? "");
  return {
    code: "privileged_instruction",
    title: musl ? "musl's C library stopped the process: it found its own records wrong" : `An instruction that only the kernel may run was reached: ${text}`,
    detail: musl
      ? `The C library ran ${text}, which is how musl gives up (a_crash): its allocator found a block damaged, freed twice, or that is none of its blocks. The damage was done before; this stack only found it.`
      : `The instruction ${instruction} is not allowed in a program. It is either a deliberate stop, or no code at all that was run after a jump went astray.`,
    confidence: musl || text === "hlt" ? "likely" : "certain",
    lwp: core.crashedLwp,
    evidence: { instruction, pc: site.pc, module: innermost?.module ?? null },
    links: [],
  };
};

const width = { x: 16n, y: 32n, z: 64n } as const;
/** Moves that ask for alignment in any encoding, and arithmetic that asks for it in the old one (no `v` before it). */
const alignedMove = /^v?(movap[sd]|movdqa(32|64)?|movntdqa?|movntp[sd])\b/;
const oldArithmetic =
  /^(add|sub|mul|div|min|max|sqrt|and|andn|or|xor|unpck[lh]|shuf|cmp\w*|blend)p[sd]\b|^(p(add|sub|and|andn|or|xor|cmp(eq|gt)|shuf|mul|max|min|unpck|ack|sll|sr[al]|avg|madd|sad|blend|abs|align)\w*)\b/;

export const misalignedAccess: Finding = (evidence) => {
  const { core, site } = evidence;
  const { signal, instruction, operands } = site;
  if (signal === null || site.sent || instruction === null) return null;
  const [operand] = operands;
  if (operand === undefined || operands.length > 1 || operand.address === null) return null;
  const address = BigInt(operand.address);
  const byProcessor = signal.name === "SIGBUS" && signal.code === "BUS_ADRALN";
  const vector = /%([xyz])mm/.exec(instruction)?.[1];
  const needed = vector === "x" || vector === "y" || vector === "z" ? width[vector] : null;
  const byInstruction =
    isX86(evidence) &&
    signal.name === "SIGSEGV" &&
    signal.code === "SI_KERNEL" &&
    needed !== null &&
    isCanonical(address) &&
    address % needed !== 0n &&
    (alignedMove.test(instruction) || oldArithmetic.test(instruction));
  if (!byInstruction && !byProcessor) return null;
  const onStack = /\(%[re](sp|bp)[,)]|\[sp\b|\[x29\b/.test(operand.operand);
  return {
    code: "misaligned_access",
    title:
      needed === null
        ? `Memory was touched at an address that is not aligned: ${hex(address)}`
        : `An address is not aligned to ${needed} bytes: ${hex(address)}`,
    detail: `The instruction ${instruction} asks for an aligned operand, and ${operand.operand} comes to ${hex(address)}. ${
      onStack
        ? "It is on the stack: assembly, a signal or coroutine trampoline, or a foreign caller entered C with a stack pointer that is not aligned to 16 bytes."
        : "A pointer was taken for one to an aligned type: a cast, a packed struct, a buffer's offset, or a block of an allocator that aligns less."
    }`,
    confidence: "certain",
    lwp: core.crashedLwp,
    evidence: { instruction, operand: operand.operand, address: hex(address), alignment: needed === null ? null : Number(needed) },
    links: [],
  };
};
