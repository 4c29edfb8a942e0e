/** The signals that faulthandler handles, by its own words for them (Modules/faulthandler.c; `Floating point` with a blank up to 3.12). */
const faults: Readonly<Record<string, string>> = {
  "Segmentation fault": "SIGSEGV",
  Aborted: "SIGABRT",
  "Bus error": "SIGBUS",
  "Floating point exception": "SIGFPE",
  "Floating-point exception": "SIGFPE",
  "Illegal instruction": "SIGILL",
};

/** Null for a message of `Py_FatalError`, which ends in abort(). */
export const signalOfFault = (message: string | null): string | null => (message === null ? null : (faults[message] ?? null));
