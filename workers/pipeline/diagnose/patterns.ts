/** Bytes that allocators write so that a pointer read from such memory is known at sight. Data. */
export interface Pattern {
  readonly byte: number;
  readonly state: "freed" | "uninitialised" | "forbidden";
  /** In words: whose pattern it is. */
  readonly by: string;
  /** Written by CPython's debug hooks, whose being on can be checked. */
  readonly python: boolean;
  /** The byte is a letter as well, with which programs fill memory too: the allocator's library must be there. */
  readonly library?: RegExp;
}

const debugHooks = "CPython's debug hooks (PYTHONMALLOC=debug)";

/** Objects/obmalloc.c; jemalloc's junk filling; compiler-rt's max_malloc_fill; mimalloc's debug build. */
export const patterns: readonly Pattern[] = [
  { byte: 0xdd, state: "freed", by: debugHooks, python: true },
  { byte: 0xcd, state: "uninitialised", by: debugHooks, python: true },
  { byte: 0xfd, state: "forbidden", by: debugHooks, python: true },
  { byte: 0xdb, state: "freed", by: `${debugHooks} before 3.8`, python: true },
  { byte: 0xcb, state: "uninitialised", by: `${debugHooks} before 3.8`, python: true },
  { byte: 0xfb, state: "forbidden", by: `${debugHooks} before 3.8`, python: true },
  { byte: 0x5a, state: "freed", by: "jemalloc's junk filling", python: false, library: /jemalloc/ },
  { byte: 0xa5, state: "uninitialised", by: "jemalloc's junk filling", python: false },
  { byte: 0xbe, state: "uninitialised", by: "AddressSanitizer's malloc", python: false },
  { byte: 0x55, state: "freed", by: "AddressSanitizer's free (max_free_fill_size)", python: false, library: /asan/ },
  { byte: 0xab, state: "uninitialised", by: "the debug allocator of gperftools", python: false },
  { byte: 0xdf, state: "freed", by: "mimalloc's debug build", python: false },
  { byte: 0xd0, state: "uninitialised", by: "mimalloc's debug build", python: false },
];

const repeated = (byte: number, bytes: number) => BigInt(`0x${byte.toString(16).padStart(2, "0").repeat(bytes)}`);
const furthestField = 1_024n;

/** The pattern that a pointer is made of, or a field a little behind such a pointer; null for any other value. */
export function patternOf(value: bigint, pointerBytes: number): { readonly pattern: Pattern; readonly offset: bigint } | null {
  for (const pattern of patterns) {
    const base = repeated(pattern.byte, pointerBytes);
    const offset = value - base;
    if (offset > -furthestField && offset < furthestField) return { pattern, offset };
  }
  return null;
}
