/**
 * faulthandler's dump in a log: what the interpreter itself said of its threads as it died (Python/traceback.c,
 * Modules/faulthandler.c; `Py_FatalError` of Python/pylifecycle.c writes the same).
 *
 * A log may hold several dumps, of several processes, each line behind a prefix of the system that collected it, and other
 * threads' lines may stand between. So nothing is anchored at the begin of a line, and a dump ends where another begins.
 */

export interface DumpedFrame {
  /** Escaped and cut as it was written; null for `???`. */
  readonly file: string | null;
  readonly line: number | null;
  readonly function: string | null;
}

export interface DumpedThread {
  /** `0x…` without leading zeros; null where the dump is of one thread alone, whose id it does not tell. */
  readonly id: string | null;
  readonly name: string | null;
  readonly current: boolean;
  readonly collecting: boolean;
  /** Innermost first. */
  readonly frames: readonly DumpedFrame[];
  /** After 100 frames faulthandler stops. */
  readonly cut: boolean;
}

/** `Binary file "/usr/bin/python3", at f+0x1 [0x55…]` of 3.14 and newer (_Py_DumpStack, Python/traceback.c). */
export interface DumpedNative {
  readonly file: string;
  /** Null where the linker has no name for it. */
  readonly function: string | null;
  /** `0x…` without leading zeros. */
  readonly address: string;
}

export interface FaulthandlerDump {
  readonly kind: "faulthandler";
  /** `fatal`: it died of it. `timeout`, `request`: a look at a process that went on. */
  readonly reason: "fatal" | "timeout" | "request";
  /** Behind `Fatal Python error: `. */
  readonly message: string | null;
  /** Of the collecting system's prefix (`python[4711]: `), where it has one. */
  readonly pid: number | null;
  readonly threads: readonly DumpedThread[];
  /** More threads than were told. */
  readonly threadsCut: boolean;
  /** The C stack of the thread that the dump is about, innermost first; null where the dump has none. */
  readonly cStack: readonly DumpedNative[] | null;
  /** As the dump lists them, without those of the standard library; null when there is no such list. */
  readonly extensionModules: readonly string[] | null;
}

type Open<T> = { -readonly [Key in keyof T]: T[Key] };
type OpenThread = Open<Omit<DumpedThread, "frames">> & { frames: DumpedFrame[] };
type OpenDump = Open<Omit<FaulthandlerDump, "threads" | "cStack">> & { threads: OpenThread[]; cStack: DumpedNative[] | null };

const fatal = "Fatal Python error: ";
const timeout = /Timeout \(\d+:\d\d:\d\d(?:\.\d+)?\)!$/;
const recent = " (most recent call first):";
const stackHead = "Stack (most recent call first):";
const head = /(?:^|[^'\w])(Current thread|Thread) 0x([0-9a-f]{1,16})(?: \[([^\]]{0,64})\])?$/;
const pidBefore = /\[(\d{1,10})\]: ?$/;
const fileBefore = "  File ";
const nativeLine = / {2}Binary file "([^"]{1,4096})"(?:, at ([^\s+[]{0,500})(?:[+-]0x[0-9a-f]{1,16})?)? \[0x([0-9a-f]{1,16})\]$/;
const placeAfter = /^(\d{1,9}|\?\?\?) in (.*)$/;

/** faulthandler itself stops after 100 threads and 100 frames. */
const most = { natives: 128, dumps: 64, threads: 128, frames: 128, modules: 4_096, messageLines: 8 };

/** `  File "a.py", line 3 in f`, behind any prefix; null for any other line, the traceback's own among them. */
function frameOf(line: string): DumpedFrame | null {
  const start = line.indexOf(fileBefore);
  if (start < 0) return null;
  const end = line.lastIndexOf(", line ");
  const file = line.slice(start + fileBefore.length, end);
  const place = end < start ? null : placeAfter.exec(line.slice(end + ", line ".length));
  if (place === null || !(file === "???" || (file.length >= 2 && file.startsWith('"') && file.endsWith('"')))) return null;
  const [, number = "", name = ""] = place;
  return { file: file === "???" ? null : file.slice(1, -1), line: number === "???" ? null : Number(number), function: name === "???" ? null : name };
}

/** Fed line by line. */
export class FaulthandlerReader {
  readonly #dumps: OpenDump[] = [];
  #dump: OpenDump | null = null;
  #thread: OpenThread | null = null;
  /** Lines of a message that goes on, as a `Py_FatalError` with line ends in it does. */
  #messageLines = 0;
  /** What stands before each line of it. */
  #messagePrefix = 0;
  /** A line that is none of a dump's stood behind the dump. */
  #interrupted = false;

  line(text: string): void {
    if (text === "" || text.slice(this.#messagePrefix).trim() === "") this.#messageLines = 0;
    else this.#interrupted = !this.#take(text);
  }

  #take(text: string): boolean {
    const at = text.indexOf(fatal);
    if (at >= 0) {
      this.#open("fatal", text.slice(at + fatal.length).trimEnd(), pidBefore.exec(text.slice(0, at))?.[1] ?? null);
      this.#messageLines = most.messageLines;
      this.#messagePrefix = at;
      return true;
    }
    if (text.endsWith(recent) || text.endsWith(stackHead)) return this.#head(text);
    if (this.#dump === null) return timeout.test(text) ? this.#timeout() : false;
    const frame = this.#thread === null ? null : frameOf(text);
    if (frame !== null && this.#thread !== null) {
      if (this.#thread.frames.length < most.frames) this.#thread.frames.push(frame);
      return true;
    }
    return this.#rest(this.#dump, text);
  }

  #native(dump: OpenDump, text: string): boolean {
    const [found, file = "", name = "", digits = ""] = dump.cStack === null || this.#thread !== null ? [] : (nativeLine.exec(text) ?? []);
    if (found === undefined || dump.cStack === null) return false;
    const address = `0x${digits.replace(/^0+(?=.)/, "")}`;
    if (dump.cStack.length < most.natives) dump.cStack.push({ file, function: name === "" ? null : name, address });
    return true;
  }

  #rest(dump: OpenDump, text: string): boolean {
    if (this.#native(dump, text)) return true;
    if (text.endsWith("  ...") && this.#thread !== null) this.#thread.cut = true;
    else if (text.endsWith("...") && text.trim() === "...") dump.threadsCut = true;
    else if (text.endsWith("  Garbage-collecting") && this.#thread !== null) this.#thread.collecting = true;
    else if (text.endsWith("  <no Python frame>") || text.endsWith("  <tstate is freed>") || text.includes("<Cannot show all threads while ")) return true;
    else if (text.includes("Python runtime state: ") || text.includes('  Binary file "') || text.endsWith("<truncated rest of calls>")) this.#messageLines = 0;
    else if (timeout.test(text)) return this.#timeout();
    else if (text.includes("Extension modules: ")) dump.extensionModules = modulesOf(text);
    else if (this.#messageLines > 0 && this.#thread === null) {
      this.#messageLines -= 1;
      dump.message = `${dump.message ?? ""}\n${text.slice(this.#messagePrefix)}`;
    } else return false;
    return true;
  }

  #timeout(): boolean {
    this.#open("timeout", null, null);
    return true;
  }

  #head(text: string): boolean {
    this.#messageLines = 0;
    if (text.endsWith(stackHead)) {
      // Of one thread, the one that asks: `all_threads=False`, and builds without the GIL.
      if (this.#dump === null || this.#dump.threads.length > 0) this.#open("request", null, null);
      return this.#startThread(null, null, true);
    }
    const found = head.exec(text.slice(0, -recent.length));
    // `Current thread's C stack trace`: what follows is none of Python's.
    if (found === null) {
      this.#thread = null;
      const begins = text.includes("C stack trace");
      if (begins && this.#dump !== null) this.#dump.cStack ??= [];
      return begins;
    }
    const [, what, digits = "", name = null] = found;
    const dump = this.#dump;
    const id = `0x${digits.replace(/^0+(?=.)/, "")}`;
    const told = dump?.threads.some((thread) => thread.current) === true || (dump !== null && dump.reason !== "fatal" && dump.threads.length > 0);
    const again = dump?.threads.some((thread) => thread.id === id) === true;
    if (dump === null || again || (this.#interrupted && told) || dump.extensionModules !== null) this.#open("request", null, null);
    return this.#startThread(id, name, what === "Current thread");
  }

  #open(reason: FaulthandlerDump["reason"], message: string | null, pid: string | null): void {
    this.#thread = null;
    this.#messageLines = 0;
    const dump: OpenDump = {
      kind: "faulthandler",
      reason,
      message,
      pid: pid === null ? null : Number(pid),
      threads: [],
      threadsCut: false,
      cStack: null,
      extensionModules: null,
    };
    // The last dumps count: a log that goes on for weeks ends with the crash.
    if (this.#dumps.length >= most.dumps) this.#dumps.shift();
    this.#dumps.push(dump);
    this.#dump = dump;
  }

  #startThread(id: string | null, name: string | null, current: boolean): boolean {
    const thread: OpenThread = { id, name, current, collecting: false, frames: [], cut: false };
    if (this.#dump !== null && this.#dump.threads.length < most.threads) this.#dump.threads.push(thread);
    this.#thread = thread;
    return true;
  }

  /** Those that tell a thread, and fatal errors whose rest is lost. */
  end(): readonly FaulthandlerDump[] {
    return this.#dumps.filter((dump) => dump.threads.length > 0 || dump.reason === "fatal");
  }
}

function modulesOf(text: string): string[] {
  const list = text.slice(text.indexOf("Extension modules: ") + "Extension modules: ".length).replace(/ \(total: \d+\)$/, "");
  return list.split(", ").slice(0, most.modules);
}

/** Undoes the escapes that faulthandler writes for what is not printable ASCII. */
export const unescaped = (text: string): string =>
  text.replace(/\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\U000([0-9a-f]{5})|\\U00(10[0-9a-f]{4})/g, (_, ...hex: (string | undefined)[]) =>
    String.fromCodePoint(Number.parseInt(hex.slice(0, 4).find((each) => each !== undefined) ?? "0", 16)),
  );

/** What faulthandler cuts a name to, in characters, before it escapes them. */
const longestName = 500;

/** A name as faulthandler writes it (`_Py_DumpASCII`, Python/traceback.c). */
export function dumpedText(text: string): string {
  const points = Array.from(text.slice(0, 2 * longestName + 2));
  const shown = points.slice(0, longestName).map((character) => {
    const point = character.codePointAt(0) ?? 0;
    if (point >= 0x20 && point <= 0x7e) return character;
    const [letter, digits]: [string, number] = point <= 0xff ? ["x", 2] : point <= 0xffff ? ["u", 4] : ["U", 8];
    return `\\${letter}${point.toString(16).padStart(digits, "0")}`;
  });
  return points.length > longestName ? `${shown.join("")}...` : shown.join("");
}
