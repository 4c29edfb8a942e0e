/** What the core's segments say of an address: mapped, writable, code, and whether its bytes are known. Pure. */
import type { CoreFacts } from "../../services/intake/core/core-facts.ts";
import type { Choice } from "../../services/intake/needs/choose-binaries.ts";

const within = (address: bigint, range: { readonly start: string; readonly end: string }) => address >= BigInt(range.start) && address < BigInt(range.end);

/** Whether code can be at this address. True when the core has no segment list that would tell. */
export function isExecutable(core: Pick<CoreFacts, "segments">, address: string): boolean {
  const at = BigInt(address);
  const executable = core.segments.filter((segment) => segment.executable);
  return executable.length === 0 || executable.some((segment) => within(at, segment));
}

export const isMapped = (core: Pick<CoreFacts, "segments">, address: string): boolean => core.segments.some((segment) => within(BigInt(address), segment));

export const isWritable = (core: Pick<CoreFacts, "segments">, address: string): boolean =>
  core.segments.some((segment) => segment.writable && within(BigInt(address), segment));

/** Whether the bytes at this address are known: dumped, or in a file that was found. gdb shows zeros where they are not. */
export function bytesAreKnown(core: Pick<CoreFacts, "segments">, choices: readonly Choice[], address: string): boolean {
  const at = BigInt(address);
  const segment = core.segments.find((each) => within(at, each));
  if (segment !== undefined && at < BigInt(segment.start) + BigInt(segment.fileSize)) return true;
  return choices.some(({ module, file }) => file !== null && module.mappings.some((mapping) => within(at, mapping)));
}
