/** Where and of what the process died: the signal, the registers and the instruction, of the fault itself where a handler raised it again. */
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { Address, Nullable } from "../../services/contract/common.ts";
import { Instruction, type Warning } from "../../services/contract/report.ts";
import type { CoreFacts, CoreSignal } from "../../services/intake/core/core-facts.ts";
import type { NativeAnswer, PythonAnswer } from "./helper-answer.ts";
import { faultAgain } from "./fault-again.ts";
import { chooseFrame, type Fault, pcOf, type SignalFrame, signalBefore } from "./signal-frame.ts";

export const Operand = Type.Object({ operand: Type.String(), address: Nullable(Address) });
export type Operand = Static<typeof Operand>;

/** The native helper's facts of an instruction; all absent where gdb had no code. */
const CodeFacts = Type.Object({
  instruction: Type.Optional(Type.String()),
  memory_operands: Type.Optional(Type.Array(Operand)),
  branch_target: Type.Optional(Address),
  divisor: Type.Optional(Address),
});

const InterruptedFacts = Type.Object({
  ...CodeFacts.properties,
  pc: Address,
  registers: Type.Record(Type.String(), Type.String()),
  disassembly: Type.Array(Instruction),
});
const codeFacts = Compile(CodeFacts);
const interruptedFacts = Compile(InterruptedFacts);

export interface CrashSite {
  /** What it died of: the core's own siginfo, or what a handler that raised it again was run for. */
  readonly signal: CoreSignal | null;
  readonly pc: string | null;
  readonly registers: Readonly<Record<string, string>>;
  readonly disassembly: readonly Static<typeof Instruction>[];
  readonly instruction: string | null;
  /** What the instruction reads or writes. */
  readonly operands: readonly Operand[];
  /** Where an indirect call or jump, or a return, was to lead; null for other instructions. */
  readonly branchTarget: string | null;
  /** What a division divided by, where it read that from memory. */
  readonly divisor: string | null;
  readonly fault: Fault | null;
  /** Where the kernel saved all this when it ran a handler; null when the process died of the fault directly. */
  readonly signalFrame: string | null;
  /** It was sent by a process or a thread, and no fault of this thread stands behind it. */
  readonly sent: boolean;
}

const isSentCode = (signal: CoreSignal | null) => signal?.code_number != null && signal.code_number <= 0;

function direct(core: CoreFacts, native: NativeAnswer | null, warnings: Warning[]): CrashSite {
  const facts = codeFacts.Check(native?.facts) ? native?.facts : undefined;
  const registers = native?.registers ?? {};
  const code = { instruction: facts?.instruction ?? null, operands: facts?.memory_operands ?? [], divisor: facts?.divisor ?? null };
  const fault = core.processAlive ? null : faultAgain(core, registers, code);
  if (fault !== null) {
    warnings.push({
      code: "signal_raised_again",
      detail: "a signal handler raised the signal again, and returned: signal and code are those of the instruction that the thread stands at",
    });
  }
  return {
    signal: fault ?? core.signal,
    pc: pcOf(registers),
    registers,
    disassembly: native?.disassembly ?? [],
    instruction: facts?.instruction ?? null,
    operands: facts?.memory_operands ?? [],
    branchTarget: facts?.branch_target ?? null,
    divisor: facts?.divisor ?? null,
    fault: null,
    signalFrame: null,
    sent: fault === null && isSentCode(core.signal),
  };
}

function interrupted(frame: SignalFrame, core: CoreFacts, native: NativeAnswer | null): CrashSite {
  const told = native?.facts["interrupted"];
  const pc = pcOf(frame.registers);
  const gdbs = interruptedFacts.Check(told) && told.pc === pc ? told : null;
  const instruction = gdbs?.instruction ?? null;
  const operands = gdbs?.memory_operands ?? [];
  const before = signalBefore(frame, core, { instruction, operands });
  const signal = before?.signal ?? core.signal;
  return {
    signal,
    pc,
    registers: { ...gdbs?.registers, ...frame.registers },
    disassembly: gdbs?.disassembly ?? [],
    instruction,
    operands,
    branchTarget: gdbs?.branch_target ?? null,
    divisor: gdbs?.divisor ?? null,
    fault: before?.origin === "fault" ? frame.fault : null,
    signalFrame: frame.frame,
    sent: before === null ? isSentCode(signal) : before.origin === "sent",
  };
}

export function crashSite(core: CoreFacts, native: NativeAnswer | null, python: PythonAnswer | null, warnings: Warning[]): CrashSite {
  if (core.processAlive) return direct(core, native, warnings);
  const frame = chooseFrame(core, native, python);
  if (frame === null) return direct(core, native, warnings);
  const site = interrupted(frame, core, native);
  const ended = site.signal?.number === core.signal?.number ? "raised the signal again" : `ended the process by ${core.signal?.name ?? "another signal"}`;
  warnings.push({
    code: "signal_raised_again",
    detail: `a signal handler ${ended}: signal, registers and code are those that it was run for, from the signal frame at ${frame.frame}`,
  });
  return site;
}
