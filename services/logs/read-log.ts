/** What a text log tells of a crash: dumps of faulthandler, reports of valgrind and of AddressSanitizer, all that one file may hold. */
import { AddressSanitizerReader } from "./address-sanitizer.ts";
import { type FaulthandlerDump, FaulthandlerReader } from "./faulthandler.ts";
import { LogLines } from "./log-lines.ts";
import type { MemoryReport } from "./memory-report.ts";
import { ValgrindReader } from "./valgrind.ts";

export interface ReadLog {
  readonly dumps: readonly FaulthandlerDump[];
  readonly memory: readonly MemoryReport[];
}

export async function readLog(chunks: AsyncIterable<Buffer>): Promise<ReadLog> {
  const faulthandler = new FaulthandlerReader();
  const memory = [new ValgrindReader(), new AddressSanitizerReader()];
  const lines = new LogLines((line) => {
    faulthandler.line(line);
    for (const reader of memory) reader.line(line);
  });
  for await (const chunk of chunks) lines.push(chunk);
  lines.end();
  return { dumps: faulthandler.end(), memory: memory.flatMap((reader) => reader.end()) };
}

/** Something is told that a report can be made of, without a core. */
export const isRecognised = ({ dumps, memory }: ReadLog): boolean =>
  dumps.some((dump) => dump.threads.length > 0) || memory.some(({ errors, end }) => errors.length > 0 || end !== null);
