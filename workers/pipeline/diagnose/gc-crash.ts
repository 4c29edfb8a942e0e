/**
 * A crash inside the cyclic garbage collector: always a symptom, for the collector is the first to look at every object.
 *
 * Two witnesses, either is enough: the C functions between the fault and the evaluator, and what the memory says of the collection
 * (gdb-scripts/inquest/diagnose/gc_crash.py), which needs no symbol. Code that a collection runs (finalizers, callbacks, weak
 * references, deallocation) and an extension's own tp_traverse are not the collector: their crashes get no finding from here.
 */
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { Nullable } from "../../../services/contract/common.ts";
import { AllocationPlace } from "../../../services/contract/interpreter.ts";
import type { NativeFrame } from "../../../services/contract/thread.ts";
import { plainName } from "../plumbing.ts";
import type { Evidence, Finding } from "./evidence.ts";
import { accessOf } from "./machine-access.ts";
import { Owner, ownedBy, Seen } from "./object-evidence.ts";

const text = Nullable(Type.String());
const BrokenLink = Type.Object({ list: Type.String(), object: Nullable(Seen), link: Type.String(), looks_like_text: Type.Boolean(), before: Nullable(Seen) });
export const GcCrash = Type.Object({
  in_interpreter: Nullable(Type.Boolean()),
  container: Nullable(Seen),
  count: Nullable(Type.Number()),
  visited: Nullable(Seen),
  slot: text,
  register: text,
  broken_link: Nullable(BrokenLink),
  generation: Nullable(Type.Integer()),
  owners: Type.Array(Owner),
  owner_of: text,
  allocated_at: Type.Optional(Nullable(Type.Array(AllocationPlace))),
  objects_searched: Type.Integer(),
  /** The container's type has no tp_traverse, and it was called. */
  null_traverse: Type.Optional(Type.Boolean()),
});
export type GcCrash = Static<typeof GcCrash>;

const evaluatorNames = /^(_PyEval_EvalFrameDefault|PyEval_EvalFrameEx|_TAIL_CALL_\w+)$/;

/** Functions that only count and compare references, by version: Modules/gcmodule.c to 3.12, Python/gc.c, Python/gc_free_threading.c. */
const counting =
  /^(update_refs|subtract_refs|move_unreachable|deduce_unreachable|deduce_unreachable_heap|visit_decref|visit_decref_unreachable|visit_reachable|gc_reset_refs|gc_decref|gc_mark_alive|mark_alive_from_roots|mark_reachable|mark_heap_visitor|gc_mark_\w+|mark_stacks|mark_global_roots|mark_all_reachable|visit_add_to_container|expand_region_transitively_reachable|validate_refcounts|scan_heap_visitor|validate_list)$/;
/** Drivers, into which the compiler may have put the above. */
const driving =
  /^(collect|collect_generations|collect_with_callback|gc_collect_main|gc_collect_generations|gc_collect_with_callback|gc_collect_region|gc_collect_full|gc_collect_increment|gc_collect_young|gc_collect_internal|gc_visit_heaps|gc_visit_heaps_lock_held|gc_visit_thread_stacks)$/;
const traversing =
  /(^visit_|_traverse$|^\w*traverse\w*$|^(_?Py(Object)?_IS_GC|_PyObject_IS_GC|PyObject_IS_GC|PyType_HasFeature|Py_TYPE|_?Py_IsImmortal|gc_is_collecting|_Py_NegativeRefcount|_PyObject_AssertFailed|_PyGC_\w+|AS_GC|_Py_AS_GC)$)/;

interface Named {
  readonly counting: string | null;
  /** The C stack from the fault to there. */
  readonly path: readonly string[];
}

const nameOf = ({ function: name }: NativeFrame) => (name === null ? "" : plainName(name));

/** Extensions that are no part of Python: what goes wrong inside one's tp_traverse may be its own fault. */
const foreignModules = ({ python }: Evidence): ReadonlySet<string | null> =>
  new Set(python?.python?.extension_modules.filter((module) => module.third_party).map(({ path }) => path) ?? []);

/** The way from the fault to the collector's own counting, if nothing but traversal stands between. */
function namedCounting(frames: readonly NativeFrame[], foreign: ReadonlySet<string | null>): Named | null {
  if (frames[0] !== undefined && frames[0].module !== null && foreign.has(frames[0].module)) return null;
  const path: string[] = [];
  for (const [at, frame] of frames.slice(0, 48).entries()) {
    const name = nameOf(frame);
    if (evaluatorNames.test(name)) return null;
    // With its own code inlined, a driver counts only as the place itself, or right below a traversal.
    const drives = driving.test(name) && (at === 0 || path.some((each) => each.startsWith("visit_")));
    if (counting.test(name) || drives) {
      const more = frames.slice(at + 1).map(nameOf);
      const ends = more.findIndex((each) => !counting.test(each) && !traversing.test(each));
      return { counting: name, path: [...path, name, ...more.slice(0, Math.max(ends, 0))] };
    }
    if (!traversing.test(name) && !(frame.inlined && name !== "")) return null;
    path.push(name);
  }
  return null;
}

/** The frames of the fault: those below the handler that raised the signal again. */
function faultFrames({ threads, site }: Evidence): NativeFrame[] {
  const frames = threads.find((thread) => thread.crashed)?.native_frames.filter((frame): frame is NativeFrame => frame.kind === "native") ?? [];
  const at = site.pc === null ? -1 : frames.findIndex((frame) => frame.pc === site.pc);
  return at < 0 ? frames : frames.slice(at);
}

const states: Readonly<Record<string, string>> = {
  freed: "memory that was freed: its owner gave back one reference too many, or never took one",
  uninitialised: "memory that was never filled in: the object was tracked too early, before its fields were set",
  guard: "guard bytes of the memory allocator: the container was read beyond its block",
  null_type: "an object whose type is null: freed, and its memory in use for something else, or cleared, or never filled in",
  null: "a null pointer that tp_traverse handed on",
  overwritten: "memory whose type is no type: something wrote over it",
  unmapped: "memory that is not there: freed and given back, or the pointer was overwritten",
  misaligned: "an address that no object has: the pointer was overwritten",
};

const causes: Readonly<Record<string, string>> = {
  freed: "Look for a Py_DECREF too many or a missing Py_INCREF on what is stored there.",
  uninitialised: "PyObject_GC_Track belongs behind the last assignment of the fields.",
  null_type: "Look for a Py_DECREF too many or a missing Py_INCREF on what is stored there.",
};
const advice =
  "The collector only finds such damage, long after it was done: gc.set_threshold(5) makes it look often, so that the crash moves near the cause; PYTHONMALLOC=debug, -X dev and a debug build of Python check more.";

const described = ({ address, type, refcount }: Seen) => `${type ?? "object"} at ${address}${refcount === null ? "" : ` (${refcount} references)`}`;

function story(told: GcCrash | null): { readonly title: string; readonly detail: string } {
  if (told?.visited != null && told.container !== null) {
    const { container, visited, slot } = told;
    return {
      title: `The garbage collector met a damaged object: ${slot} of a ${container.type ?? "container"}`,
      detail: `It was traversing the ${described(container)} and came to ${slot}, ${visited.address}: ${states[visited.state] ?? "no object"}${visited.text === null || visited.state !== "overwritten" ? "" : `, among its bytes text`}.${ownedBy(told.owners)} ${causes[visited.state] ?? ""}`,
    };
  }
  if (told?.container != null && told.null_traverse === true) {
    const { container } = told;
    return {
      title: `The garbage collector called the tp_traverse of ${container.type ?? "a type"}, which is null`,
      detail: `The type of the ${described(container)} has Py_TPFLAGS_HAVE_GC and no tp_traverse.${ownedBy(told.owners)} Give the type one, or leave the flag out; where it had one, something wrote over the type.`,
    };
  }
  if (told?.container != null) {
    const { container } = told;
    return {
      title: `The garbage collector met a damaged object at ${container.address}`,
      detail: `One of the objects that it tracks is ${states[container.state] ?? "no object"}.${ownedBy(told.owners)} ${causes[container.state] ?? ""}`,
    };
  }
  if (told?.broken_link != null) {
    const { object, link, before, looks_like_text: isText } = told.broken_link;
    return {
      title: "The garbage collector's list of objects is overwritten",
      detail: `${object === null ? "The list's head" : `The header of the ${described(object)}`} links to ${link}, which leads nowhere${isText ? "; its bytes are text" : ""}. The header lies right before the object, so whatever lies before it in memory was written past its end${before === null ? "" : `: the ${described(before)} is the last tracked object there`}.${ownedBy(told.owners)}`,
    };
  }
  return { title: "The garbage collector met a damaged object", detail: "Which one could not be found." };
}

const asserts = /^(_PyObject_AssertFailed|(__)?(GI___)?assert_fail(_base)?)$/;

/** A debug build checks objects while it counts: the frames that called the assertion that failed. */
function assertedFrames({ threads }: Evidence): NativeFrame[] | null {
  const frames = threads.find((thread) => thread.crashed)?.native_frames.filter((frame): frame is NativeFrame => frame.kind === "native") ?? [];
  const at = frames.slice(0, 16).findLastIndex((frame) => asserts.test(nameOf(frame)));
  return at < 0 ? null : frames.slice(at + 1);
}

/** The same without symbols: what assert() wrote, such as `../Python/gc.c:375: validate_list: Assertion`. */
const ownAssertion = /(?:Python\/gc|Modules\/gcmodule)(?:_free_threading)?\.c:\d+: (\w+): Assertion `/;
const AbortMessage = Type.Object({ text: Type.String() });

function assertedByText({ python }: Evidence): Named | null {
  const message = python?.facts["abort_message"];
  const name = Value.Check(AbortMessage, message) ? ownAssertion.exec(message.text)?.[1] : undefined;
  return name !== undefined && counting.test(name) ? { counting: name, path: [name] } : null;
}

export const gcCrash: Finding = (evidence) => {
  const { core, site, python } = evidence;
  const { signal } = site;
  const aborted = signal?.name === "SIGABRT";
  const foreign = foreignModules(evidence);
  const asserted = aborted ? assertedFrames(evidence) : null;
  const faulted = !site.sent && (signal?.name === "SIGSEGV" || signal?.name === "SIGBUS");
  const named = aborted
    ? ((asserted !== null ? namedCounting(asserted, foreign) : null) ?? assertedByText(evidence))
    : faulted
      ? namedCounting(faultFrames(evidence), foreign)
      : null;
  if (named === null && !faulted) return null;
  const fact = python?.facts["gc_crash"];
  const told = Value.Check(GcCrash, fact) ? fact : null;
  // An assertion that failed ends in the C library.
  const proven = told !== null && (told.in_interpreter !== false || aborted);
  if (named === null && !(proven && python?.python?.gc.collecting !== false)) return null;
  const shown = proven ? told : null;
  const { title, detail } = story(shown);
  const { address } = accessOf(site);
  const called = shown?.null_traverse === true;
  const suspects = python?.python?.extension_modules.filter((module) => module.third_party).map(({ name }) => name) ?? [];
  const gc = python?.python?.gc ?? null;
  return {
    code: "gc_corruption",
    title,
    detail:
      `${named === null ? "The interpreter was counting references for the garbage collector" : `The crash is in ${named.path[0]}, in the garbage collector`}. ${detail} ${advice}${suspects.length === 0 ? "" : ` First suspects are the extension modules that are not Python's own: ${suspects.slice(0, 8).join(", ")}.`}`.replaceAll(
        /  +/g,
        " ",
      ),
    confidence: (named !== null || called) && shown !== null ? "certain" : "likely",
    lwp: core.crashedLwp,
    evidence: {
      null_traverse: called,
      address: address === null ? null : `0x${address.toString(16)}`,
      functions: named?.path ?? null,
      container: shown?.container ?? null,
      visited: shown?.visited ?? null,
      slot: shown?.slot ?? null,
      register: shown?.register ?? null,
      broken_link: shown?.broken_link ?? null,
      owners: shown?.owners ?? [],
      allocated_at: shown?.allocated_at ?? null,
      generation: shown?.generation ?? null,
      counts: gc?.counts ?? [],
      thresholds: gc?.thresholds ?? [],
      suspects,
    },
    links: ["https://docs.python.org/3/library/gc.html#gc.set_threshold", "https://docs.python.org/3/c-api/gcsupport.html"],
  };
};
