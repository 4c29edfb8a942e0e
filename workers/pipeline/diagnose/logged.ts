/** What memory checkers said in the attachments: valgrind and AddressSanitizer saw the access itself, where a core shows what came of it. */
import type { Diagnosis } from "../../../services/contract/report.ts";
import type { LoggedFrame, MemoryError, MemoryReport } from "../../../services/logs/memory-report.ts";
import type { JudgedReport } from "../logs/judged-report.ts";
import type { Finding } from "./evidence.ts";

const tools = { valgrind: "valgrind", asan: "AddressSanitizer" } as const;
const links = { valgrind: "https://valgrind.org/docs/manual/mc-manual.html", asan: "https://clang.llvm.org/docs/AddressSanitizer.html" } as const;

/** The allocator itself is never who is meant. */
const allocators =
  /^(__interceptor_\w+|malloc|calloc|realloc|free|cfree|memalign|posix_memalign|aligned_alloc|operator (new|delete).*|_?Py\w*(Mem|Object)_\w*(Malloc|Calloc|Realloc|Free))$/;
/** pymalloc asks of any address whether it is one of its own, and reads what may not be its: Misc/README.valgrind. */
const pymalloc = /^(address_in_range|pymalloc_(free|realloc)|_?Py(Mem|Object)_\w*(Free|Realloc))(\.|$)/;

const freeing = /^(Invalid free|Mismatched free|double-free|bad-free|free on address|alloc-dealloc-mismatch)/;
const beyond = /^(heap|stack|global|dynamic-stack|container)-(buffer-)?(overflow|underflow)|^(heap|stack)-buffer-underflow|^negative-size-param/;

/** The tools put functions of their own in the place of memcpy, strlen and the like: who called them is meant as well. */
const interposer = /\/(vgpreload_[\w-]+|lib[at]san)\.so/;
const intercepted = /^__interceptor_/;
const isInterposed = ({ function: name, module }: LoggedFrame) => interposer.test(module ?? "") || intercepted.test(name ?? "");

function placeOf(frames: readonly LoggedFrame[]): string | null {
  const at = frames.findIndex((each) => !(each.function !== null && allocators.test(each.function)) && (each.function ?? each.module) !== null);
  const frame = frames[Math.max(at, 0)];
  if (frame === undefined) return null;
  const caller = at >= 0 && isInterposed(frame) ? frames.slice(at + 1).find((each) => !isInterposed(each)) : undefined;
  return caller === undefined ? placeOfFrame(frame) : `${frame.function?.replace(intercepted, "") ?? frame.address}, called by ${placeOfFrame(caller)}`;
}

function placeOfFrame(frame: LoggedFrame): string {
  if (frame.function === null && frame.module !== null) return `code of ${frame.module.replace(/^.*\//, "").slice(0, 200)}`;
  const where = frame.file === null ? (frame.module?.replace(/^.*\//, "") ?? null) : `${frame.file.replace(/^.*\//, "")}:${frame.line ?? "?"}`;
  return `${(frame.function ?? frame.address).slice(0, 200)}${where === null ? "" : ` (${where.slice(0, 200)})`}`;
}

interface Meaning {
  readonly code: string;
  readonly what: string;
}

/** Null for what is no damage of memory: a null pointer, an uninitialised value, which the core's own rules tell better or not at all. */
function meaningOf(error: MemoryError): Meaning | null {
  const { block, access, what } = error;
  if (pymalloc.test(error.frames[0]?.function ?? "")) return null;
  const bytes = error.size === null ? "" : ` of ${error.size} byte${error.size === 1 ? "" : "s"}`;
  if (freeing.test(what))
    return {
      code: "invalid_free",
      what: /double/.test(what) || block?.freed === true ? "A block was freed twice" : "What free() was given is no block of its allocator",
    };
  if (access === null) return null;
  const done = access === "read" ? `A read${bytes}` : `A write${bytes}`;
  if (block?.freed === true || /use-after/.test(what)) return { code: "freed_memory_access", what: `${done} in memory that was freed` };
  if (block !== null && block.where !== "inside")
    return {
      code: access === "write" ? "heap_corruption" : "out_of_bounds_access",
      what: `${done} ${block.where === "after" ? "past the end" : "before the begin"} of a block`,
    };
  return beyond.test(what) ? { code: "out_of_bounds_access", what: `${done} out of bounds (${what})` } : null;
}

function story({ report, filename }: JudgedReport, error: MemoryError): string {
  const { block } = error;
  const by = placeOf(error.frames);
  const [freed, allocated] = [placeOf(block?.freedBy ?? []), placeOf(block?.allocatedBy ?? [])];
  const near =
    block === null
      ? ""
      : `, ${block.offset} bytes ${block.where === "inside" ? "inside" : `${block.where} the ${block.where === "after" ? "end" : "begin"} of`} a block of ${block.size} bytes`;
  const owners = `${allocated === null ? "" : ` The block was allocated by ${allocated}.`}${freed === null ? "" : ` It was freed by ${freed}.`}`;
  return `${tools[report.kind]} saw it in ${filename === null ? "an attachment" : filename.slice(0, 120)}: ${error.what.slice(0, 200)}${error.address === null ? "" : ` at ${error.address}`}${near}${by === null ? "" : `, by ${by}`}.${owners}`;
}

const shownFrames = 12;

function toDiagnosis(
  judged: JudgedReport,
  error: MemoryError,
  meaning: Meaning,
  confidence: Diagnosis["confidence"],
  lwp: number | null,
  more: string,
): Diagnosis {
  const { report, filename, agreement } = judged;
  const by = placeOf(error.frames);
  return {
    code: meaning.code,
    title: `${meaning.what}${by === null ? "" : `, by ${by}`}`,
    detail: `${story(judged, error)}${more}`,
    confidence,
    lwp,
    evidence: {
      tool: report.kind,
      attachment: filename,
      pid: report.pid,
      agreement,
      error: error.what,
      address: error.address,
      block: error.block === null ? null : { where: error.block.where, offset: error.block.offset, size: error.block.size, freed: error.block.freed },
      frames: error.frames.slice(0, shownFrames),
      freed_by: error.block?.freedBy.slice(0, shownFrames) ?? [],
      allocated_by: error.block?.allocatedBy.slice(0, shownFrames) ?? [],
    },
    links: [links[report.kind]],
  };
}

/** Of this process as far as anything tells, and not at odds with the core. */
const ours = (logs: readonly JudgedReport[] | undefined) => (logs ?? []).filter(({ agreement }) => agreement === "same" || agreement === null);

/** The error that ended the process: AddressSanitizer's last one, or the one of valgrind's that is where the signal came. */
function fatalOf({ kind, errors, end }: MemoryReport): MemoryError | null {
  const last = errors.at(-1);
  if (last === undefined || end === null) return null;
  return kind === "asan" || (last.frames[0] !== undefined && last.frames[0].address === end.frames[0]?.address) ? last : null;
}

const firstPage = 0x1000n;

/** Of the core, what is asked here; a report of logs alone has none of it. */
interface CrashedCore {
  readonly crashedLwp: number | null;
  readonly signal?: { readonly address: string | null } | null;
}

type Logged = Pick<Parameters<Finding>[0], "logs"> & { readonly core: CrashedCore };

/** The access that the signal came of was to the first page, which a core without siginfo (valgrind's own, one of abort()) does not tell. */
function nullMeaning({ kind, end, errors }: MemoryReport, core: CrashedCore): Meaning | null {
  const faulted = kind === "valgrind" ? end?.signal === 11 : errors.at(-1)?.what === "SEGV";
  if (!faulted || end?.address == null || core.signal?.address != null || BigInt(end.address) >= firstPage) return null;
  const offset = BigInt(end.address);
  return { code: "null_dereference", what: `A null pointer was dereferenced${offset === 0n ? "" : `, at offset ${offset}`}` };
}

/** The crash itself, as the tool saw it. */
export const crashInLog = ({ core, logs }: Logged): Diagnosis | null => {
  for (const judged of ours(logs)) {
    const fatal = fatalOf(judged.report);
    const meaning = fatal === null ? null : (meaningOf(fatal) ?? nullMeaning(judged.report, core));
    if (fatal === null || meaning === null) continue;
    return toDiagnosis(judged, fatal, meaning, judged.agreement === "same" ? "certain" : "likely", core.crashedLwp, "");
  }
  return null;
};

/** Damage that was done before the crash: the first bad write, else the first bad read. That it led to the crash is not proven. */
export const damageInLog = ({ core, logs }: Logged): Diagnosis | null => {
  for (const judged of ours(logs)) {
    const fatal = fatalOf(judged.report);
    const earlier = judged.report.errors.flatMap((error) => {
      const meaning = error === fatal ? null : meaningOf(error);
      return meaning === null ? [] : [{ error, meaning }];
    });
    const worst = earlier.find(({ error, meaning }) => error.access === "write" || meaning.code === "invalid_free") ?? earlier[0];
    if (worst === undefined) continue;
    const writes = worst.error.access === "write" || worst.meaning.code === "invalid_free";
    const count = earlier.length === 1 ? "" : ` It is one of ${earlier.length} such errors before the crash.`;
    return toDiagnosis(judged, worst.error, worst.meaning, judged.agreement === "same" && writes ? "likely" : "possible", core.crashedLwp, count);
  }
  return null;
};
