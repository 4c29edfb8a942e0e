/**
 * A report of AddressSanitizer in a log: `==PID==ERROR: AddressSanitizer: KIND on address …`, the access, its stack, and the block
 * beside the address with the stacks that freed and allocated it (compiler-rt/lib/asan/asan_errors.cpp, asan_descriptions.cpp).
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

const heading = /^==(\d{1,10})==ERROR: AddressSanitizer: (.*)$/;
const kinds = /^(?:attempting )?([\w-]+(?: on address which was not malloc\(\)-ed)?)/;
const onAddress = /(?:address |on |: )0x([0-9a-f]{1,16})/;
const access = /(READ|WRITE) (?:of size (\d+) at|memory access)/;
const frameLine = /^ {2,8}#(\d{1,4}) 0x([0-9a-f]{1,16})(?: in)? (.*)$/;
const located = /0x[0-9a-f]{1,16} is located (\d{1,19}) bytes (inside of|to the left of|to the right of|before|after) (\d{1,19})-byte region/;

type Open<T> = { -readonly [Key in keyof T]: T[Key] };
type OpenBlock = Open<Omit<LoggedBlock, "freedBy" | "allocatedBy">> & { freedBy: LoggedFrame[]; allocatedBy: LoggedFrame[] };
type OpenError = Open<Omit<MemoryError, "frames" | "block">> & { frames: LoggedFrame[]; block: OpenBlock | null };

interface Process {
  readonly pid: number;
  readonly errors: OpenError[];
  errorsCut: boolean;
  ended: boolean;
}

/** `use asan.c:3:5`, `f (/lib/x.so+0x10b0)`, `(/lib/x.so+0x10b0) (BuildId: …)`. */
function frameOf(address: string, text: string): LoggedFrame {
  const plain = text.replace(/ \(BuildId: [0-9a-f]+\)$/, "");
  const at = plain.endsWith(")") ? plain.lastIndexOf("(") : -1;
  const inside = at < 0 ? null : /^\((.+)\+0x[0-9a-f]+\)$/.exec(plain.slice(at));
  const named = inside === null ? plain : plain.slice(0, at).trimEnd();
  const word = named.lastIndexOf(" ");
  const source = inside === null && word >= 0 ? /^(.+?):(\d{1,8})(?::\d{1,6})?$/.exec(named.slice(word + 1)) : null;
  const name = source === null ? named : named.slice(0, word);
  return {
    address: plainAddress(address),
    function: name === "" || name === "<unknown module>" ? null : name,
    file: source?.[1] ?? null,
    line: source === null ? null : Number(source[2]),
    module: inside?.[1] ?? null,
  };
}

export class AddressSanitizerReader {
  readonly #processes = new Map<number, Process>();
  #process: Process | null = null;
  #error: OpenError | null = null;
  #stack: LoggedFrame[] | null = null;

  line(text: string): void {
    const at = text.indexOf("==");
    const begins = at < 0 ? null : heading.exec(text.slice(at));
    if (begins !== null) return this.#startError(Number(begins[1]), begins[2] ?? "");
    if (this.#error === null || this.#process === null) return;
    const hash = text.indexOf("    #");
    const frame = hash < 0 ? null : frameLine.exec(text.slice(hash));
    if (frame !== null) {
      const [, , address = "", rest = ""] = frame;
      if (this.#stack !== null && this.#stack.length < mostFrames) this.#stack.push(frameOf(address, rest));
    } else if (text.includes("SUMMARY: AddressSanitizer") || text.includes("==ABORTING")) {
      this.#process.ended = true;
      this.#error = null;
      this.#stack = null;
    } else this.#about(this.#error, text);
  }

  #startError(pid: number, text: string): void {
    const process = this.#processes.get(pid) ?? { pid, errors: [], errorsCut: false, ended: false };
    if (!this.#processes.has(pid) && this.#processes.size >= mostProcesses) return;
    this.#processes.set(pid, process);
    const address = onAddress.exec(text)?.[1];
    const error: OpenError = {
      what: kinds.exec(text)?.[1] ?? text.slice(0, 200),
      access: null,
      size: null,
      address: address === undefined ? null : plainAddress(address),
      frames: [],
      block: null,
    };
    if (process.errors.length < mostErrors) process.errors.push(error);
    else process.errorsCut = true;
    this.#process = process;
    this.#error = error;
    this.#stack = error.frames;
  }

  #about(error: OpenError, text: string): void {
    const told = error.access === null ? access.exec(text) : null;
    if (told !== null) {
      error.access = told[1] === "READ" ? "read" : "write";
      error.size = told[2] === undefined ? null : plainNumber(told[2]);
      return;
    }
    const place = error.block === null ? located.exec(text) : null;
    if (place !== null) {
      const [, offset = "", where = "", size = ""] = place;
      const numbers = [plainNumber(offset), plainNumber(size)] as const;
      const side = where === "inside of" ? "inside" : where === "before" || where === "to the left of" ? "before" : "after";
      if (numbers[0] !== null && numbers[1] !== null)
        error.block = { where: side, offset: numbers[0], size: numbers[1], freed: false, freedBy: [], allocatedBy: [] };
      this.#stack = null;
    } else if (/freed by thread /.test(text)) {
      if (error.block !== null) error.block.freed = true;
      this.#stack = error.block?.freedBy ?? null;
    } else if (/allocated by thread /.test(text)) this.#stack = error.block?.allocatedBy ?? null;
    // A blank line ends a stack.
    else if (text.trim() === "") this.#stack = null;
  }

  end(): readonly MemoryReport[] {
    return [...this.#processes.values()].map(({ pid, errors, errorsCut, ended }) => {
      const last = errors.at(-1);
      return { kind: "asan", pid, errors, errorsCut, end: ended && last !== undefined ? { signal: null, address: last.address, frames: last.frames } : null };
    });
  }
}
