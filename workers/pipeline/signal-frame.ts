/**
 * What the kernel saved before it ran a signal handler: of the helpers' `signal_frames`, the one that tells what the process
 * really died of.
 *
 * A handler such as faulthandler's raises its signal again, so the core's own siginfo only says that the process signalled itself.
 * The fault, the registers and (for handlers with SA_SIGINFO) the original siginfo stand in the signal frame. A frame counts only
 * when gdb's unwinder met it too; where gdb could not unwind, when it is of the same signal.
 */
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { Address, Nullable } from "../../services/contract/common.ts";
import type { CoreFacts, CoreSignal } from "../../services/intake/core/core-facts.ts";
import { parseSignalInfo } from "../../services/intake/core/process-notes.ts";
import { codeName, describeSignal, isSent } from "../../services/intake/core/signals.ts";
import { isMapped } from "./executable-memory.ts";
import { isCanonical, segmentAt } from "./diagnose/machine-access.ts";
import type { NativeAnswer, PythonAnswer } from "./helper-answer.ts";
import { systemName } from "./thread-state.ts";

/** What the processor reported. `divide` is also what a thread has on x86 that never faulted. */
export const Fault = Type.Object({
  kind: Type.Enum(["divide", "debug", "breakpoint", "invalid_opcode", "stack", "protection", "page", "float", "alignment", "other"]),
  address: Nullable(Address),
  write: Nullable(Type.Boolean()),
  fetch: Nullable(Type.Boolean()),
  /** The page was there and the access not allowed. */
  present: Nullable(Type.Boolean()),
});
export type Fault = Static<typeof Fault>;

export const SignalFrame = Type.Object({
  frame: Address,
  siginfo: Nullable(Type.String({ pattern: "^[0-9a-f]{64}$" })),
  registers: Type.Record(Type.String(), Address),
  fault: Nullable(Fault),
});
export type SignalFrame = Static<typeof SignalFrame>;

const SignalFrames = Type.Array(SignalFrame);

/** Only a signal that the process sent to itself may stand for another one. */
export function raisedByItself({ signal, pid }: Pick<CoreFacts, "signal" | "pid">): boolean {
  return signal?.code_number != null && isSent(signal.code_number) && signal.sender_pid !== null && signal.sender_pid === pid;
}

const raises = /^(raise|gsignal|pthread_kill\w*|p?thread_kill_(implementation|internal)|faulthandler_fatal_error)$/;

/** A core without siginfo, as qemu-user writes it: the stack tells that the handler raised the signal, when nothing else lies above it. */
function raisedByHandler({ signal, crashedLwp }: CoreFacts, native: NativeAnswer | null): boolean {
  const frames = native?.threads.find((each) => each.lwp === crashedLwp)?.frames.filter((frame) => frame.kind === "native") ?? [];
  const inner = frames.slice(
    0,
    Math.max(
      0,
      frames.findIndex((frame) => frame.signal_trampoline),
    ),
  );
  const names = inner.flatMap(({ function: name }) => (name === null ? [] : [systemName(name)]));
  return signal !== null && signal.code_number === null && names.length > 0 && names.every((name) => raises.test(name));
}

function confirmed(found: readonly SignalFrame[], core: CoreFacts, native: NativeAnswer | null): readonly SignalFrame[] {
  const thread = native?.threads.find((each) => each.lwp === core.crashedLwp) ?? null;
  const frames = (thread?.frames ?? []).filter((frame) => frame.kind === "native");
  const met = new Set(frames.filter((frame) => frame.signal_trampoline).map((frame) => frame.sp));
  if (met.size > 0) return found.filter((each) => met.has(each.frame));
  // Without files gdb guesses, and its guess may end as a whole stack does: on x86-64 bridges go on there (native_bridge.py), elsewhere nothing does.
  const ended = core.machine === "x86_64" || frames.at(-1)?.function != null;
  const whole = thread !== null && !thread.truncated && thread.stop_reason === null && ended && !frames.some((frame) => frame.trust === "scan");
  return whole ? [] : found.slice(0, 1);
}

/** The frame of the innermost handler that ran for another reason than a signal of its own; null when none tells more than the core's siginfo. */
export function chooseFrame(core: CoreFacts, native: NativeAnswer | null, python: PythonAnswer | null): SignalFrame | null {
  if (!raisedByItself(core) && !raisedByHandler(core, native)) return null;
  const told = python?.facts["signal_frames"];
  const found = confirmed(Value.Check(SignalFrames, told) ? told : [], core, native);
  return found.find((each) => signalBefore(each, core) !== null) ?? found[0] ?? null;
}

const divisions = /^(rep\S* )?i?div/;
/** SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, and what the processor reported before the kernel sent each. */
const faulting: Readonly<Record<number, readonly Fault["kind"][]>> = {
  4: ["invalid_opcode"],
  5: ["debug", "breakpoint"],
  7: ["page", "alignment", "stack", "other"],
  8: ["float"],
  11: ["page", "protection", "stack", "other"],
};

/** `si_code` that the kernel gives (arch/x86/kernel/traps.c and mm/fault.c, arch/arm64/kernel/traps.c); null when it could be several. */
function codeOf(number: number, { kind, address }: Fault, core: CoreFacts): number | null {
  if (kind === "page" && number === 11 && address !== null) {
    return isMapped(core, address) ? 2 : 1;
  }
  if (kind === "page" && number === 7) return 2;
  if (kind === "protection" && number === 11) return 128;
  if (kind === "invalid_opcode" && number === 4) return 2;
  if (kind === "alignment" && number === 7) return 1;
  return null;
}

export const pcOf = (registers: Readonly<Record<string, string>>): string | null => registers["rip"] ?? registers["pc"] ?? registers["eip"] ?? null;

/**
 * On x86 a system call leaves its return address in rcx and the flags in r11: a thread that stands right there was in the kernel, and did
 * not fault. The flags tell it from a function that was called by `call *%rcx` and faulted at its first instruction.
 */
export function inSystemCall({ rip, rcx, r11, eflags }: Readonly<Record<string, string>>): boolean {
  return rip !== undefined && rip === rcx && (r11 === undefined || eflags === undefined || r11 === eflags);
}

/** The signal came out of a `kill` (62), `tkill` (200) or `tgkill` (234) that this thread made: the call has just succeeded. */
function sentByThread({ registers }: SignalFrame, core: CoreFacts): boolean {
  const own = [core.pid, core.crashedLwp].filter((id) => id !== null).map((id) => `0x${id.toString(16)}`);
  if (core.machine === "x86_64") return inSystemCall(registers) && registers["rax"] === "0x0" && own.includes(registers["rdi"] ?? "");
  return ["0x81", "0x82", "0x83"].includes(registers["x8"] ?? "") && registers["x0"] === "0x0";
}

export const plain = (number: number, name: string | null, code: number | null, address: string | null): CoreSignal => ({
  number,
  name,
  code: code === null ? null : codeName(number, code),
  code_number: code,
  address,
  description: describeSignal(number, code),
  sender_pid: null,
  sender_uid: null,
});

export interface Before {
  readonly signal: CoreSignal;
  /** `sent`: by some process or thread; which one the kernel tells only to handlers with SA_SIGINFO. */
  readonly origin: "fault" | "sent" | "unknown";
}

/** What gdb told of the interrupted instruction. */
export interface InterruptedCode {
  readonly instruction: string | null;
  readonly operands: readonly { readonly address: string | null }[];
}

/** An instruction touches at most a cache line from its operand on. */
const widest = 64n;
const page = 4_096n;

/** The kernel keeps a thread's last fault for ever: one that the interrupted instruction cannot have made is an older one. */
function isStale({ registers }: SignalFrame, { address }: Fault, { operands }: InterruptedCode): boolean {
  const told = operands.flatMap((operand) => (operand.address === null ? [] : [BigInt(operand.address)]));
  if (address === null || told.length === 0 || told.length < operands.length) return false;
  const at = BigInt(address);
  const sp = BigInt(registers["rsp"] ?? registers["sp"] ?? registers["esp"] ?? "0x0");
  if (at === BigInt(pcOf(registers) ?? "0x0") || (at + page >= sp && at < sp + page)) return false;
  return !told.some((operand) => at >= operand && at < operand + widest);
}

/** The address that the instruction cannot touch, by what the processor reported and its operands alike; null where one does not bear out the other. */
function borneOut({ fault, registers }: SignalFrame, core: CoreFacts, { operands, instruction }: InterruptedCode): CoreSignal | null {
  if (fault === null || inSystemCall(registers)) return null;
  if (fault.kind === "invalid_opcode" && instruction !== null && /^ud[012]/.test(instruction)) return plain(4, "SIGILL", 2, pcOf(registers));
  const told = operands.flatMap((operand) => (operand.address === null ? [] : [BigInt(operand.address)]));
  if (fault.kind === "protection" && told.some((address) => !isCanonical(address))) return plain(11, "SIGSEGV", 128, null);
  if (fault.kind !== "page" || fault.address === null) return null;
  const at = BigInt(fault.address);
  const segment = segmentAt(core, at);
  const jumped = fault.fetch === true && fault.address === pcOf(registers);
  if (!jumped && !told.some((operand) => at >= operand && at < operand + widest)) return null;
  if (core.segments.length === 0) return null;
  if (segment === null) return plain(11, "SIGSEGV", 1, fault.address);
  // SIGBUS comes of memory that may be touched: that case stays untold.
  const allowed = jumped ? segment.executable : fault.write === true ? segment.writable : segment.readable;
  return allowed ? null : plain(11, "SIGSEGV", 2, fault.address);
}

/** The signal that the handler was run for; null when the frame tells no more than the core's own siginfo. */
export function signalBefore(frame: SignalFrame, core: CoreFacts, code: InterruptedCode = { instruction: null, operands: [] }): Before | null {
  const { siginfo, fault, registers } = frame;
  const { signal } = core;
  if (signal === null) return null;
  const told = siginfo === null ? null : parseSignalInfo(Buffer.from(siginfo, "hex"), core);
  if (told !== null && (told.number === signal.number || (faulting[told.number] !== undefined && (told.code_number ?? 0) > 0))) {
    return { signal: told, origin: (told.code_number ?? 0) > 0 ? "fault" : "sent" };
  }
  if (signal.number === 6 && told === null && core.machine === "x86_64" && core.madeBy !== "qemu") {
    // A handler of a fault that calls abort(): which signal it was run for is in no register that is kept.
    const struck = borneOut(frame, core, code);
    return struck === null ? null : { signal: struck, origin: "fault" };
  }
  const kinds = faulting[signal.number];
  if (kinds === undefined || sentByThread(frame, core)) return null;
  const pc = pcOf(registers);
  const without = plain(signal.number, signal.name, null, null);
  // qemu-user never writes what the processor reported.
  if (core.madeBy === "qemu") return { signal: without, origin: "unknown" };
  if (signal.number === 8 && fault?.kind === "divide" && !inSystemCall(registers)) {
    if (code.instruction === null) return { signal: without, origin: "unknown" };
    if (divisions.test(code.instruction)) return { signal: plain(8, signal.name, 1, pc), origin: "fault" };
  }
  if (fault === null || !kinds.includes(fault.kind) || inSystemCall(registers)) return { signal: without, origin: "sent" };
  if (isStale(frame, fault, code)) return { signal: without, origin: "unknown" };
  const address = fault.address ?? (signal.number === 11 ? null : pc);
  return { signal: plain(signal.number, signal.name, codeOf(signal.number, fault, core), address), origin: "fault" };
}
