/**
 * The signal behind a handler.
 *
 * faulthandler (and many crash reporters) handle a fault, write what they have to say and raise the signal again, so the core
 * says "sent by itself" and no address. What the processor said of the fault still stands on the stack, in the frame that the
 * kernel made for the handler: `struct rt_sigframe` of arch/x86/include/asm/sigframe.h. Its siginfo is filled only for handlers
 * that asked for one (SA_SIGINFO; faulthandler's does not), its `sigcontext` always.
 */
import type { CoreFacts, CoreSignal } from "../../services/intake/core/core-facts.ts";
import { parseSignalInfo } from "../../services/intake/core/process-notes.ts";
import { describeSignal } from "../../services/intake/core/signals.ts";
import { openFileSource } from "../../services/intake/elf/byte-source.ts";
import { isExecutable, isMapped, isWritable } from "./executable-memory.ts";
import type { NativeAnswer } from "./helper-answer.ts";

/** `fault`: the processor or the kernel. `sent`: some process; which one is not recorded. */
export interface HandledSignal {
  readonly origin: "fault" | "sent";
  readonly signal: CoreSignal;
}

/** x86-64: offsets in bytes from the stack pointer of gdb's `<signal handler called>`, where `struct ucontext` starts. */
const at = { flags: 0, link: 8, rdi: 104, rsi: 112, rdx: 136, rsp: 160, rip: 168, cs: 184, trap: 200, cr2: 216, fpstate: 224, siginfo: 304 } as const;
const siginfoBytes = 128;
const frameBytes = 304 + siginfoBytes;
const userCodeSegment = 0x33;
/** How far above the stack pointer a frame is looked for when the unwinder did not find it. */
const scannedBytes = 65_536;

/** Processor exceptions (Intel SDM, volume 3, table 6-1). */
const pageFault = 14n;
const generalProtection = 13n;
const invalidOpcode = 6n;

const handled: ReadonlySet<number> = new Set([4, 6, 7, 8, 11]);

/** Whether the core's own siginfo only says that the process raised the signal itself. */
export function raisedByItself({ signal, pid }: CoreFacts): boolean {
  if (signal === null || !handled.has(signal.number)) return false;
  return (signal.code === "SI_TKILL" || signal.code === "SI_USER") && (signal.sender_pid === null || pid === null || signal.sender_pid === pid);
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** Up to `length` bytes of the dead process at `address`; empty when they were not dumped. */
async function readStack(core: CoreFacts, path: string, address: bigint, length: number): Promise<Buffer> {
  const segment = core.segments.find((each) => address >= BigInt(each.start) && address < BigInt(each.end));
  if (segment === undefined || !segment.writable) return Buffer.alloc(0);
  const skip = Number(address - BigInt(segment.start));
  await using source = await openFileSource(path);
  return source.read(segment.offset + skip, Math.min(length, Math.max(0, segment.fileSize - skip)));
}

type Frame = (field: keyof typeof at) => bigint;

/** The frame at `offset`; null when the bytes are none. Its fields bear each other out, so chance does not make one. */
function frameAt(core: CoreFacts, bytes: Buffer, address: bigint, offset: number): Frame | null {
  if (offset + frameBytes > bytes.length) return null;
  const field: Frame = (name) => bytes.readBigUInt64LE(offset + at[name]);
  if (field("flags") > 7n || field("link") !== 0n || (field("cs") & 0xffffn) !== BigInt(userCodeSegment)) return null;
  const toFpstate = field("fpstate") - address;
  if (toFpstate < BigInt(at.siginfo) || toFpstate > 4_096n) return null;
  return isExecutable(core, hex(field("rip"))) && isWritable(core, hex(field("rsp"))) ? field : null;
}

async function findFrame(core: CoreFacts, native: NativeAnswer, path: string): Promise<{ readonly frame: Frame; readonly siginfo: Buffer } | null> {
  const frames = native.threads.find((thread) => thread.lwp === core.crashedLwp)?.frames ?? [];
  const trampoline = frames.find((frame) => frame.kind === "native" && frame.signal_trampoline);
  // Without the C library's file the unwinder does not see the frame: it is looked for.
  const known = trampoline?.kind === "native" ? trampoline.sp : null;
  const [innermost] = frames;
  const from = known ?? (innermost?.kind === "native" ? innermost.sp : null);
  if (from === null) return null;
  const bytes = await readStack(core, path, BigInt(from), known === null ? scannedBytes : frameBytes);
  for (let offset = 0; offset + frameBytes <= bytes.length; offset += 8) {
    const frame = frameAt(core, bytes, BigInt(from) + BigInt(offset), offset);
    if (frame !== null) return { frame, siginfo: bytes.subarray(offset + at.siginfo, offset + frameBytes) };
  }
  return null;
}

/** The kernel keeps the last exception of a thread for ever: it counts only where the interrupted instruction touches that address. */
function isStale(native: NativeAnswer, address: bigint): boolean {
  const interrupted = native.facts["interrupted"];
  const operands: unknown = typeof interrupted === "object" && interrupted !== null && "memory_operands" in interrupted ? interrupted.memory_operands : [];
  const addresses = (Array.isArray(operands) ? operands : []).flatMap((each: unknown) =>
    typeof each === "object" && each !== null && "address" in each && typeof each.address === "string" && /^0x[0-9a-f]{1,16}$/.test(each.address)
      ? [BigInt(each.address)]
      : [],
  );
  return addresses.length > 0 && !addresses.some((each) => address >= each && address < each + 64n);
}

/** kill(pid, signal) and tgkill(pid, lwp, signal) leave their arguments in the registers. */
function isOwnCall(frame: Frame, { pid, signal }: CoreFacts): boolean {
  if (pid === null || signal === null || frame("rdi") !== BigInt(pid)) return false;
  return [frame("rsi"), frame("rdx")].includes(BigInt(signal.number));
}

function signalOf(number: number, name: string | null, code: readonly [name: string, number: number] | null, address: bigint | null): CoreSignal {
  const [code_name, code_number] = code ?? [null, null];
  const description = describeSignal(number, code_number);
  return { number, name, code: code_name, code_number, address: address === null ? null : hex(address), description, sender_pid: null, sender_uid: null };
}

function fromException(core: CoreFacts, native: NativeAnswer, frame: Frame): HandledSignal | null {
  const { number, name } = core.signal ?? { number: 0, name: null };
  const trap = frame("trap");
  const address = frame("cr2");
  if (trap === pageFault && (number === 11 || number === 7) && !isStale(native, address)) {
    const code = number === 7 ? (["BUS_ADRERR", 2] as const) : isMapped(core, hex(address)) ? (["SEGV_ACCERR", 2] as const) : (["SEGV_MAPERR", 1] as const);
    return { origin: "fault", signal: signalOf(number, name, code, address) };
  }
  if (trap === generalProtection && number === 11) return { origin: "fault", signal: signalOf(number, name, ["SI_KERNEL", 128], null) };
  if (trap === invalidOpcode && number === 4) return { origin: "fault", signal: signalOf(number, name, ["ILL_ILLOPN", 2], frame("rip")) };
  // 0 is also the number of the division error, so of SIGFPE it says nothing.
  if (trap === 0n && number !== 8 && !isOwnCall(frame, core)) return { origin: "sent", signal: signalOf(number, name, null, null) };
  return null;
}

/** What the handler was called for; null when none runs, its frame cannot be found, or the process did send itself the signal. */
export async function signalBehindHandler(core: CoreFacts, native: NativeAnswer | null, corePath: string): Promise<HandledSignal | null> {
  if (native === null || core.machine !== "x86_64" || !raisedByItself(core)) return null;
  const found = await findFrame(core, native, corePath);
  if (found === null) return null;
  const told = parseSignalInfo(found.siginfo, core);
  // si_errno is 0 in every signal of Linux; a handler without SA_SIGINFO leaves what was on the stack before.
  const isFilled = told !== null && told.number === core.signal?.number && found.siginfo.readInt32LE(4) === 0 && !/^-?\d+$/.test(told.code ?? "0");
  if (isFilled) return { origin: told.sender_pid === null ? "fault" : "sent", signal: told };
  return fromException(core, native, found.frame);
}
