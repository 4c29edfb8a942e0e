/** What the interpreter and the C library said before they aborted. */
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { Nullable } from "../../../services/contract/common.ts";
import type { NativeFrame } from "../../../services/contract/thread.ts";
import { invalidFreeOf } from "./allocator.ts";
import type { Evidence, Finding } from "./evidence.ts";

export const FatalError = Type.Object({
  message: Type.String(),
  function: Nullable(Type.String()),
  found: Type.Enum(["arguments", "registers", "call", "stack"]),
});
const AbortMessage = Type.Object({ text: Type.String(), address: Type.String(), found: Type.Enum(["symbol", "page"]) });

/** `facts.failed_assertion` (gdb-scripts/inquest/native_assert.py). */
const FailedAssertion = Type.Object({
  kind: Type.Enum(["object", "c", "cpp"]),
  reporter: Type.String(),
  expression: Nullable(Type.String()),
  message: Nullable(Type.String()),
  file: Nullable(Type.String()),
  line: Nullable(Type.Integer()),
  function: Nullable(Type.String()),
  object: Nullable(Type.Object({ address: Type.String(), type: Nullable(Type.String()) })),
  found: Nullable(Type.Enum(["arguments", "call"])),
});
type FailedAssertion = Static<typeof FailedAssertion>;

/** What the assertion says, in one line: its message, else its condition. */
const saysOf = ({ message, expression }: FailedAssertion) => message ?? (expression === null ? null : `Assertion '${expression}' failed`);

function assertionOf({ native }: Evidence, ...kinds: readonly FailedAssertion["kind"][]): FailedAssertion | null {
  const told = native?.facts["failed_assertion"];
  return Value.Check(FailedAssertion, told) && kinds.includes(told.kind) && saysOf(told) !== null ? told : null;
}

const placeOf = ({ function: name, file, line }: FailedAssertion) =>
  `${name === null ? "" : ` in ${name}`}${file === null ? "" : ` (${file}${line === null ? "" : `:${line}`})`}`;

/** What `Py_FatalError` says, and what that comes of. Data; first match wins. */
const fatalMeanings: readonly (readonly [text: RegExp, means: string])[] = [
  [
    /already tracked by the garbage collector|GC object already tracked/,
    "PyObject_GC_Track was called twice for one object: a constructor that calls another one, or an object that is initialised again",
  ],
  [
    /unreachable (state|C code path)/i,
    "code that cannot be reached was reached: memory of the interpreter or of the object at hand is overwritten, or a compiler's fault",
  ],
  [/Cannot recover from (stack overflow|MemoryErrors)/, "the same error came again while Python was handling it: find the handler that recurses or allocates"],
];

const fatalFunctions = /^(_?Py_FatalError(Func|Format)?|_Py_FatalError_TstateNULL|fatal_error)(\.|$)/;

const nativeFrames = (frames: readonly { readonly kind: string }[]) => frames.filter((frame): frame is NativeFrame => frame.kind === "native");

const cut = (text: string, limit: number) => (text.length > limit ? `${text.slice(0, limit - 1)}…` : text);

/** A directive of printf: what `_Py_FatalErrorFormat` filled in is gone with its buffer. */
const directive = /%[-+ #0]*\d*(?:\.\d+)?(?:hh?|ll?|z|j|t)?[cdiuxXspfg]/g;

/** `Py_FatalError` on the crashed stack; the message where it could be read. */
export const fatalError: Finding = (evidence) => {
  const { core, site, threads, native } = evidence;
  if (site.signal?.name !== "SIGABRT") return null;
  const crashed = threads.find((thread) => thread.crashed);
  const frames = nativeFrames(crashed?.native_frames ?? []).slice(0, 40);
  const at = frames.findLastIndex((frame) => fatalFunctions.test(frame.function ?? ""));
  if (at < 0) return null;
  const told = native?.facts["fatal_error"];
  const message: Static<typeof FatalError> | null = Value.Check(FatalError, told) ? told : null;
  const asserted = assertionOf(evidence, "object");
  if (asserted !== null) return objectAssertion(evidence, asserted, message, frames[at]?.function ?? null);
  const text = message?.message.replaceAll(directive, "…") ?? null;
  const raiser = message?.function ?? frames[at + 1]?.function ?? null;
  const by = raiser === null ? "" : ` in ${raiser}`;
  return {
    code: "fatal_error",
    title: text === null ? `Fatal Python error${by}` : `Fatal Python error: ${cut(text, 200)}`,
    detail: `The interpreter ended the process${by} because it could not go on${text === null ? "; its message is on the standard error" : `: ${cut(text, 500)}`}.${meaningOf(text)}`,
    confidence: message === null || message.found === "arguments" ? "certain" : "likely",
    lwp: core.crashedLwp,
    // Not the message that was written where parts of it are not known.
    evidence: { message: text === message?.message ? text : null, function: raiser, found: message?.found ?? null, frame: frames[at]?.function ?? null },
    links: ["https://docs.python.org/3/c-api/sys.html#c.Py_FatalError"],
  };
};

const meaningOf = (text: string | null) => {
  const means = text === null ? undefined : fatalMeanings.find(([pattern]) => pattern.test(text));
  return means === undefined ? "" : ` That is: ${means[1]}.`;
};

/** `_PyObject_AssertFailed` gives Py_FatalError its own name alone; what failed it prints before. */
function objectAssertion({ core }: Evidence, told: FailedAssertion, fatal: Static<typeof FatalError> | null, frame: string | null): ReturnType<Finding> {
  const says = saysOf(told) ?? "";
  const of = told.object === null ? "" : ` It is about the ${told.object.type ?? "object"} at ${told.object.address}.`;
  return {
    code: "fatal_error",
    title: `Fatal Python error: ${cut(says, 200)}${told.object?.type == null ? "" : ` (${cut(told.object.type, 80)})`}`,
    detail: `A check of the interpreter's failed${placeOf(told)}: ${cut(says, 500)}.${of}${meaningOf(says)}`,
    confidence: "certain",
    lwp: core.crashedLwp,
    evidence: { message: fatal?.message ?? null, function: fatal?.function ?? null, found: fatal?.found ?? null, frame, assertion: told },
    links: ["https://docs.python.org/3/c-api/sys.html#c.Py_FatalError"],
  };
}

interface Meaning {
  readonly text: RegExp;
  readonly code: "heap_corruption" | "abort_message";
  readonly means: string;
}

/** glibc's messages (malloc/malloc.c, debug/*.c, assert/assert.c). Data; first match wins. */
const meanings: readonly Meaning[] = [
  {
    text: /^double free or corruption \((out|top)\)/,
    code: "abort_message",
    means: "what was given back is no block of malloc's, or was freed before, or the record in front of it was overwritten",
  },
  {
    text: /double free/,
    code: "abort_message",
    means: "a block was given to free() twice; the second time shows in this stack, the first one happened before",
  },
  {
    text: /^(free|realloc|munmap_chunk)\(\): invalid (pointer|size)/,
    code: "abort_message",
    means:
      "what was given back is no block of malloc's, such as memory of another allocator or an address inside a block, or the record in front of it was overwritten",
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

/** What glibc says of a block that is given back, and where it doubts that it is one. */
const givenBack = /^(free|realloc|munmap_chunk|mremap_chunk)\(\): |^double free/;
const saysInvalid = /invalid (pointer|size)|corruption \((out|top)\)/;

/** An assertion of C or C++ that left no text in memory: libstdc++'s own, and musl's assert(). */
function failedAssertion(evidence: Evidence): ReturnType<Finding> {
  const told = assertionOf(evidence, "c", "cpp");
  if (told === null) return null;
  const says = saysOf(told) ?? "";
  const whose = told.kind === "cpp" ? "The C++ library (_GLIBCXX_ASSERTIONS)" : "An assert() of C or C++";
  return {
    code: "abort_message",
    title: cut(`${says}${told.function === null ? "" : ` in ${told.function}`}`, 200),
    detail: `${whose} found that a condition does not hold${cut(placeOf(told), 400)}: ${cut(told.expression ?? says, 500)}.`,
    confidence: told.found === "arguments" ? "certain" : "likely",
    lwp: evidence.core.crashedLwp,
    evidence: { message: says, address: null, found: told.found, assertion: told },
    links: [],
  };
}

/** `facts.logged_fatal`: a line of a logging library that ends the process, glog's or abseil's. */
const LoggedFatal = Type.Object({ text: Type.String(), address: Type.String() });
const logs = /^(google::(LogMessage|LogMessageFatal|RawLog|ErrnoLogMessage|NullStreamFatal)|absl::.*([Ll]og_internal|LogMessage|[Rr]aw_?[Ll]og))/;

/** A failed CHECK, or LOG(FATAL): its line bears the severity and the thread that aborts, raw logging's stands on its stack. */
function loggedFatal({ core, python, threads }: Evidence): ReturnType<Finding> {
  const told = python?.facts["logged_fatal"];
  if (!Value.Check(LoggedFatal, told)) return null;
  const frames = nativeFrames(threads.find((thread) => thread.crashed)?.native_frames ?? []).slice(0, 40);
  const by = frames.find(({ function: name }) => name !== null && logs.test(name))?.function ?? null;
  const says = told.text.replace(/^[^\]]*\] /, "");
  return {
    code: "abort_message",
    title: cut(says, 200),
    detail: `A logging library ended the process after a fatal message: ${cut(told.text, 500)}. A failed CHECK is a condition of the library's or the extension's own that does not hold.`,
    confidence: by === null ? "likely" : "certain",
    lwp: core.crashedLwp,
    evidence: { message: told.text, address: told.address, found: "log", function: by },
    links: [],
  };
}

/** glibc's abort message. */
export const abortMessage: Finding = (evidence) => {
  const { core, site, python } = evidence;
  if (site.signal?.name !== "SIGABRT") return null;
  const told = python?.facts["abort_message"];
  if (!Value.Check(AbortMessage, told)) return failedAssertion(evidence) ?? loggedFatal(evidence);
  const freed = givenBack.test(told.text) ? invalidFreeOf(evidence, told) : null;
  if (freed !== null && (freed.confidence === "certain" || saysInvalid.test(told.text))) return freed;
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
