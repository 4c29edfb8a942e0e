/**
 * A log of valgrind's memcheck: `==PID== text`, one error after the other, each with its stack, the block beside the address with the
 * stacks that allocated and freed it, and the signal that ended the process (valgrind's manual, "Explanation of error messages").
 */
import {
  type LoggedBlock,
  type LoggedFrame,
  type MemoryError,
  type MemoryReport,
  mostErrors,
  mostFrames,
  mostProcesses,
  plainAddress,
  plainNumber,
} from "./memory-report.ts";

const tagged = /^==(?:\d\d:\d\d:\d\d:\d\d\.\d+ )?(\d{1,10})== ?(.*)$/;
const frameLine = /^ {1,8}(?:at|by) 0x([0-9A-Fa-f]{1,16}): (.*)$/;
const invalid =
  /^(?:Invalid (read|write) of size (\d+)|Jump to the invalid address stated on the next line|Invalid free\(\) .*|Mismatched free\(\) .*|Source and destination overlap in .*)$/;
const beside = /^ {1,2}Address 0x([0-9A-Fa-f]{1,16}) is (.*)$/;
const block = /^([\d,]+) bytes (inside|before|after) a block of size ([\d,]+) (alloc'd|free'd)$/;
const unaddressable =
  /^ {1,2}Access not within mapped region at address 0x([0-9A-Fa-f]{1,16})|^ {1,2}Bad permissions for mapped region at address 0x([0-9A-Fa-f]{1,16})/;
const terminating = /^Process terminating with default action of signal (\d{1,3})/;

type Open<T> = { -readonly [Key in keyof T]: T[Key] };
type OpenError = Open<Omit<MemoryError, "frames" | "block">> & { frames: LoggedFrame[]; block: OpenBlock | null };
type OpenBlock = Open<Omit<LoggedBlock, "freedBy" | "allocatedBy">> & { freedBy: LoggedFrame[]; allocatedBy: LoggedFrame[] };
type OpenEnd = { signal: number | null; address: string | null; frames: LoggedFrame[] };

interface Process {
  readonly pid: number;
  readonly errors: OpenError[];
  errorsCut: boolean;
  end: OpenEnd | null;
  /** Where frames go that come now. */
  stack: LoggedFrame[] | null;
  current: OpenError | null;
}

/** `f (file.c:12)`, `f (in /lib/libc.so.6)`, `???`; C++ names hold parentheses themselves. */
function frameOf(address: string, text: string): LoggedFrame {
  const at = text.endsWith(")") ? text.lastIndexOf(" (") : -1;
  const name = at < 0 ? text : text.slice(0, at);
  const place = at < 0 ? "" : text.slice(at + 2, -1);
  const inside = place.startsWith("in ") ? place.slice(3) : null;
  const source = inside === null ? /^(.+):(\d{1,8})$/.exec(place) : null;
  return {
    address: plainAddress(address),
    function: name === "???" || name === "" ? null : name,
    file: source?.[1] ?? null,
    line: source === null ? null : Number(source[2]),
    module: inside,
  };
}

export class ValgrindReader {
  readonly #processes = new Map<number, Process>();

  line(text: string): void {
    const at = text.indexOf("==");
    const found = at < 0 ? null : tagged.exec(text.slice(at));
    if (found === null) return;
    const [, pid = "", rest = ""] = found;
    const process = this.#process(Number(pid), rest);
    if (process !== null) this.#take(process, rest);
  }

  #process(pid: number, text: string): Process | null {
    const known = this.#processes.get(pid);
    // AddressSanitizer marks its own lines the same way: valgrind's begin with its banner, or with one of its sentences.
    if (known !== undefined) return known;
    if (this.#processes.size >= mostProcesses || !/^Memcheck, |^Using Valgrind-|^Invalid |^Process terminating /.test(text)) return null;
    const process: Process = { pid, errors: [], errorsCut: false, end: null, stack: null, current: null };
    this.#processes.set(pid, process);
    return process;
  }

  #take(process: Process, text: string): void {
    const frame = frameLine.exec(text);
    if (frame !== null) {
      const [, address = "", rest = ""] = frame;
      if (process.stack !== null && process.stack.length < mostFrames) process.stack.push(frameOf(address, rest));
      return;
    }
    const error = invalid.exec(text);
    const ends = terminating.exec(text);
    if (error !== null) this.#startError(process, text, error[1] ?? null, error[2] ?? null);
    else if (ends !== null) {
      process.end = { signal: Number(ends[1]), address: null, frames: [] };
      process.stack = process.end.frames;
      process.current = null;
    } else if (process.current !== null && text.startsWith(" ")) this.#aboutBlock(process, process.current, text);
    else if (process.end !== null && process.current === null && text.startsWith(" ")) {
      const fault = unaddressable.exec(text);
      if (fault !== null) process.end.address = plainAddress(fault[1] ?? fault[2] ?? "");
      else if (process.end.frames.length > 0) process.stack = null;
    } else {
      process.stack = null;
      process.current = null;
    }
  }

  #startError(process: Process, what: string, access: string | null, size: string | null): void {
    const error: OpenError = {
      what,
      access: access === "read" || access === "write" ? access : null,
      size: size === null ? null : plainNumber(size),
      address: null,
      frames: [],
      block: null,
    };
    if (process.errors.length < mostErrors) process.errors.push(error);
    else {
      // The last one may be the crash itself.
      process.errors[mostErrors - 1] = error;
      process.errorsCut = true;
    }
    process.current = error;
    process.stack = error.frames;
  }

  #aboutBlock(process: Process, error: OpenError, text: string): void {
    process.stack = null;
    const found = beside.exec(text);
    if (found !== null) {
      const [, address = "", rest = ""] = found;
      error.address = plainAddress(address);
      const told = block.exec(rest);
      if (told === null) return;
      const [, offset = "", where = "", size = "", state = ""] = told;
      const numbers = [plainNumber(offset), plainNumber(size)] as const;
      if (numbers[0] === null || numbers[1] === null) return;
      const side = where === "inside" ? "inside" : where === "before" ? "before" : "after";
      error.block = { where: side, offset: numbers[0], size: numbers[1], freed: state === "free'd", freedBy: [], allocatedBy: [] };
      process.stack = error.block.freed ? error.block.freedBy : error.block.allocatedBy;
    } else if (/^ {1,2}Block was alloc'd at/.test(text) && error.block !== null) process.stack = error.block.allocatedBy;
  }

  end(): readonly MemoryReport[] {
    return [...this.#processes.values()].map(({ pid, errors, errorsCut, end }) => ({ kind: "valgrind", pid, errors, errorsCut, end }));
  }
}
