/** Tasks, coroutines, generators and greenlets that wait: hundreds of workers that stand at one place are told once. */
import type { Suspended } from "../contract/thread.ts";
import { stackLines } from "./frames.ts";
import { pageWidth, wrap } from "./layout.ts";
import { safeCut } from "./safe-text.ts";

const namesShown = 8;

function standing({ kind, state, awaited_by, frames }: Suspended): string {
  const places = frames.map((frame) => (frame.kind === "folded" ? [frame.cycle] : [frame.kind, frame.function, frame.file, frame.line]));
  return JSON.stringify([kind, state, awaited_by, places]);
}

const named = ({ name }: Suspended) => safeCut(name ?? "without a name", 120);

/** `20 tasks alike`, and below it the different names. */
function title(group: readonly Suspended[], first: Suspended): readonly string[] {
  const state = first.state === null ? "" : ` (${safeCut(first.state, 60)})`;
  const waiters = first.awaited_by.length === 0 ? "" : `, awaited by ${safeCut(first.awaited_by.join(", "), 200)}`;
  const kind = first.kind.replace("_", " ");
  if (group.length === 1) return [`${kind} ${named(first)}${state}${waiters}`];
  const names = [...new Set(group.map(named))];
  const more = names.length > namesShown ? `, … ${names.length - namesShown} more` : "";
  const told = `${names.slice(0, namesShown).join(", ")}${more}`;
  return [`${group.length} ${kind}s alike${state}${waiters}`, ...wrap(told, pageWidth - 2).map((line) => `  ${line}`)];
}

export function suspendedLines(work: readonly Suspended[]): readonly string[] {
  const groups = [...Map.groupBy(work, standing).values()];
  return groups
    .flatMap((group) => {
      const [first] = group;
      return first === undefined ? [] : ["", ...title(group, first), ...stackLines(first.frames, { locals: false })];
    })
    .slice(1);
}
