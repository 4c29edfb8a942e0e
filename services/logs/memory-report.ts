/** What a tool that watches every access (valgrind's memcheck, AddressSanitizer) said of a process: one shape for both. */

export interface LoggedFrame {
  readonly address: string;
  readonly function: string | null;
  readonly file: string | null;
  readonly line: number | null;
  readonly module: string | null;
}

/** The block that an address is in or beside. */
export interface LoggedBlock {
  readonly where: "before" | "inside" | "after";
  /** Bytes from the block's begin (inside), or between the block and the address. */
  readonly offset: number;
  readonly size: number;
  readonly freed: boolean;
  readonly freedBy: readonly LoggedFrame[];
  readonly allocatedBy: readonly LoggedFrame[];
}

export interface MemoryError {
  /** As the tool puts it: `Invalid read of size 8`, `heap-use-after-free`. */
  readonly what: string;
  readonly access: "read" | "write" | null;
  readonly size: number | null;
  readonly address: string | null;
  /** Innermost first. */
  readonly frames: readonly LoggedFrame[];
  readonly block: LoggedBlock | null;
}

export interface MemoryReport {
  readonly kind: "valgrind" | "asan";
  readonly pid: number;
  /** In the order in which they came; the same error is told once by both tools. */
  readonly errors: readonly MemoryError[];
  /** More errors than are kept. */
  readonly errorsCut: boolean;
  /** Where and of what the process ended, when the log tells. */
  readonly end: { readonly signal: number | null; readonly address: string | null; readonly frames: readonly LoggedFrame[] } | null;
}

export const mostErrors = 100;
export const mostFrames = 64;
export const mostProcesses = 64;

/** `0x…` in lower case without leading zeros. */
export const plainAddress = (digits: string): string => `0x${digits.toLowerCase().replace(/^0+(?=.)/, "")}`;

/** An integer with the tools' thousands separators; null for one that no block can have. */
export function plainNumber(text: string): number | null {
  const value = Number(text.replaceAll(",", ""));
  return Number.isSafeInteger(value) ? value : null;
}
