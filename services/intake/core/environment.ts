/**
 * The environment that a program was started with: names, and values of those that are known to hold no secret.
 *
 * An environment is where services keep their passwords, so a value is read only for a name of this list; it explains crashes (locale,
 * allocator, threads of numeric libraries, search paths) and cannot be a credential by what the name means.
 */
import type { CoreMemory } from "./core-memory.ts";

export interface StartingVariable {
  readonly name: string;
  readonly value: string | null;
}

/** CPython's own (`python --help-env`), by name: a program's PYTHON_API_KEY is none of them. */
const pythons = new Set(
  (
    "ASYNCIODEBUG BREAKPOINT CASEOK COERCECLOCALE DEBUG DEVMODE DONTWRITEBYTECODE DUMPREFS EXECUTABLE FAULTHANDLER FROZENMODULES GIL HASHSEED HOME INSPECT " +
    "INTMAXSTRDIGITS IOENCODING JIT LEGACYWINDOWSFSENCODING MALLOC MALLOCSTATS NODEBUGRANGES NOUSERSITE OPTIMIZE PATH PERFSUPPORT PLATLIBDIR PROFILEIMPORTTIME " +
    "PYCACHEPREFIX SAFEPATH STARTUP THREADDEBUG TLBC TRACEMALLOC UNBUFFERED USERBASE UTF8 VERBOSE WARNDEFAULTENCODING WARNINGS"
  ).split(" "),
);
const others =
  /^(LANG|LANGUAGE|LC_[A-Z]+|TZ|PWD|VIRTUAL_ENV|CONDA_DEFAULT_ENV|CONDA_PREFIX|MALLOC_[A-Z_]+|GLIBC_TUNABLES|LD_(LIBRARY_PATH|PRELOAD|BIND_NOW)|(A|UB|T|L)SAN_OPTIONS|(OMP|MKL|OPENBLAS|GOTO|NUMEXPR|VECLIB|BLIS)_[A-Z_]*(THREADS|CORETYPE|DYNAMIC|BIND|PLACES|STACKSIZE|SCHEDULE)|KMP_[A-Z_]+|CUDA_VISIBLE_DEVICES|NPY_[A-Z_]+)$/;

export const isHarmless = (name: string): boolean => (name.startsWith("PYTHON") ? pythons.has(name.slice("PYTHON".length)) : others.test(name));

const mostVariables = 1_000;
const longestName = 256;
const longestValue = 1_024;
const plainName = /^[A-Za-z_][\w.%()-]*$/;

/** Null when none of the strings is a variable: programs that set their title write over them. */
export async function readEnvironment(memory: CoreMemory, pointers: readonly bigint[]): Promise<readonly StartingVariable[] | null> {
  const found: StartingVariable[] = [];
  for (const pointer of pointers.slice(0, mostVariables)) {
    const head = await memory.text(pointer, longestName);
    const end = head?.indexOf("=") ?? -1;
    if (head === null || end <= 0 || !plainName.test(head.slice(0, end))) continue;
    const name = head.slice(0, end);
    const value = isHarmless(name) ? await memory.text(pointer + BigInt(end + 1), longestValue) : null;
    found.push({ name, value });
  }
  return found.length === 0 && pointers.length > 0 ? null : found;
}
