/** gdb shows zeros for code that is neither in the core nor in a file, and decodes them as if they were instructions. */
import type { NativeAnswer } from "./helper-answer.ts";
import { pcOf } from "./signal-frame.ts";

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

/** Facts of a place in the code without what was decoded there. */
function undecoded(facts: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { instruction: _instruction, memory_operands: _operands, ...rest } = facts;
  return rest;
}

/** The answer without the instructions, and their operands, of places whose bytes are not `known`. */
export function withKnownCode(native: NativeAnswer, known: (address: string) => boolean): NativeAnswer {
  const pc = pcOf(native.registers);
  const facts = pc === null || known(pc) ? { ...native.facts } : undecoded(native.facts);
  const interrupted = facts["interrupted"];
  if (isRecord(interrupted) && typeof interrupted["pc"] === "string" && !known(interrupted["pc"])) facts["interrupted"] = undecoded(interrupted);
  return { ...native, facts };
}
