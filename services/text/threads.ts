/** Threads: the crashed one in full, the others shorter and those that stand at the same place together. */
import type { Thread } from "../contract/thread.ts";
import { stackLines } from "./frames.ts";
import { pageWidth, wrap } from "./layout.ts";
import { safeCut } from "./safe-text.ts";
import { waitText } from "./wait-text.ts";

const states: Readonly<Record<string, string>> = {
  running: "running",
  waiting_lock: "waiting for a lock",
  waiting_io: "waiting for input or output",
  waiting_gil: "waiting for the GIL",
  waiting_process: "waiting for a child process",
  sleeping: "sleeping",
  collecting: "collecting garbage",
};

export const threadName = (thread: Thread): string => {
  const lwp = thread.lwp === null ? (thread.python_thread_id ?? "of unknown LWP") : String(thread.lwp);
  return thread.name === null ? lwp : `${lwp} "${safeCut(thread.name, 80)}"`;
};

export function threadState(thread: Thread): string {
  const parts = [
    thread.state === null ? "" : (states[thread.state] ?? safeCut(thread.state, 40)),
    thread.gil === "holder" ? "holds the GIL" : "",
    thread.gil === "waiting" && thread.state !== "waiting_gil" ? "waits for the GIL" : "",
    thread.interpreter_id === null || thread.interpreter_id === 0 ? "" : `subinterpreter ${thread.interpreter_id}`,
  ];
  return parts.filter((part) => part !== "").join(", ");
}

/** Where the thread stands: functions, files and lines, no values. Threads with the same are shown once. */
function standing(thread: Thread): string {
  const frames = thread.frames.map((frame) => (frame.kind === "folded" ? [frame.cycle] : [frame.kind, frame.function, frame.file, frame.line]));
  const waits = thread.waits_for;
  return JSON.stringify([thread.state, thread.gil, thread.interpreter_id, waits && [waits.kind, waits.name, waits.address, waits.owner_lwp], frames]);
}

/** In the order in which each kind first comes. */
export function alike(threads: readonly Thread[]): readonly (readonly Thread[])[] {
  return [...Map.groupBy(threads, standing).values()];
}

const namesShown = 8;

function groupTitle(group: readonly Thread[]): readonly string[] {
  const [first] = group;
  if (first === undefined) return [];
  const state = threadState(first);
  const about = state === "" ? "" : `: ${state}`;
  if (group.length === 1) return [`Thread ${threadName(first)}${about}`];
  const more = group.length > namesShown ? `, … ${group.length - namesShown} more` : "";
  const names = `${group.slice(0, namesShown).map(threadName).join(", ")}${more}`;
  return [`${group.length} threads alike${about}`, ...wrap(names, pageWidth - 2).map((line) => `  ${line}`)];
}

function exceptionLines(thread: Thread): readonly string[] {
  const { exception } = thread;
  if (exception === null) return [];
  const told = (type: string, message: string | null) => `${safeCut(type, 200)}${message === null || message === "" ? "" : `: ${safeCut(message, 300)}`}`;
  return [
    `  ${exception.handled ? "while handling" : "with the exception"} ${told(exception.type, exception.message)}`,
    ...exception.chain.map((each) => `    ${each.relation === "cause" ? "caused by" : "during the handling of"} ${told(each.type, each.message)}`),
  ];
}

const waitLines = ({ waits_for: wait }: Thread): readonly string[] =>
  wait === null ? [] : wrap(`waits for ${waitText(wait)}`, pageWidth - 2).map((line) => `  ${line}`);

function bodyLines(thread: Thread, locals: boolean): readonly string[] {
  const frames = thread.frames.length === 0 ? ["  no frame could be read"] : stackLines(thread.frames, { locals });
  return [...waitLines(thread), ...exceptionLines(thread), ...frames, ...(thread.truncated ? ["  … the outer end of this stack could not be read"] : [])];
}

export function crashedThreadLines(thread: Thread): readonly string[] {
  return bodyLines(thread, true);
}

export function otherThreadLines(threads: readonly Thread[]): readonly string[] {
  return alike(threads).flatMap((group) => {
    const [first] = group;
    return first === undefined ? [] : ["", ...groupTitle(group), ...bodyLines(first, false)];
  });
}
