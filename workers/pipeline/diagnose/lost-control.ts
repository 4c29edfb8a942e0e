/** The two registers that every instruction needs went astray: a jump to what can be no address, a stack pointer that leads nowhere. */
import type { Diagnosis } from "../../../services/contract/report.ts";
import type { Evidence, Finding } from "./evidence.ts";
import { usedUp } from "./stack-overflow.ts";
import { accessOf, asText, hex, isCanonical, mappingAbove, segmentAt, stackPointer } from "./machine-access.ts";

const nearTheStackPointer = 4_096n;
/** As near to a mapping as this, the stack pointer may have been of a stack there. */
const nearMapping = 1n << 20n;

function wild(evidence: Evidence, title: string, detail: string, value: bigint, confidence: Diagnosis["confidence"]): Diagnosis {
  const { core, site } = evidence;
  const text = asText(value, core.bits / 8);
  return {
    code: "wild_pointer",
    title,
    detail: `${detail}${text === null ? "" : " Its bytes are printable text, so something wrote a string over it."}`,
    confidence,
    lwp: core.crashedLwp,
    evidence: {
      signal: site.signal?.name ?? null,
      code: site.signal?.code ?? null,
      value: hex(value),
      instruction: site.instruction,
      looks_like_text: text !== null,
    },
    links: [],
  };
}

/** The processor faults at the jump itself, and the kernel tells no address. */
export const jumpAstray: Finding = (evidence) => {
  const { core, site } = evidence;
  if (site.signal?.name !== "SIGSEGV" || site.signal.code !== "SI_KERNEL" || site.sent || core.machine !== "x86_64" || site.branchTarget === null) return null;
  const target = BigInt(site.branchTarget);
  const sp = stackPointer(site);
  if (isCanonical(target) || sp === null || !isCanonical(sp)) return null;
  return /\bret/.test(site.instruction ?? "")
    ? wild(
        evidence,
        `A return address was overwritten: ${hex(target)}`,
        `The function returned to ${hex(target)}, which no address can be. Something wrote beyond an array on the stack, or through a pointer to a frame that was gone.`,
        target,
        "certain",
      )
    : wild(
        evidence,
        `A function pointer holds what is no address: ${hex(target)}`,
        `${site.instruction ?? "The instruction"} was to go on at ${hex(target)}, which no address can be: the function pointer, or the object or type it was read from, was overwritten, freed or never set.`,
        target,
        "certain",
      );
};

const usesStack = /^((rep\w*|bnd|notrack) )*(push|pop|call|ret|leave|enter)/;

/** The stack pointer itself was lost: mostly a frame pointer or a saved context that was overwritten and then loaded into it. */
export const stackPointerAstray: Finding = (evidence) => {
  const { core, site } = evidence;
  const { signal, instruction } = site;
  const sp = stackPointer(site);
  if (signal === null || site.sent || sp === null || core.machine !== "x86_64" || core.segments.length === 0) return null;
  const byStack = instruction !== null && (usesStack.test(instruction) || /\(%rsp[,)]/.test(instruction));
  const detail = `The stack pointer is ${hex(sp)}. It was loaded from memory that was overwritten (a saved frame pointer, a context of longjmp, swapcontext or a coroutine), or a stack was freed while it was in use.`;
  if (!isCanonical(sp)) {
    if ((signal.name !== "SIGBUS" && signal.name !== "SIGSEGV") || signal.code !== "SI_KERNEL" || !byStack) return null;
    return wild(evidence, `The stack pointer holds what is no address: ${hex(sp)}`, detail, sp, "certain");
  }
  const { address } = accessOf(site);
  if (signal.name !== "SIGSEGV" || signal.code !== "SEGV_MAPERR" || address === null || !byStack) return null;
  const distance = address > sp ? address - sp : sp - address;
  const round = (1n << 64n) - 1n;
  if ((distance > nearTheStackPointer && round - distance > nearTheStackPointer) || segmentAt(core, sp) !== null) return null;
  const above = mappingAbove(core, sp);
  if ((above !== null && above.before <= nearMapping) || usedUp(evidence) !== null) return null;
  return wild(evidence, `The stack pointer leads nowhere: ${hex(sp)}`, `${detail} Nothing is mapped there.`, sp, "likely");
};
