/** Reads faulthandler's dump: what the interpreter itself said of its threads in the run that left the core. */
export interface DumpedFrame {
  readonly file: string;
  readonly line: number;
  readonly function: string;
}

export interface DumpedThread {
  /** The pthread id as printed: `0x00007f…` without leading zeros. */
  readonly id: string;
  readonly current: boolean;
  /** Innermost first. */
  readonly frames: readonly DumpedFrame[];
  /** faulthandler prints at most 100 frames of a thread. */
  readonly cut: boolean;
}

/** Undoes the backslash escapes that faulthandler writes for what is not ASCII. */
const unescaped = (text: string) =>
  text.replace(/\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\U([0-9a-f]{8})/g, (_, one, two, four) => String.fromCodePoint(Number.parseInt(one ?? two ?? four, 16)));

export function parseDump(text: string): DumpedThread[] {
  const threads: (DumpedThread & { frames: DumpedFrame[]; cut: boolean })[] = [];
  for (const line of text.split("\n")) {
    const head = /^(Current thread|Thread) 0x0*([0-9a-f]+) .*\(most recent call first\)/.exec(line);
    if (head !== null) threads.push({ id: `0x${head[2]}`, current: head[1] === "Current thread", frames: [], cut: false });
    const frame = /^ {2}File "(.*)", line (\d+) in (.*)$/.exec(line);
    const last = threads.at(-1);
    if (frame !== null && last !== undefined)
      last.frames.push({ file: unescaped(frame[1] ?? ""), line: Number(frame[2]), function: unescaped(frame[3] ?? "") });
    // From 3.13 on the hundredth frame is the last without a word.
    if ((/^ {2}\.\.\.$/.test(line) || last?.frames.length === 100) && last !== undefined) last.cut = true;
    // What follows are the C stack (3.14+) and the list of extension modules.
    if (/^(Extension modules|Current thread's C stack)/.test(line)) break;
  }
  return threads;
}
