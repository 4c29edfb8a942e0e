/** What every command is given. */
import type { Client } from "../client/client.ts";
import type { Terminal } from "./terminal.ts";

export interface Context {
  readonly client: Client;
  readonly terminal: Terminal;
  readonly json: boolean;
  readonly words: readonly string[];
  /** An option's value; null when it was not given. */
  readonly text: (name: string) => string | null;
  readonly texts: (name: string) => readonly string[];
  readonly flag: (name: string) => boolean;
}

export const exitCode = { done: 0, usage: 1, refused: 2, failed: 3, unreachable: 4, changed: 5, interrupted: 130 } as const;
