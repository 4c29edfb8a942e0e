/** What the command writes with: colours and progress on a terminal only. */
export interface Terminal {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly bold: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly dim: (text: string) => string;
  /** Writes over the line before; nothing without a terminal. */
  readonly progress: (text: string) => void;
}

interface Stream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export function terminalOf(stdout: Stream, stderr: Stream, noColor: boolean): Terminal {
  const paint = (code: number) => (text: string) => (stdout.isTTY === true && !noColor ? `\x1b[${code}m${text}\x1b[0m` : text);
  let width = 0;
  const progress = (text: string) => {
    if (stderr.isTTY !== true) return;
    stderr.write(`\r${text.padEnd(width)}${text === "" ? "\r" : ""}`);
    width = text.length;
  };
  const clear = () => {
    if (width > 0) progress("");
  };
  return {
    out: (text) => {
      clear();
      stdout.write(text);
    },
    err: (text) => {
      clear();
      stderr.write(text);
    },
    bold: paint(1),
    red: paint(31),
    green: paint(32),
    dim: paint(2),
    progress,
  };
}

const MiB = 1024 * 1024;

/** For those who hear how much has been sent. */
export const bar = (terminal: Terminal, what: string) => (sent: number, total: number) =>
  terminal.progress(`${what}  ${Math.floor((100 * sent) / Math.max(total, 1))} %  ${Math.floor(sent / MiB)} of ${Math.ceil(total / MiB)} MiB`);

/** Text of others, such as a label: nothing in it may move the cursor. */
export const shown = (text: string) => text.replaceAll(/\p{Cc}/gu, "\u{fffd}");
