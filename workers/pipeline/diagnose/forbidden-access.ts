/** The address is mapped, but not for this: read-only memory, data run as code, a mapped file that has become shorter. */
import type { CoreFacts, CoreSegment } from "../../../services/intake/core/core-facts.ts";
import { metByAllocator } from "./allocator.ts";
import type { Finding } from "./evidence.ts";
import { usedUp } from "./stack-overflow.ts";
import { accessOf, fileAt, hex, runsIntoReadOnly, segmentAt, writes } from "./machine-access.ts";

const onePage = 4_096n;

interface Guarded {
  readonly buffer: CoreSegment;
  readonly bytes: bigint;
  readonly where: string;
}

export const writeToReadOnly: Finding = (evidence) => {
  const { core, site } = evidence;
  if (site.signal?.name !== "SIGSEGV" || site.signal.code !== "SEGV_ACCERR" || metByAllocator(evidence)) return null;
  const access = accessOf(site);
  if (access.address === null || !writes(site) || runsIntoReadOnly(core, site, access.address)) return null;
  const segment = segmentAt(core, access.address);
  if (segment === null || segment.writable || !segment.readable) return null;
  const file = fileAt(core, access.address);
  return {
    code: "write_to_read_only",
    title: `Read-only memory was written to${file === null ? "" : `, of ${file.path}`}`,
    detail: `The instruction wrote to ${hex(access.address)}, in a mapping that may only be read${file === null ? "" : ` (${file.path}, offset ${file.offset})`}. A constant, a string literal, a file mapped for reading or a bytes object's buffer was taken for writable.`,
    confidence: access.how === "write" ? "certain" : "likely",
    lwp: core.crashedLwp,
    evidence: {
      address: hex(access.address),
      instruction: site.instruction,
      operand: access.operand,
      mapping: { start: segment.start, end: segment.end, executable: segment.executable },
      file: file?.path ?? null,
    },
    links: [],
  };
};

export const dataExecuted: Finding = ({ core, site }) => {
  if (site.signal?.name !== "SIGSEGV" || site.signal.code !== "SEGV_ACCERR") return null;
  const access = accessOf(site);
  if (access.address === null || access.how !== "execute") return null;
  const segment = segmentAt(core, access.address);
  if (segment === null || segment.executable) return null;
  return {
    code: "data_executed",
    title: "Data was called as if it were code",
    detail: `The program counter is ${hex(access.address)}, in memory that holds no code. A function pointer or a return address was overwritten, or a callback was given an object instead of a function.`,
    confidence: "certain",
    lwp: core.crashedLwp,
    evidence: { address: hex(access.address), mapping: { start: segment.start, end: segment.end, writable: segment.writable } },
    links: [],
  };
};

/** The buffer that a guard ends, by how many bytes it was left, and on which side; the nearer of two. */
function guarded(core: CoreFacts, guard: CoreSegment, address: bigint): Guarded | null {
  const past = { buffer: segmentAt(core, BigInt(guard.start) - 1n), bytes: address - BigInt(guard.start) + 1n, where: "past its end" };
  const before = { buffer: segmentAt(core, BigInt(guard.end)), bytes: BigInt(guard.end) - address, where: "below its begin" };
  const [nearest] = [past, before]
    .flatMap(({ buffer, ...rest }) => (buffer?.writable === true && rest.bytes <= onePage ? [{ buffer, ...rest }] : []))
    .sort((one, other) => Number(one.bytes - other.bytes));
  return nearest ?? null;
}

/** Neither to be read nor written: a page that somebody put there to be run into. The guards of stacks are stack-overflow.ts's. */
export const guardPage: Finding = (evidence) => {
  const { core, site } = evidence;
  if (site.signal?.name !== "SIGSEGV" || site.signal.code !== "SEGV_ACCERR" || usedUp(evidence) !== null || metByAllocator(evidence)) return null;
  const access = accessOf(site);
  if (access.address === null || access.how === "execute") return null;
  const segment = segmentAt(core, access.address);
  if (segment === null || segment.readable || segment.writable || segment.executable) return null;
  const near = guarded(core, segment, access.address);
  const did = access.how === "write" ? "wrote to" : access.how === "read" ? "read from" : "touched";
  return {
    code: "guard_page",
    title:
      near === null
        ? "Memory that may not be touched was touched"
        : `A buffer was run ${near.where}, into the guard there, by ${near.bytes} byte${near.bytes === 1n ? "" : "s"}`,
    detail: `The process ${did} ${hex(access.address)}, in a mapping without any rights (${segment.start}-${segment.end})${
      near === null ? ": reserved or given back memory, or a guard page" : `, right beside ${near.buffer.start}-${near.buffer.end}`
    }.`,
    confidence: near !== null && near.bytes <= 64n ? "certain" : "likely",
    lwp: core.crashedLwp,
    evidence: {
      address: hex(access.address),
      instruction: site.instruction,
      operand: access.operand,
      mapping: { start: segment.start, end: segment.end },
      buffer: near === null ? null : { start: near.buffer.start, end: near.buffer.end },
    },
    links: [],
  };
};

/** BUS_MCEERR_AR, BUS_MCEERR_AO: the kernel's own word for memory that failed. */
export const memoryFailure: Finding = ({ core, site: { signal, sent } }) => {
  if (signal?.name !== "SIGBUS" || sent || (signal.code !== "BUS_MCEERR_AR" && signal.code !== "BUS_MCEERR_AO")) return null;
  return {
    code: "hardware_memory_error",
    title: "The machine's memory failed",
    detail: `The processor reported an error of the memory${signal.address === null ? "" : ` behind ${signal.address}`} that could not be corrected. The program did nothing wrong: look at the kernel's log and at the machine's memory modules.`,
    confidence: "certain",
    lwp: core.crashedLwp,
    evidence: { signal: signal.name, code: signal.code, address: signal.address },
    links: [],
  };
};

export const truncatedFile: Finding = ({ core, site }) => {
  if (site.signal?.name !== "SIGBUS" || site.signal.code !== "BUS_ADRERR") return null;
  const { address } = accessOf(site);
  const file = address === null ? null : fileAt(core, address);
  if (address === null || file === null) return null;
  return {
    code: "bus_error_file_truncated",
    title: `A mapped file has become shorter: ${file.path}`,
    detail: `The process touched byte ${file.offset} of ${file.path} through a memory mapping, and the kernel could not provide it: the file was cut or replaced in place while it was mapped. (A read error of the disk, or a full tmpfs, looks the same.) Replace files by renaming, never by writing over them.`,
    confidence: "likely",
    lwp: core.crashedLwp,
    evidence: { address: hex(address), file: file.path, offset: file.offset, instruction: site.instruction },
    links: ["https://man7.org/linux/man-pages/man2/mmap.2.html#ERRORS"],
  };
};
