/** The words with which a program ended itself, without what differs from run to run. */
import type { Diagnosis } from "../contract/report.ts";

/** In this order: what CPython says of itself is more telling than what the C library adds. */
const codes = ["fatal_error", "abort_message"] as const;
const longest = 120;

/** What releases of CPython say of one and the same fault. */
const sameFault: readonly { readonly told: string; readonly messages: RegExp }[] = [
  {
    told: "a thread without the GIL called Python",
    messages: /must be called with (the GIL held|an active thread state)|NULL tstate|no current thread|tstate is NULL|the GIL is released/,
  },
];

/** Numbers, addresses, paths and quoted values out of a message; its first line counts. */
export function plainMessage(message: string): string {
  const [first = ""] = message.split("\n");
  return first
    .replace(/0x[0-9a-f]+/gi, "#")
    .replace(/(?:\/[\w.+-]+){2,}/g, (path) => path.slice(path.lastIndexOf("/") + 1))
    .replace(/\b\d+\b/g, "#")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, longest);
}

export function messageClass(diagnoses: readonly Diagnosis[]): string | null {
  for (const code of codes) {
    const found = diagnoses.find((diagnosis) => diagnosis.code === code);
    const message = found?.evidence["message"] ?? found?.evidence["text"];
    if (typeof message === "string" && message !== "") return sameFault.find(({ messages }) => messages.test(message))?.told ?? plainMessage(message);
  }
  return null;
}
