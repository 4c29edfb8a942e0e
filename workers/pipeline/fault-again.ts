/**
 * A handler that raises its own signal again while that is blocked: the signal then comes when the handler has returned, its frame is
 * gone, and the thread stands at the faulting instruction again with the registers that it had there. The core says that the process
 * signalled itself; the instruction says what it died of. Pure.
 */
import type { CoreFacts, CoreSignal } from "../../services/intake/core/core-facts.ts";
import { divisorOf, isCanonical, segmentAt } from "./diagnose/machine-access.ts";
import { inSystemCall, type InterruptedCode, pcOf, plain, raisedByItself } from "./signal-frame.ts";

type Registers = Readonly<Record<string, string>>;

/** Only what cannot but fault: an address that no access may touch. */
function badAccess(core: CoreFacts, { operands }: InterruptedCode): { readonly code: number; readonly address: string | null } | null {
  for (const { address } of operands) {
    if (address === null) continue;
    if (!isCanonical(BigInt(address))) return { code: 128, address: null };
    const segment = segmentAt(core, BigInt(address));
    if (segment === null) return { code: 1, address };
    if (!segment.readable && !segment.writable) return { code: 2, address };
  }
  return null;
}

/** The fault that the thread is about to repeat; null where its instruction would run, or where it sits in the system call that sent the signal. */
export function faultAgain(core: CoreFacts, registers: Registers, code: InterruptedCode & { readonly divisor: string | null }): CoreSignal | null {
  const { signal } = core;
  const pc = pcOf(registers);
  if (signal === null || core.machine !== "x86_64" || !raisedByItself(core) || pc === null || core.segments.length === 0 || inSystemCall(registers))
    return null;
  const fault = (number: number, address: string | null) => plain(signal.number, signal.name, number, address);
  const { instruction } = code;
  if (signal.number === 11) {
    if (segmentAt(core, BigInt(pc)) === null) return fault(1, pc);
    const bad = badAccess(core, code);
    return bad === null ? null : fault(bad.code, bad.address);
  }
  if (signal.number === 4 && instruction !== null && /^ud[012]/.test(instruction)) return fault(2, pc);
  return signal.number === 8 && divisorOf({ ...code, registers })?.value === 0n ? fault(1, pc) : null;
}
