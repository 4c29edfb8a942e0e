/**
 * What malloc's functions died of: free() was given what is none of its blocks, or their own records are overwritten.
 *
 * Only the C library's functions count, and only where the process died in them: a pointer that looks wrong elsewhere is bad-pointer.ts's.
 */
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { Nullable } from "../../../services/contract/common.ts";
import type { Diagnosis } from "../../../services/contract/report.ts";
import type { NativeFrame } from "../../../services/contract/thread.ts";
import { systemName } from "../thread-state.ts";
import type { Evidence, Finding } from "./evidence.ts";
import { accessOf, asText, hex, isCanonical, segmentAt } from "./machine-access.ts";
import { patternOf } from "./patterns.ts";
import { usedUp } from "./stack-overflow.ts";

/** `facts.freed_pointer` (gdb-scripts/inquest/native_free.py), its place as heap/malloc_places.py tells it. */
const FreedPointer = Type.Object({
  function: Type.String(),
  pointer: Nullable(Type.String()),
  place: Nullable(
    Type.Object({
      kind: Type.Enum(["number", "unreadable", "stack", "file", "python", "inside", "begin", "heap", "anonymous"]),
      path: Type.Optional(Type.String()),
      begin: Type.Optional(Type.String()),
      size: Type.Optional(Type.Integer()),
    }),
  ),
  /** Of the object that lies there. */
  type: Nullable(Type.String()),
});
type FreedPointer = Static<typeof FreedPointer>;

function freedPointer({ native }: Evidence): FreedPointer | null {
  const told = native?.facts["freed_pointer"];
  return Value.Check(FreedPointer, told) ? told : null;
}

const nativeFrames = ({ threads, site }: Evidence) => {
  const frames = threads.find((thread) => thread.crashed)?.native_frames.filter((frame): frame is NativeFrame => frame.kind === "native") ?? [];
  return frames.slice(
    Math.max(
      frames.findIndex(({ pc }) => pc === site.pc),
      0,
    ),
  );
};

const libraries = /\/libc(-2\.\d+)?\.so(\.6)?$/;
const allocates = /^(malloc|calloc|realloc|reallocarray|memalign|aligned_alloc|posix_memalign|valloc|pvalloc|free|cfree|malloc_trim)$/;

interface Called {
  /** `free` */
  readonly function: string;
  readonly caller: string | null;
}

/** The function of malloc's that the process faulted in; null for every other death. */
function faultedIn(evidence: Evidence): Called | null {
  const { site } = evidence;
  if (site.sent || (site.signal?.name !== "SIGSEGV" && site.signal?.name !== "SIGBUS") || usedUp(evidence) !== null) return null;
  return calledOf(nativeFrames(evidence).slice(0, 12));
}

function calledOf(frames: readonly NativeFrame[]): Called | null {
  const [first] = frames;
  if (first?.module == null || !libraries.test(first.module)) return null;
  const outside = frames.findIndex(({ module }) => module !== first.module);
  const inside = outside < 0 ? frames : frames.slice(0, outside);
  const at = inside.findIndex(({ function: name, trust }) => name !== null && trust !== "scan" && allocates.test(systemName(name)));
  const name = inside[at]?.function;
  return name == null ? null : { function: systemName(name), caller: frames.slice(at + 1).find(({ inlined }) => !inlined)?.function ?? null };
}

interface Story {
  readonly what: string;
  readonly detail: string;
  readonly confidence: Diagnosis["confidence"];
}

/** Why what was given is no block of malloc's; null where it may well be one. */
function story({ core }: Evidence, { pointer, place, type }: FreedPointer): Story | null {
  if (pointer === null || place === null) return null;
  const value = BigInt(pointer);
  const object = type === null ? "" : ` A Python object of type ${type} begins there.`;
  switch (place.kind) {
    case "number":
      return { what: "a number that is no pointer", detail: "No block is ever there.", confidence: "certain" };
    case "unreadable": {
      const text = asText(value, core.bits / 8);
      if (text !== null) return { what: "text that is no pointer", detail: `Its bytes are printable: ${text}.`, confidence: "certain" };
      if (core.bits === 64 && !isCanonical(value)) return { what: "what is no address", detail: "No memory can be there.", confidence: "certain" };
      return segmentAt(core, value) === null
        ? {
            what: "where nothing is mapped",
            detail:
              "It was freed before (a large block goes back to the kernel at once), or is no pointer of malloc's: cut to fewer bytes, overwritten, of an object that is gone.",
            confidence: "certain",
          }
        : {
            what: "at the begin of memory that nobody may read before",
            detail: "malloc keeps its record in front of a block, and there is none.",
            confidence: "certain",
          };
    }
    case "stack":
      return { what: "on the stack", detail: "It is the address of a local variable.", confidence: "certain" };
    case "file":
      return {
        what: `in the memory of ${place.path?.replace(/^.*\//, "") ?? "a file"}`,
        detail: `It is a constant or a static variable, of ${place.path}.${object}`,
        confidence: "certain",
      };
    case "python":
      return {
        what: "in the memory of Python's allocator",
        detail: `It lies in a block of ${place.size} bytes at ${place.begin} that PyMem_Malloc or PyObject_Malloc gave: that is given back by PyMem_Free, PyObject_Free or Py_DECREF.${object}`,
        confidence: "certain",
      };
    case "inside":
      return {
        what: "inside a block",
        detail: `It lies ${value - BigInt(place.begin ?? pointer)} bytes behind the begin of a block of ${place.size} bytes at ${place.begin}: only the begin may be given back.`,
        confidence: "likely",
      };
    case "anonymous":
      return {
        what: "outside of malloc's memory",
        detail: `It is of another allocator's memory, of static variables, or was mapped by hand.${object}`,
        confidence: "likely",
      };
    case "begin":
    case "heap":
      return null;
  }
}

/** free() or realloc() of what malloc never gave, or took back: the pointer is proven by the fault, or by what stood in registers when glibc gave up. */
export function invalidFreeOf(evidence: Evidence, message: { readonly text: string; readonly address: string } | null): Diagnosis | null {
  const told = freedPointer(evidence);
  const found = told === null ? null : story(evidence, told);
  if (told === null || found === null) return null;
  const name = systemName(told.function);
  const caller = calledOf(nativeFrames(evidence).slice(0, 12))?.caller ?? null;
  const by = caller === null ? "" : `, by ${caller}`;
  const said = message === null ? "" : ` The C library said: ${message.text}.`;
  return {
    code: "invalid_free",
    title: `${name}() was given what is no block of malloc's: ${told.pointer}, ${found.what}`,
    detail: `${told.pointer} was given to ${name}()${by}. ${found.detail}${said}`,
    confidence: found.confidence,
    lwp: evidence.core.crashedLwp,
    evidence: {
      pointer: told.pointer,
      function: name,
      caller,
      place: told.place,
      type: told.type,
      message: message?.text ?? null,
      message_address: message?.address ?? null,
    },
    links: [],
  };
}

export const invalidFree: Finding = (evidence) => (faultedIn(evidence) === null ? null : invalidFreeOf(evidence, null));

/** A fault inside malloc and its peers of anything else: they read only what they wrote themselves. */
export const allocatorDamage: Finding = (evidence) => {
  const called = faultedIn(evidence);
  if (called === null || invalidFree(evidence) !== null) return null;
  const { core, site } = evidence;
  const access = accessOf(site);
  const told = freedPointer(evidence);
  const given = told?.pointer == null ? "" : ` It was given ${told.pointer}.`;
  const mayBeGiven = /free|realloc/.test(called.function) && told?.place?.kind !== "begin";
  return {
    code: "heap_corruption",
    title: `${called.function}() crashed: malloc's own records are overwritten`,
    detail: `The fault is inside ${called.function}()${called.caller === null ? "" : `, which ${called.caller} called`}.${given} ${
      mayBeGiven ? "The record in front of the block or of its neighbour is none: it was overwritten, or what was given back is no block. " : ""
    }Something wrote beyond a block, or into a freed one, before; this stack only found it.`,
    confidence: "likely",
    lwp: core.crashedLwp,
    evidence: {
      function: called.function,
      caller: called.caller,
      address: access.address === null ? null : hex(access.address),
      instruction: site.instruction,
      pointer: told?.pointer ?? null,
      place: told?.place ?? null,
      pattern: access.address === null ? null : (patternOf(access.address, core.bits / 8)?.pattern.by ?? null),
    },
    links: [],
  };
};

/** Whether the bare access says nothing of its own: an address that malloc's function read by a record of its own, or by what it was given. */
export const metByAllocator = (evidence: Evidence): boolean => faultedIn(evidence) !== null;
