/**
 * References that were given back once too often, or never taken: an object that something still refers to is freed, or counts fewer
 * references than variables hold (gdb-scripts/inquest/diagnose/refcounts.py); or the interpreter itself said so before it gave up.
 *
 * Such an object explains a crash only where the fault was about it: a register of the fault holds it. Else it is told behind the causes.
 */
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { Nullable } from "../../../services/contract/common.ts";
import type { Diagnosis } from "../../../services/contract/report.ts";
import type { NativeFrame } from "../../../services/contract/thread.ts";
import { plainName } from "../plumbing.ts";
import type { Evidence, Finding } from "./evidence.ts";
import { FatalError } from "./fatal.ts";
import { Owner, ownedBy, Seen } from "./object-evidence.ts";

const text = Nullable(Type.String());
const Released = Type.Object({
  ...Seen.properties,
  reason: Type.Enum(["freed", "free_block", "no_references", "too_few"]),
  variable: text,
  function: text,
  /** 0: the innermost Python frame of the crashed thread. */
  frame: Nullable(Type.Integer()),
  /** How many variables hold it. */
  counted: Nullable(Type.Integer()),
  register: text,
  owners: Type.Array(Owner),
});
type Released = Static<typeof Released>;
const Refcounts = Type.Array(Released);

const advice =
  "Look for a Py_DECREF of a borrowed reference, a reference given to a function that steals it, or a missing Py_INCREF. PYTHONMALLOC=debug and a debug build stop nearer to it.";
const links = ["https://docs.python.org/3/extending/extending.html#reference-counts"];

const whatIs: Readonly<Record<Released["reason"], string>> = {
  freed: "memory that was freed: the debug hooks have filled it",
  free_block: "memory that was freed: the allocator's link to its next free block stands where the count was",
  no_references: "an object without references: it was freed",
  too_few: "an object with too few references",
};

function story({ reason, variable, function: name, counted, refcount, type, address, owners }: Released): { readonly title: string; readonly detail: string } {
  const what = `${type ?? "object"} at ${address}`;
  if (reason === "too_few") {
    return {
      title: `An object has fewer references than are held: ${type ?? address}`,
      detail: `${counted} variables of running functions hold the ${what}, '${variable}' of ${name}() among them; its count is ${refcount}. It will be freed while it is still in use.`,
    };
  }
  const holder = variable === null ? "" : `Variable '${variable}' of ${name}()`;
  return {
    title: `A reference was given back too often: ${variable === null ? `${type ?? "an object"} that is still held was freed` : `'${variable}' of ${name}() was freed`}`,
    detail: variable === null ? `The ${what} is ${whatIs[reason]}.${ownedBy(owners)}` : `${holder} refers to ${whatIs[reason]} (${what}).`,
  };
}

function released({ site, python }: Evidence): Static<typeof Refcounts> {
  const fact = python?.facts["refcounts"];
  return site.signal !== null && Value.Check(Refcounts, fact) ? fact : [];
}

/** Those that a fault was about. */
function struckBy(evidence: Evidence): Released[] {
  const { signal, sent } = evidence.site;
  const fault = !sent && (signal?.name === "SIGSEGV" || signal?.name === "SIGBUS");
  return fault ? released(evidence).filter(({ register }) => register !== null) : [];
}

function diagnosis(evidence: Evidence, objects: readonly Released[], confidence: Diagnosis["confidence"], remark: string): Diagnosis | null {
  const [first] = objects;
  if (first === undefined) return null;
  const { title, detail } = story(first);
  return {
    code: "refcount_corruption",
    title,
    detail: `${detail} ${remark}${advice}`,
    confidence,
    lwp: evidence.core.crashedLwp,
    evidence: { objects, message: null },
    links,
  };
}

/** Python/object.c and its peers: what they say, and of what. */
const messages: readonly (readonly [pattern: RegExp, title: string])[] = [
  [/\bdeallocating (None|True|False|Ellipsis|NotImplemented|small int|an? \w[\w ]*)/, "More references to $1 were given back than taken"],
  [/negative ref ?count/, "An object's count of references became negative"],
];

/** Objects/object.c: a debug build says what it found on the standard error only. */
const checks = /^(_Py_NegativeRefcount|_Py_FatalRefcountError|none_dealloc|bool_dealloc|notimplemented_dealloc|ellipsis_dealloc)$/;

function saidSo(evidence: Evidence): Diagnosis | null {
  const { site, threads, native, core } = evidence;
  if (site.signal?.name !== "SIGABRT") return null;
  const fatal = native?.facts["fatal_error"];
  const message = Value.Check(FatalError, fatal) ? fatal.message : null;
  const frames = threads.find((thread) => thread.crashed)?.native_frames.filter((frame): frame is NativeFrame => frame.kind === "native") ?? [];
  const check = frames.slice(0, 24).find((frame) => frame.function !== null && checks.test(plainName(frame.function)))?.function ?? null;
  const told = messages.find(([pattern]) => message !== null && pattern.test(message));
  if (told === undefined && check === null) return null;
  const title = told === undefined ? "The interpreter found a count of references wrong" : (message?.match(told[0])?.[0].replace(told[0], told[1]) ?? told[1]);
  const objects = released(evidence);
  return {
    code: "refcount_corruption",
    title,
    detail: `${message === null ? "" : `The interpreter gave up with "${message.slice(0, 300)}". `}${check === null ? "" : `${check} found it. `}The stack shows who gave the last reference back; which one was too many may be long past. ${advice}`,
    confidence: "certain",
    lwp: core.crashedLwp,
    evidence: { objects, message, check },
    links,
  };
}

export const refcountCorruption: Finding = (evidence) => {
  const said = saidSo(evidence);
  if (said !== null) return said;
  const struck = struckBy(evidence);
  return diagnosis(evidence, struck, struck[0]?.reason === "too_few" ? "likely" : "certain", `Register ${struck[0]?.register} of the fault holds it. `);
};

/** Damage that the fault does not speak of. */
export const refcountBeside: Finding = (evidence) =>
  saidSo(evidence) !== null || struckBy(evidence).length > 0
    ? null
    : diagnosis(evidence, released(evidence), "possible", "Whether the process died of it is not proven. ");
