/** What an edit that was written for another revision is answered with. */
import { Failure } from "../contract/failure.ts";

/** `now`: after this edit has raised it. `wanted`: what the edit was written for; null for any. */
export function requireRevision(what: string, now: number, wanted: number | null): void {
  if (wanted === null || now === wanted + 1) return;
  throw new Failure("precondition_failed", `${what} is at revision ${now - 1}, not at ${wanted}.`);
}
