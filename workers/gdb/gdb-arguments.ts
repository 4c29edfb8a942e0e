/** gdb's own command line: what keeps it from running code of the upload, reading files of the host, or asking anybody. */
import type { Rung } from "./debugger.ts";

/** Before gdb's Python starts. */
const early = ["set python ignore-environment on", "set python dont-write-bytecode on"];

/** Before any file is loaded. */
const settings = [
  // No script, no setting and no thread library of the upload's; no download.
  "set auto-load off",
  "set debuginfod enabled off",
  "set source open off",
  "set may-call-functions off",
  "set may-write-memory off",
  "set may-write-registers off",
  "set may-insert-breakpoints off",
  "set may-insert-tracepoints off",
  "set auto-connect-native-target off",
  // Files: only those of the job.
  "set sysroot /job/sysroot",
  "set debug-file-directory /job/debug",
  "set substitute-path / /nonexistent/",
  "set index-cache enabled off",
  // Values: bounded.
  "set backtrace limit unlimited",
  "set backtrace past-main on",
  "set print elements 200",
  "set print max-depth 5",
  "set print frame-arguments none",
  "set print static-members off",
  "set print symbol-loading off",
  "set max-value-size 65536",
  "set python print-stack message",
  // Nobody sits in front of it.
  "set confirm off",
  "set pagination off",
  "set width 0",
  "set height 0",
  "set history size 0",
  "maint set worker-threads 0",
  // When it crashes it is to do so at once, and not to spend seconds on its own symbols.
  "maint set backtrace-on-fatal-signal off",
];

export function gdbArguments(rung: Rung): readonly string[] {
  return [
    "-nx",
    "-nh",
    "-q",
    "--interpreter=mi3",
    ...early.flatMap((command) => ["-eiex", command]),
    ...settings.flatMap((command) => ["-iex", command]),
    // See without-dwarf.ts for why this is not gdb's -readnever.
    ...(rung === "readnever" ? ["-iex", "set debug-file-directory /nonexistent"] : []),
  ];
}
