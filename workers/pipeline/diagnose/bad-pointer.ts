/** SIGSEGV by an address that cannot be right: null, filled memory, no address at all, nothing there. */
import type { Diagnosis } from "../../../services/contract/report.ts";
import { metByAllocator } from "./allocator.ts";
import type { Evidence, Finding } from "./evidence.ts";
import {
  accessOf,
  type Access,
  asText,
  fileAt,
  hex,
  isCanonical,
  mappingAbove,
  mappingBelow,
  runsIntoReadOnly,
  segmentAt,
  stackPointer,
} from "./machine-access.ts";
import { type Pattern, patternOf } from "./patterns.ts";

/** The first page is never mapped (vm.mmap_min_addr is 4096 or more), so an address in it is a null pointer and an offset. */
const firstPage = 4_096n;
/** An array or struct that a null pointer is taken for; the kernel's default keeps so much free below. */
const nearNull = 65_536n;
/** How far past its mapping an access still speaks of that mapping. */
const onePage = 4_096n;

const doing = { read: "read from", write: "wrote to", execute: "jumped to" } as const;
const verb = ({ how }: Access) => (how === null ? "touched" : doing[how]);

function evidenceOf({ site }: Evidence, access: Access): Record<string, unknown> {
  return {
    signal: site.signal?.name ?? null,
    code: site.signal?.code ?? null,
    address: access.address === null ? null : hex(access.address),
    access: access.how,
    instruction: site.instruction,
    operand: access.operand,
    registers: Object.fromEntries(access.registers.map(({ name, value }) => [name, hex(value)])),
  };
}

/** `self->ob_type`, where gdb found one pointer of the function that explains the address (facts.pointer_fields). */
function fieldOf({ native }: Evidence): string | null {
  const told = native?.facts["pointer_field"];
  return typeof told === "string" && told.length <= 200 ? told : null;
}

const faulted = ({ site }: Evidence, code: string) => site.signal?.name === "SIGSEGV" && site.signal.code === code;

/** An address that is none gives SIGBUS instead where the operand's base is the stack or the frame pointer (x86-64's stack fault). */
const badAddress = ({ signal }: Evidence["site"]) => signal?.name === "SIGSEGV" || (signal?.name === "SIGBUS" && signal.code === "SI_KERNEL");

/** Where the last page begins: the kernel's own, so what is below a null pointer. */
const behindNull = (1n << 64n) - firstPage;

/** A header in front of an object, an element before the first one: of a null pointer, where the register shows it. */
function beforeNull(evidence: Evidence, access: Access, address: bigint): Diagnosis | null {
  // The base alone: an index of 0 is no pointer.
  const [base] = access.registers;
  if (base?.value !== 0n || access.operand === null || access.how === "execute") return null;
  const offset = Number(BigInt.asIntN(64, address));
  return {
    code: "null_dereference",
    title: `A null pointer was dereferenced, at offset ${offset}`,
    detail: `The process ${verb(access)} ${-offset} bytes before address 0, and register ${base.name} holds 0: what lies in front of an object was wanted, of a null pointer.`,
    // Of two registers at scale 1 either may be the pointer.
    confidence: access.registers.length === 1 ? "certain" : "likely",
    lwp: evidence.core.crashedLwp,
    evidence: { ...evidenceOf(evidence, access), offset, field: null },
    links: [],
  };
}

/** What is read or written through a null pointer, or called by it. */
export const nullDereference: Finding = (evidence) => {
  if (!faulted(evidence, "SEGV_MAPERR") || metByAllocator(evidence)) return null;
  const access = accessOf(evidence.site);
  const { address, registers } = access;
  if (address !== null && address >= behindNull) return beforeNull(evidence, access, address);
  if (address === null || address >= nearNull || (access.how === "execute" && address !== 0n)) return null;
  const base = registers[0] ?? null;
  const certain = address < firstPage;
  // Where no register is known to hold null, a small number that was taken for a pointer looks the same.
  const direct = address === 0n || base?.value === 0n;
  // Beyond the first page only the register that holds the null pointer proves it.
  if (!certain && (base === null || base.value !== 0n)) return null;
  const offset = Number(address);
  const field = access.how === "execute" ? null : fieldOf(evidence);
  const title =
    access.how === "execute"
      ? "A null function pointer was called"
      : `A null pointer was dereferenced${field !== null ? `: ${field}` : offset === 0 ? "" : `, at offset ${offset}`}`;
  const where = certain ? "which is in the first page. That page is never mapped" : `and register ${base?.name} holds 0`;
  const either = "a field of a null pointer, or a small number that was taken for a pointer";
  const byHand = direct
    ? ""
    : base === null
      ? ` The instruction's registers are not known: it is ${either}.`
      : ` Register ${base.name} holds ${hex(base.value)}: the address of ${either}.`;
  return {
    code: "null_dereference",
    title,
    detail: `The process ${verb(access)} address ${hex(address)}, ${where}: the pointer was null${offset === 0 || access.how === "execute" ? "" : `, and the field or element ${offset} bytes behind it was wanted`}.${byHand}`,
    confidence: certain && direct ? "certain" : "likely",
    lwp: evidence.core.crashedLwp,
    evidence: { ...evidenceOf(evidence, access), offset, field },
    links: [],
  };
};

const stateWords: Readonly<Record<Pattern["state"], string>> = {
  freed: "memory that had been freed",
  uninitialised: "memory that was never initialised",
  forbidden: "the guard bytes beside a memory block",
};

/** A pointer that consists of an allocator's filling. */
export const filledPointer: Finding = (evidence) => {
  const { site, core, python } = evidence;
  if (!badAddress(site) || site.sent) return null;
  const access = accessOf(site);
  const pointerBytes = core.bits / 8;
  const values = [
    ...access.registers.map(({ value }) => value),
    ...(access.address === null ? [] : [access.address]),
    // What a function returns to was overwritten, not read from a block.
    ...(site.branchTarget === null || /\bret/.test(site.instruction ?? "") ? [] : [BigInt(site.branchTarget)]),
  ];
  const found = values.map((value) => patternOf(value, pointerBytes)).find((each) => each !== null);
  if (found == null) return null;
  const { pattern } = found;
  const hooked = python?.python?.flags.malloc?.endsWith("_debug") ?? null;
  // Without the hooks the interpreter writes no such bytes, and a chance value of eight equal bytes is still somebody's filling.
  if (pattern.python && hooked === false) return null;
  const { library } = pattern;
  if (library !== undefined && !core.modules.some(({ path }) => library.test(path))) return null;
  const byte = `0x${pattern.byte.toString(16).toUpperCase()}`;
  return {
    code: "freed_memory_access",
    title: `A pointer was read from ${stateWords[pattern.state]}`,
    detail: `The pointer consists of the byte ${byte}, with which ${pattern.by} fills ${stateWords[pattern.state]}. Whatever held the pointer was used ${pattern.state === "freed" ? "after it was released: look for one reference too few, a missing Py_INCREF, or memory kept beyond its owner" : pattern.state === "forbidden" ? "beyond its end or before its begin" : "before it was filled in"}.`,
    confidence: pattern.python && hooked === true ? "certain" : "likely",
    lwp: core.crashedLwp,
    evidence: { ...evidenceOf(evidence, access), pattern: byte, memory: pattern.state, written_by: pattern.by },
    links: ["https://docs.python.org/3/c-api/memory.html#debug-hooks-on-the-python-memory-allocators"],
  };
};

function wild(evidence: Evidence, access: Access, title: string, detail: string, confidence: Diagnosis["confidence"]): Diagnosis {
  const bytes = evidence.core.bits / 8;
  const text = access.address === null ? null : asText(access.address, bytes);
  // A field behind an overwritten pointer need not look like text itself.
  const base = access.registers.find(({ value }) => asText(value, bytes) !== null);
  const whose = text !== null ? "Its bytes are" : base !== undefined ? `Register ${base.name} holds ${hex(base.value)}, which is` : null;
  return {
    code: "wild_pointer",
    title,
    detail: `${detail}${whose === null ? "" : ` ${whose} printable text, so something wrote a string over the pointer.`}`,
    confidence,
    lwp: evidence.core.crashedLwp,
    evidence: { ...evidenceOf(evidence, access), looks_like_text: whose !== null },
    links: [],
  };
}

/** Too far from zero for a field of a null pointer, and too near for anything to be mapped: a number that was taken for a pointer, mostly. */
function smallNumber(evidence: Evidence, access: Access, address: bigint): Diagnosis | null {
  const [base] = access.registers;
  if ((address < firstPage && access.how !== "execute") || address === 0n || base?.value === 0n) return null;
  const inRegister = base === undefined ? "" : ` Register ${base.name} holds ${hex(base.value)}.`;
  return wild(
    evidence,
    access,
    access.how === "execute" ? `A small number was called as a function: ${hex(address)}` : `A small number was used as a pointer: ${hex(address)}`,
    `The process ${verb(access)} ${hex(address)}, in the first 64 KiB, where the kernel maps nothing by default.${inRegister} Either a number stands where a pointer belongs, or a null pointer was indexed far.`,
    base === undefined ? "possible" : "likely",
  );
}

/** An address that no processor takes (the kernel then tells none), or at which nothing is mapped, far from everything. */
export const wildPointer: Finding = (evidence) => {
  const { site, core } = evidence;
  if (!badAddress(site) || site.sent || metByAllocator(evidence)) return null;
  const access = accessOf(site);
  if (site.signal?.code === "SI_KERNEL") {
    const { address, operand } = access;
    if (address === null || operand === null || isCanonical(address) || core.machine !== "x86_64") return null;
    return wild(
      evidence,
      access,
      `A pointer that can be none was used: ${hex(address)}`,
      `The instruction's operand ${operand} comes to ${hex(address)}, which is not canonical: no mapping can be there. The value in the register is not a pointer; what it was read from was overwritten, freed or never set.`,
      "certain",
    );
  }
  if (site.signal?.code !== "SEGV_MAPERR" || access.address === null || core.segments.length === 0) return null;
  if (access.address < nearNull) return smallNumber(evidence, access, access.address);
  if (access.address >= behindNull && (stackPointer(site) === 0n || access.registers[0]?.value === 0n)) return null;
  const below = mappingBelow(core, access.address);
  if (below !== null && below.past < onePage) return null;
  const sp = stackPointer(site);
  if (sp !== null && access.address + (1n << 20n) > sp && access.address < sp + onePage) return null;
  const above = mappingAbove(core, access.address);
  const distance = [below?.past, above?.before].filter((each) => each !== undefined).reduce<bigint | null>((a, b) => (a === null || b < a ? b : a), null);
  const proven = access.how === "execute" || access.registers.length > 0;
  const what = access.how === "execute" ? "Code was called at" : `The process ${verb(access)}`;
  const minusOne = access.registers.some(({ value }) => value === (1n << 64n) - 1n) || access.address === (1n << 64n) - 1n;
  return wild(
    evidence,
    access,
    access.how === "execute" ? `A function pointer led to nowhere: ${hex(access.address)}` : `A wild pointer was used: ${hex(access.address)}`,
    `${what} ${hex(access.address)}, where nothing is mapped${distance === null ? "" : `; the nearest mapping is ${distance} bytes away`}. The pointer was overwritten, is of memory that was unmapped since, or was computed wrongly.${minusOne ? " It is -1, by which mmap, shmat and others tell that they failed." : ""}`,
    proven ? "likely" : "possible",
  );
};

/** Mappings lie side by side: what runs past its end meets the next one that may not be written to. */
function intoReadOnly(evidence: Evidence, access: Access, address: bigint): Diagnosis {
  const file = fileAt(evidence.core, address);
  const below = segmentAt(evidence.core, BigInt(segmentAt(evidence.core, address)?.start ?? hex(address)) - 1n);
  return {
    code: "access_past_mapping",
    title: `Memory was run past its end, into read-only memory${file === null ? "" : ` of ${file.path}`}`,
    detail: `The process wrote to ${hex(address)}, where read-only memory begins; the mapping ${below?.start}-${below?.end} right before it may be written to. A loop, a copy or a fill went on beyond the end of a buffer there; all between is overwritten.`,
    confidence: "likely",
    lwp: evidence.core.crashedLwp,
    evidence: { ...evidenceOf(evidence, access), mapping: below === null ? null : { start: below.start, end: below.end }, file: file?.path ?? null },
    links: [],
  };
}

/** The first bytes behind a mapping: a buffer was run past its end. */
export const pastMapping: Finding = (evidence) => {
  const { site, core } = evidence;
  if (metByAllocator(evidence)) return null;
  const access = accessOf(site);
  if (access.address !== null && runsIntoReadOnly(core, site, access.address)) return intoReadOnly(evidence, access, access.address);
  if (!faulted(evidence, "SEGV_MAPERR")) return null;
  if (access.address === null || access.address < nearNull || access.how === "execute") return null;
  const below = mappingBelow(core, access.address);
  if (below === null || below.past >= onePage) return null;
  return {
    code: "access_past_mapping",
    title: `Memory was run past its end, by ${below.past + 1n} byte${below.past === 0n ? "" : "s"}`,
    detail: `The process ${verb(access)} ${hex(access.address)}; the mapping ${below.segment.start}-${below.segment.end} ends right before it. A loop, a copy or an index went beyond the end of a buffer in it.`,
    confidence: below.past < 64n ? "likely" : "possible",
    lwp: core.crashedLwp,
    evidence: { ...evidenceOf(evidence, access), mapping: { start: below.segment.start, end: below.segment.end }, bytes_past: Number(below.past) },
    links: [],
  };
};
