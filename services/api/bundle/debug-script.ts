/** What a bundle holds besides files of the store: the script that opens it, and the helpers' manifest. */
import type { CoreFacts } from "../../intake/core/core-facts.ts";
import type { ViewPlan } from "../../intake/needs/view-plan.ts";
import type { Limits } from "../../contract/limits.ts";

/** The helpers' manifest, as the worker writes it, with paths relative to the bundle; `debug.sh` starts gdb there. */
export function bundleManifest(facts: CoreFacts, plan: ViewPlan, limits: Pick<Limits, "frames_per_thread" | "threads">): string {
  const manifest = {
    core: "core",
    machine: facts.machine,
    executable: facts.executable,
    crashed_lwp: facts.crashedLwp,
    modules: plan.modules.map(({ choice: { module }, file, debugFile }) => ({
      path: module.path,
      build_id: module.buildId,
      file,
      debug_file: debugFile,
      mappings: module.mappings.map(({ start, end, offset }) => ({ start, end, offset })),
    })),
    frames_per_thread: limits.frames_per_thread,
    threads: limits.threads,
  };
  return `${JSON.stringify(manifest, null, 1)}\n`;
}

/** gdb's commands, run in the bundle's folder. Nothing of the files is executed and nothing is asked of anybody. */
const settings = [
  "set auto-load off",
  "set debuginfod enabled off",
  "set sysroot sysroot",
  "set debug-file-directory debug",
  "set may-call-functions off",
  "set may-write-memory off",
  "set backtrace past-main on",
  "set print max-depth 5",
  "set pagination off",
];

const shellQuoted = (text: string) => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** `executable`: relative to the bundle; null when it was never sent. */
export function debugScript(jobId: string, executable: string | null, hasIndex: boolean): string {
  const all = hasIndex ? [...settings, "set index-cache directory index", "set index-cache enabled on"] : settings;
  return `#!/bin/sh
# Opens the core of Inquest's job ${jobId} in a local gdb, with the files and the settings of the analysis.
#
#   sh debug.sh                      an interactive gdb; the report first, if there is one
#   sh debug.sh -batch -ex bt        any of gdb's options
#   GDB=gdb-multiarch sh debug.sh    another gdb
#
# In gdb, \`inquest-python\` and \`inquest-native\` run the analysis again and write out/python.json and out/native.json.
set -eu
cd "$(dirname "$0")"
mkdir -p out
[ $# -gt 0 ] || [ ! -f report.txt ] || cat report.txt
exec "\${GDB:-gdb}" -nx -q \\
${all.map((each) => `  -iex ${shellQuoted(each)} \\`).join("\n")}
  ${executable === null ? "" : `-ex ${shellQuoted(`file ${gdbQuoted(executable)}`)} `}-ex 'core-file core' \\
  -ex 'source gdb-scripts/load.py' -ex 'source inquest.gdb' "$@"
`;
}

/** For gdb's own argument splitter. */
const gdbQuoted = (path: string) => `"${path.replace(/[\\"]/g, String.raw`\$&`)}"`;

export const gdbCommands = `define inquest-python
  interpreter-exec mi3 "-inquest-python manifest.json out/python.json"
end
document inquest-python
Read the Python side of the core into out/python.json.
end
define inquest-native
  interpreter-exec mi3 "-inquest-native manifest.json out/native.json"
end
document inquest-native
Read gdb's side of the core into out/native.json.
end
`;
