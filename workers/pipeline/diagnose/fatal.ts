/** What the interpreter and the C library said before they aborted. */
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { Nullable } from "../../../services/contract/common.ts";
import type { NativeFrame } from "../../../services/contract/report.ts";
import type { Finding } from "./evidence.ts";

export const FatalError = Type.Object({
  message: Type.String(),
  function: Nullable(Type.String()),
  found: Type.Enum(["arguments", "registers", "call", "stack"]),
});
const AbortMessage = Type.Object({ text: Type.String(), address: Type.String(), found: Type.Enum(["symbol", "page"]) });

const fatalFunctions = /^(_?Py_FatalError(Func|Format)?|_Py_FatalError_TstateNULL|fatal_error)(\.|$)/;

const nativeFrames = (frames: readonly { readonly kind: string }[]) => frames.filter((frame): frame is NativeFrame => frame.kind === "native");

const cut = (text: string, limit: number) => (text.length > limit ? `${text.slice(0, limit - 1)}…` : text);

/** A directive of printf: what `_Py_FatalErrorFormat` filled in is gone with its buffer. */
const directive = /%[-+ #0]*\d*(?:\.\d+)?(?:hh?|ll?|z|j|t)?[cdiuxXspfg]/g;

/** `Py_FatalError` on the crashed stack; the message where it could be read. */
export const fatalError: Finding = ({ core, site, threads, native }) => {
  if (site.signal?.name !== "SIGABRT") return null;
  const crashed = threads.find((thread) => thread.crashed);
  const frames = nativeFrames(crashed?.native_frames ?? []).slice(0, 40);
  const at = frames.findLastIndex((frame) => fatalFunctions.test(frame.function ?? ""));
  if (at < 0) return null;
  const told = native?.facts["fatal_error"];
  const message: Static<typeof FatalError> | null = Value.Check(FatalError, told) ? told : null;
  const text = message?.message.replaceAll(directive, "…") ?? null;
  const raiser = message?.function ?? frames[at + 1]?.function ?? null;
  const by = raiser === null ? "" : ` in ${raiser}`;
  return {
    code: "fatal_error",
    title: text === null ? `Fatal Python error${by}` : `Fatal Python error: ${cut(text, 200)}`,
    detail: `The interpreter ended the process${by} because it could not go on${text === null ? "; its message is on the standard error" : `: ${cut(text, 500)}`}.`,
    confidence: message === null || message.found === "arguments" ? "certain" : "likely",
    lwp: core.crashedLwp,
    // Not the message that was written where parts of it are not known.
    evidence: { message: text === message?.message ? text : null, function: raiser, found: message?.found ?? null, frame: frames[at]?.function ?? null },
    links: ["https://docs.python.org/3/c-api/sys.html#c.Py_FatalError"],
  };
};

interface Meaning {
  readonly text: RegExp;
  readonly code: "heap_corruption" | "abort_message";
  readonly means: string;
}

/** glibc's messages (malloc/malloc.c, debug/*.c, assert/assert.c). Data; first match wins. */
const meanings: readonly Meaning[] = [
  {
    text: /double free/,
    code: "abort_message",
    means: "a block was given to free() twice; the second time shows in this stack, the first one happened before",
  },
  {
    text: /^free\(\): invalid (pointer|size)/,
    code: "abort_message",
    means: "free() was given what malloc() never returned, such as memory of another allocator",
  },
  { text: /stack smashing/, code: "abort_message", means: "a function wrote beyond an array on its stack; it is the one that called __stack_chk_fail" },
  { text: /buffer overflow detected/, code: "abort_message", means: "a copy was larger than its destination (_FORTIFY_SOURCE)" },
  { text: /Assertion [`'].*failed/s, code: "abort_message", means: "an assert() of C or C++ did not hold" },
  {
    text: /corrupted|invalid (next|prev|size|chunk)|mismatching|unsorted|unaligned|malloc_consolidate|malloc\(\)|realloc\(\)|munmap_chunk|tcache/,
    code: "heap_corruption",
    means: "the allocator found its own records overwritten: something wrote beyond a block, or into a freed one, before; this stack only found it",
  },
];

/** glibc's abort message. */
export const abortMessage: Finding = ({ core, site, python }) => {
  if (site.signal?.name !== "SIGABRT") return null;
  const told = python?.facts["abort_message"];
  if (!Value.Check(AbortMessage, told)) return null;
  const meaning = meanings.find((each) => each.text.test(told.text)) ?? null;
  return {
    code: meaning?.code ?? "abort_message",
    title: cut(told.text, 200),
    detail: `The C library aborted the process and said: ${cut(told.text, 500)}${meaning === null ? "" : `. That is: ${meaning.means}`}.`,
    confidence: told.found === "symbol" ? "certain" : "likely",
    lwp: core.crashedLwp,
    evidence: { message: told.text, address: told.address, found: told.found },
    links: [],
  };
};
