/** What tracemalloc knew: the lines that hold most memory, and where the crashed frames' objects come from. */
import type { AllocationPlace } from "../contract/interpreter.ts";
import type { Report } from "../contract/report.ts";
import { safeCut } from "./safe-text.ts";

const topShown = 10;
const objectsShown = 10;

const place = ({ file, line }: AllocationPlace) => `File "${safeCut(file, 200)}", line ${line}`;

/** In the notation of the interpreter's own dump. */
export const allocatedAt = (places: readonly AllocationPlace[]): string[] => [
  "Memory block allocated at (most recent call first):",
  ...places.map((each) => `  ${place(each)}`),
];

export function tracedMemoryLines({ python }: Pick<Report, "python">): string[] {
  const traced = python?.tracemalloc;
  if (traced == null) return [];
  const { traced_bytes: bytes, peak_bytes: peak, blocks, whole, top, objects } = traced;
  return [
    `${bytes === null ? "" : `${bytes} bytes, `}${peak === null ? "" : `${peak} at most, `}${blocks} blocks${whole ? "" : " counted, not all"}; most of it by`,
    ...top.slice(0, topShown).map((each) => `  ${String(each.bytes).padStart(12)} bytes in ${each.count} blocks: ${place(each)}`),
    ...objects
      .slice(0, objectsShown)
      .flatMap(({ function: name, name: variable, allocated_at: places }) => [
        "",
        `${safeCut(variable, 80)} of ${safeCut(name, 80)}()`,
        ...allocatedAt(places).map((line) => `  ${line}`),
      ]),
  ];
}
