/** SIGILL and SIGFPE: what the instruction itself tells. */
import type { CrashSite } from "../crash-site.ts";
import type { Finding } from "./evidence.ts";
import { divisorOf, hex } from "./machine-access.ts";

/** First match wins; by mnemonic and operands in the disassembler's words (x86). */
const features: readonly { readonly feature: string; readonly text: RegExp }[] = [
  { feature: "AVX-512", text: /%zmm|\{%k\d\}|%k[0-7]\b/ },
  { feature: "AMX", text: /%tmm|^(tdp|tile)/ },
  { feature: "FMA", text: /^vf(n?m(add|sub))/ },
  { feature: "VAES or VPCLMULQDQ", text: /^(vaes|vpclmul).*%ymm/ },
  { feature: "AVX2", text: /^v(p\w+|broadcasti128|inserti128|extracti128|perm(q|d|pd|ps|2i128)|gather\w+).*%ymm/ },
  { feature: "F16C", text: /^vcvtp[hs]2p[hs]/ },
  { feature: "AVX", text: /^v[a-z]/ },
  { feature: "SHA", text: /^sha(1|256)/ },
  { feature: "AES", text: /^aes/ },
  { feature: "PCLMULQDQ", text: /^pclmul/ },
  { feature: "BMI2", text: /^(mulx|pdep|pext|rorx|sarx|shlx|shrx|bzhi)/ },
  { feature: "BMI1", text: /^(andn[lq]?\b|bextr|bls(i|r|msk)|tzcnt)/ },
  { feature: "ADX", text: /^ad[co]x/ },
  { feature: "LZCNT", text: /^lzcnt/ },
  { feature: "POPCNT", text: /^popcnt/ },
  { feature: "SSE4.2", text: /^(crc32|pcmp[ei]str|pcmpgtq)/ },
  { feature: "SSE4.1", text: /^(pblend|blendv?p|round[ps][ds]|pmulld|pminu[dw]|pmaxu[dw]|ptest|pins[rb]|pextr[bdq])/ },
  { feature: "SSSE3", text: /^(pshufb|palignr|pabs|phadd)/ },
  { feature: "MOVBE", text: /^movbe/ },
  { feature: "RDRAND or RDSEED", text: /^rd(rand|seed)/ },
];

/** Written by compilers where code must never come: `__builtin_trap`, Rust's `intrinsics::abort`, failed CFI checks. */
const trap = /^(ud[012]|udf|brk\b)/;

export const illegalInstruction: Finding = ({ core, site }) => {
  const { signal, instruction } = site;
  if (signal?.name !== "SIGILL" || site.sent || instruction === null) return null;
  const text = instruction.replace(/^(\{\w+\}|rep\w*|lock) /, "");
  const feature = /x86|i386/.test(core.machine) ? (features.find((each) => each.text.test(text))?.feature ?? null) : null;
  const deliberate = trap.test(text);
  const title = deliberate
    ? "The program trapped itself, where its compiler says it must never come"
    : feature !== null
      ? `The processor lacks ${feature}`
      : "The processor does not know the instruction";
  const detail = deliberate
    ? `The instruction ${text} is a deliberate trap: a failed check of the compiler (__builtin_trap, undefined behaviour, a panic that aborts), not a missing feature.`
    : feature !== null
      ? `The instruction ${text} needs ${feature}, which this processor (or this virtual machine) does not offer. The module was built for a newer one: install a build for the machine's baseline, or let the machine offer ${feature}.`
      : `The instruction is ${text}. It is either of a feature that this processor lacks, or no code at all: then a jump went astray.`;
  return {
    code: "illegal_instruction",
    title,
    detail,
    confidence: deliberate || feature !== null ? "certain" : "possible",
    lwp: core.crashedLwp,
    evidence: { instruction, pc: site.pc, feature, deliberate },
    links: [],
  };
};

/** The smallest integer with its sign extended, of 32 or 64 bits, where x86 takes a dividend from: only -1 has a quotient of it that does not fit. */
function dividesSmallest({ registers }: CrashSite): boolean {
  const [low, high] = [registers["rax"] ?? registers["eax"], registers["rdx"] ?? registers["edx"]].map((text) => (text === undefined ? null : BigInt(text)));
  if (low == null || high == null) return false;
  return [32, 64].some((bits) => BigInt.asUintN(bits, low) === 1n << BigInt(bits - 1) && BigInt.asIntN(bits, high) === -1n);
}

export const divisionByZero: Finding = ({ core, site }) => {
  const { signal, instruction } = site;
  if (signal?.name !== "SIGFPE" || signal.code !== "FPE_INTDIV") return null;
  const divisor = divisorOf(site);
  const evidence = { instruction, divisor: divisor?.place ?? null, value: divisor === null ? null : hex(divisor.value), pc: site.pc };
  // The processor reports a quotient that does not fit by the same exception.
  const unread = divisor === null && dividesSmallest(site);
  if (unread || (divisor !== null && divisor.value !== 0n)) {
    return {
      code: "division_overflow",
      title: "The quotient of a division does not fit",
      detail:
        divisor === null
          ? "The dividend is the smallest integer, which divided by -1 does not fit. The divisor itself could not be read: by zero gives the same signal."
          : `The divisor in ${divisor.place} is ${hex(divisor.value)}, not zero: the smallest integer was divided by -1, or the dividend is too large.`,
      confidence: divisor === null ? "likely" : "certain",
      lwp: core.crashedLwp,
      evidence,
      links: [],
    };
  }
  return {
    code: "division_by_zero",
    title: "An integer was divided by zero",
    detail: `C code divided by zero${instruction === null ? "" : ` (${instruction})`}: Python's own operators raise ZeroDivisionError, so this is in an extension or a library.${divisor === null ? " The divisor itself could not be read: a quotient that does not fit gives the same signal." : ""}`,
    confidence: divisor === null ? "likely" : "certain",
    lwp: core.crashedLwp,
    evidence,
    links: [],
  };
};
