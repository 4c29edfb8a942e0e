/** The address is mapped, but not for this: read-only memory, data run as code, a mapped file that has become shorter. */
import type { Finding } from "./evidence.ts";
import { accessOf, fileAt, hex, segmentAt } from "./machine-access.ts";

export const writeToReadOnly: Finding = ({ core, site }) => {
  if (site.signal?.name !== "SIGSEGV" || site.signal.code !== "SEGV_ACCERR") return null;
  const access = accessOf(site);
  if (access.address === null || access.how !== "write") return null;
  const segment = segmentAt(core, access.address);
  if (segment === null || segment.writable || !segment.readable) return null;
  const file = fileAt(core, access.address);
  return {
    code: "write_to_read_only",
    title: `Read-only memory was written to${file === null ? "" : `, of ${file.path}`}`,
    detail: `The instruction wrote to ${hex(access.address)}, in a mapping that may only be read${file === null ? "" : ` (${file.path}, offset ${file.offset})`}. A constant, a string literal, a file mapped for reading or a bytes object's buffer was taken for writable.`,
    confidence: "certain",
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
