/** Which check of the debug hooks ended the process, and its block: from the frames' arguments where they are told, and from the message. */
import { Value } from "typebox/value";
import type { NativeFrame } from "../../../services/contract/thread.ts";
import type { CrashSite } from "../crash-site.ts";
import { plainName } from "../plumbing.ts";
import type { Block, DebugBlocks } from "./debug-blocks.ts";
import type { Static } from "typebox";
import type { Evidence } from "./evidence.ts";
import { FatalError } from "./fatal.ts";
import { accessOf } from "./machine-access.ts";

export interface FailedCheck {
  readonly function: string | null;
  readonly block: Block | null;
  /** The letters of the API that the block is of and the one that it was given to; null when they agree or are not known. */
  readonly allocated: string | null;
  readonly verified: string | null;
  /** Both letters were read, not guessed. */
  readonly certain: boolean;
}

const checks = /^(_PyMem_Debug\w*|_PyObject_Debug(DumpAddress|CheckAddress|CheckAddressApi|Free|Realloc))$/;
const badId = /bad ID: Allocated using API '(.)', verified using API '(.)'/;

const argument = (frames: readonly NativeFrame[], ...names: readonly string[]) =>
  frames.flatMap((frame) =>
    frame.arguments.filter(({ name }) => names.includes(name)).flatMap(({ value }) => /^(?:\([^)]*\) )?(0x[0-9a-f]+)/.exec(value)?.[1] ?? []),
  )[0] ?? null;

export function failedCheck({ site, threads, native }: Evidence, blocks: Static<typeof DebugBlocks> | null): FailedCheck | null {
  const frames = threads.find((thread) => thread.crashed)?.native_frames.filter((frame): frame is NativeFrame => frame.kind === "native") ?? [];
  const near = frames.slice(0, 40).filter((frame) => frame.function !== null && checks.test(plainName(frame.function)));
  const fatal = native?.facts["fatal_error"];
  const message = site.signal?.name === "SIGABRT" && Value.Check(FatalError, fatal) ? badId.exec(fatal.message) : null;
  if (near.length === 0 && message === null) return null;
  const at = argument(near, "p", "ptr", "q");
  const known = [...(blocks?.damaged ?? []), ...(blocks?.whole ?? [])];
  const block = known.find((each) => each.address === at) ?? null;
  const name = near.at(-1)?.function ?? null;
  if (message !== null) {
    const [, allocated = null, verified = null] = message;
    const alike = (blocks?.whole ?? []).filter((each) => each.api === allocated);
    return { function: name, block: block ?? (alike.length === 1 ? (alike[0] ?? null) : null), allocated, verified, certain: true };
  }
  const context = argument(near, "ctx");
  const letter = Object.entries(blocks?.contexts ?? {}).find(([, address]) => address === context)?.[0] ?? null;
  const differs = site.signal?.name === "SIGABRT" && block !== null && block.damage === null && block.api !== null && letter !== null && letter !== block.api;
  return { function: name, block, allocated: differs ? block.api : null, verified: differs ? letter : null, certain: differs };
}

/** The check found no header of a block: its message has another letter than an API's, or describing the block led nowhere. */
export interface NoBlock {
  readonly address: string | null;
  /** The process died while the failed check described the block, whose size is none. */
  readonly describing: boolean;
}

const gaveUp = /^_?Py_FatalError/;
const givesUp = /^_Py(Mem|Object)_DebugCheckAddress(Api)?$/;
const dumps = /^_PyObject_DebugDumpAddress$/;
/** What the check says of a block whose pads are damaged, wherever that block is. */
const badPads = /^bad (leading|trailing) pad byte/;

/** The message of a failed check of the pads, where the block itself was not found. */
export function saidOfPads({ site, native }: Evidence): string | null {
  const fatal = native?.facts["fatal_error"];
  return site.signal?.name === "SIGABRT" && Value.Check(FatalError, fatal) && badPads.test(fatal.message) ? fatal.message : null;
}

const unknownId = /^bad ID: Allocated using API '(?!(?:[rmo])')/;

/** As far as an access behind the end of what was taken for a block still is one of the check's. */
const padBytes = 8n;

/** By registers: the check describes a block whose size is none, and reads what stands behind its end. Needs no name of a function. */
function describedBlock(site: CrashSite, blocks: Static<typeof DebugBlocks> | null): NoBlock | null {
  if (blocks?.described == null) return null;
  const { address } = accessOf(site);
  const past = address === null ? null : address - BigInt(blocks.described.tail);
  return past === null || (past >= 0n && past < padBytes) ? { address: blocks.described.address, describing: true } : null;
}

export function givenNoBlock({ site, threads, native }: Evidence, blocks: Static<typeof DebugBlocks> | null): NoBlock | null {
  const frames = threads.find((thread) => thread.crashed)?.native_frames.filter((frame): frame is NativeFrame => frame.kind === "native") ?? [];
  const struck = Math.max(
    frames.findIndex(({ pc }) => pc === site.pc),
    0,
  );
  const near = frames.slice(struck, struck + 40).filter((frame) => frame.function !== null && checks.test(plainName(frame.function)));
  const address = argument(near, "p", "ptr", "q");
  const faulted = !site.sent && (site.signal?.name === "SIGSEGV" || site.signal?.name === "SIGBUS");
  const innermost = frames[struck]?.function ?? null;
  if (faulted) {
    const named = innermost !== null && dumps.test(plainName(innermost)) && near.length > 1;
    return named ? { address, describing: true } : describedBlock(site, blocks);
  }
  if (site.signal?.name !== "SIGABRT") return null;
  const fatal = native?.facts["fatal_error"];
  // Where the message is lost, the function that gave up with it still is the check.
  const fails = Value.Check(FatalError, fatal)
    ? unknownId.test(fatal.message)
    : frames.some(({ function: name }, at) => gaveUp.test(name ?? "") && givesUp.test(plainName(frames[at + 1]?.function ?? "")));
  return fails ? { address, describing: false } : null;
}

/** As `_PyObject_DebugDumpAddress` prints it. */
export function dumpOf(block: Block, word: number): string[] {
  const { address, api, size, leading, trailing, forbidden, serial, allocated_at: places } = block;
  const tail = `0x${(BigInt(address) + BigInt(size)).toString(16)}`;
  const bytes = (hex: string) => hex.match(/../g) ?? [];
  const pads = (what: string, hex: string, place: (at: number) => string) =>
    bytes(hex).every((byte) => byte === forbidden)
      ? [`    ${what} are FORBIDDENBYTE, as expected.`]
      : [
          `    ${what} are not all FORBIDDENBYTE (0x${forbidden}):`,
          ...bytes(hex).map((byte, at) => `        at ${place(at)}: 0x${byte}${byte === forbidden ? "" : " *** OUCH"}`),
        ];
  return [
    `Debug memory block at address p=${address}: API '${api ?? "?"}'`,
    `    ${size} bytes originally requested`,
    ...pads(`The ${word - 1} pad bytes at p-${word - 1}`, leading, (at) => `p-${word - 1 - at}`),
    ...pads(`The ${word} pad bytes at tail=${tail}`, trailing, (at) => `tail+${at}`),
    ...(serial === null ? [] : [`    The block was made by call #${serial} to debug malloc/realloc.`]),
    ...(places == null ? [] : ["Memory block allocated at (most recent call first):", ...places.map(({ file, line }) => `  File "${file}", line ${line}`)]),
  ];
}
