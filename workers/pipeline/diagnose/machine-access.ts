/** What the faulting instruction did to memory: which address, by which registers, reading, writing or jumping. Pure. */
import type { CoreFacts, CoreSegment } from "../../../services/intake/core/core-facts.ts";
import type { CrashSite } from "../crash-site.ts";

export interface Access {
  /** What the kernel or the processor says was touched, else what the instruction's operand comes to; null when neither tells. */
  readonly address: bigint | null;
  readonly how: "read" | "write" | "execute" | null;
  /** The operand in the disassembler's words. */
  readonly operand: string | null;
  /** The registers of the operand with their values; a base first. */
  readonly registers: readonly { readonly name: string; readonly value: bigint }[];
}

const widest = 64n;

/** `ecx`, `cx`, `cl`, `r8d` of `rcx`, `r8`: the low bytes of a register that gdb tells whole. */
export function registerValue(registers: Readonly<Record<string, string>>, name: string): bigint | null {
  const whole = registers[name];
  if (whole !== undefined) return BigInt(whole);
  const numbered = /^(r\d+)([dwb])$/.exec(name);
  const legacy = /^([er])?(ax|bx|cx|dx|si|di|bp|sp)$/.exec(name);
  const low = /^([abcd])l$/.exec(name);
  const arm = /^w(\d+)$/.exec(name);
  const [full, bits] = numbered
    ? [numbered[1], { d: 32, w: 16, b: 8 }[numbered[2] ?? "d"] ?? 32]
    : legacy
      ? [`r${legacy[2]}`, legacy[1] === "e" ? 32 : 16]
      : low
        ? [`r${low[1]}x`, 8]
        : arm
          ? [`x${arm[1]}`, 32]
          : [undefined, 0];
  const value = full === undefined ? undefined : registers[full];
  return value === undefined ? null : BigInt.asUintN(bits, BigInt(value));
}

/** What a division divides by, and where that stands: a register or an operand in memory. Null for other instructions, and where it is not known. */
export function divisorOf(site: Pick<CrashSite, "instruction" | "registers" | "divisor">): { readonly place: string; readonly value: bigint } | null {
  const place = /^i?div[bwlq]?\s+(\S+)$/.exec(site.instruction?.replace(/\s*#.*$/, "") ?? "")?.[1] ?? null;
  if (place === null) return null;
  const value = /^%\w+$/.test(place) ? registerValue(site.registers, place.slice(1)) : site.divisor === null ? null : BigInt(site.divisor);
  return value === null ? null : { place: place.replace(/^%(?=\w+$)/, ""), value };
}

const registersOf = (operand: string, site: CrashSite) =>
  [...operand.matchAll(/%?\b([a-z][a-z0-9]{1,3})\b/g)].flatMap(([, name]) => {
    const value = name === undefined || /^(lsl|sxtw|uxtw|rip|eip)$/.test(name) ? null : registerValue(site.registers, name);
    return name === undefined || value === null ? [] : [{ name, value }];
  });

/** In AT&T syntax the destination comes last, with its mask (`{%k1}`, `{z}`) where it has one; comparisons only read. ARM says it by the instruction. */
function direction(instruction: string, operand: string): "read" | "write" {
  const word = instruction.replace(/^(rep\w*|lock|notrack|bnd) /, "").split(/\s/)[0] ?? "";
  if (operand.startsWith("[")) return word.startsWith("st") ? "write" : "read";
  if (/^(cmp|test|bt[lqw]?$|push|call|jmp|ucomis|comis|ptest|vptest|div|idiv|mul)/.test(word)) return "read";
  return instruction.replace(/\s*[#<].*$|(\{[^}]*\})+\s*$/g, "").endsWith(operand) ? "write" : "read";
}

export function accessOf(site: CrashSite): Access {
  const { signal, fault, operands, instruction, pc } = site;
  const told = fault?.address ?? signal?.address ?? null;
  const address = told === null ? null : BigInt(told);
  if (address !== null && (fault?.fetch === true || (fault?.fetch !== false && pc !== null && address === BigInt(pc) && signal?.name === "SIGSEGV"))) {
    return { address, how: "execute", operand: null, registers: [] };
  }
  const known = operands.filter((each) => each.address !== null);
  const matching = known.find((each) => address !== null && address >= BigInt(each.address ?? 0) && address < BigInt(each.address ?? 0) + widest);
  const operand = address === null ? known.find((each) => !isCanonical(BigInt(each.address ?? 0))) : matching;
  const how =
    fault?.write != null ? (fault.write ? "write" : "read") : operand === undefined || instruction === null ? null : direction(instruction, operand.operand);
  return {
    address: address ?? (operand?.address == null ? null : BigInt(operand.address)),
    how,
    operand: operand?.operand ?? null,
    registers: operand === undefined ? [] : registersOf(operand.operand, site),
  };
}

/** Bits 63 to 47 of a user address of x86-64 are zero; of aarch64 the upper byte may be a tag. */
export const isCanonical = (address: bigint): boolean => address < 1n << 47n || address >= (1n << 64n) - (1n << 47n);

const holds = (address: bigint) => (segment: CoreSegment) => address >= BigInt(segment.start) && address < BigInt(segment.end);

export const segmentAt = (core: Pick<CoreFacts, "segments">, address: bigint): CoreSegment | null => core.segments.find(holds(address)) ?? null;

/** The mapping that ends right below an address, and by how many bytes the address is past it. */
export function mappingBelow(core: Pick<CoreFacts, "segments">, address: bigint): { readonly segment: CoreSegment; readonly past: bigint } | null {
  let found: CoreSegment | null = null;
  for (const segment of core.segments) if (BigInt(segment.end) <= address && (found === null || BigInt(segment.end) > BigInt(found.end))) found = segment;
  return found === null ? null : { segment: found, past: address - BigInt(found.end) };
}

/** The mapping that begins right above an address. */
export function mappingAbove(core: Pick<CoreFacts, "segments">, address: bigint): { readonly segment: CoreSegment; readonly before: bigint } | null {
  let found: CoreSegment | null = null;
  for (const segment of core.segments) if (BigInt(segment.start) > address && (found === null || BigInt(segment.start) < BigInt(found.start))) found = segment;
  return found === null ? null : { segment: found, before: BigInt(found.start) - address };
}

/** A write to the first bytes of memory that may only be read, right behind memory that may be written to. */
export function runsIntoReadOnly(core: Pick<CoreFacts, "segments">, site: CrashSite, address: bigint): boolean {
  const segment = segmentAt(core, address);
  if (site.signal?.code !== "SEGV_ACCERR" || segment === null || !segment.readable || segment.writable || !writes(site)) return false;
  return address - BigInt(segment.start) < widest && segmentAt(core, BigInt(segment.start) - 1n)?.writable === true;
}

/** Of an access that was refused though the memory may be read: a write, where nothing says that it was to be executed. */
export const writes = (site: CrashSite): boolean => [null, "write"].includes(accessOf(site).how);

/** Which file is mapped at an address, and which of its bytes. */
export function fileAt(core: Pick<CoreFacts, "modules" | "otherFiles">, address: bigint): { readonly path: string; readonly offset: number } | null {
  const ranges = [
    ...core.modules.flatMap((module) => module.mappings.map((mapping) => ({ ...mapping, path: module.path }))),
    ...core.otherFiles.map(({ path, start, end, offset }) => ({ path, start, end, offset })),
  ];
  const range = ranges.find((each) => address >= BigInt(each.start) && address < BigInt(each.end));
  return range === undefined ? null : { path: range.path, offset: range.offset + Number(address - BigInt(range.start)) };
}

export const stackPointer = ({ registers }: Pick<CrashSite, "registers">): bigint | null => {
  const value = registers["rsp"] ?? registers["sp"] ?? registers["esp"];
  return value === undefined ? null : BigInt(value);
};

/** Eight printable bytes: the pointer was overwritten by text. */
export function asText(value: bigint, pointerBytes: number): string | null {
  const bytes = Array.from({ length: pointerBytes }, (_, at) => Number((value >> BigInt(8 * at)) & 0xffn));
  const used = bytes.filter((byte) => byte !== 0);
  return used.length >= 5 && used.every((byte) => byte >= 0x20 && byte < 0x7f) ? String.fromCharCode(...used) : null;
}

export const hex = (value: bigint): string => `0x${value.toString(16)}`;
