/** What a thread waits for, in words. */
import type { WaitsFor } from "../contract/thread.ts";
import { safeCut } from "./safe-text.ts";

const kinds: Readonly<Record<WaitsFor["kind"], string>> = {
  gil: "the GIL",
  lock: "the lock",
  rlock: "the RLock",
  condition: "the condition",
  event: "the event",
  semaphore: "the semaphore",
  barrier: "the barrier",
  queue: "the queue",
  future: "the future",
  thread: "the end of thread",
  import_lock: "the import of",
  process_lock: "the multiprocessing lock",
  process: "the end of",
  descriptor: "input or output at",
  c_mutex: "the C mutex",
  c_rwlock: "the C read-write lock",
  c_semaphore: "the C semaphore",
  object: "the lock inside the object",
};

/** `the lock self._lock at 0x7f…, held by 4712 "worker" (inside a with block of it)`. */
export function waitText(wait: WaitsFor): string {
  const quoted = wait.name !== null && wait.kind === "thread" ? `"${wait.name}"` : wait.name;
  const type = wait.kind === "object" && wait.type !== null ? ` (${wait.type})` : "";
  const what = [kinds[wait.kind], quoted === null ? (wait.kind === "process" ? "a child" : "") : safeCut(quoted, 200)].filter((part) => part !== "").join(" ");
  const at = wait.address === null || wait.kind === "thread" || wait.kind === "import_lock" ? "" : ` at ${wait.address}`;
  return `${what}${safeCut(type, 200)}${at}${wait.kind === "thread" ? "" : ownerText(wait)}${wait.timed === true ? ", for a limited time" : ""}`;
}

function ownerText({ kind, owner_lwp: lwp, owner_name: name, owner_gone: gone, owner_known_by: knownBy }: WaitsFor): string {
  const verb = kind === "import_lock" ? "done by" : "held by";
  if (gone) return `, ${verb} a thread that is gone`;
  if (lwp === null) return "";
  return `, ${verb} ${lwp}${name === null ? "" : ` "${safeCut(name, 80)}"`}${knownBy === "with_block" ? " (inside a with block of it)" : ""}`;
}
