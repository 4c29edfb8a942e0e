/** Findings about what was uploaded rather than about the crash. */
import type { Finding } from "./evidence.ts";

export const truncatedCore: Finding = ({ core }) => {
  if (core.missingBytes <= 0) return null;
  return {
    code: "truncated_core",
    title: `The core is cut off: ${core.missingBytes} bytes are missing`,
    detail: `The file has ${core.size} bytes, its own headers promise ${core.size + core.missingBytes}. Memory in the missing part cannot be shown. Look at the crashed machine's ulimit -c, its free disk and the size limits of systemd-coredump or of the transfer.`,
    confidence: "certain",
    lwp: null,
    evidence: { size: core.size, missing_bytes: core.missingBytes },
    links: [],
  };
};

export const binaryMismatch: Finding = ({ modules }) => {
  const mismatched = modules.filter((module) => module.found === "mismatch");
  if (mismatched.length === 0) return null;
  const paths = mismatched.map((module) => module.path);
  return {
    code: "binary_mismatch",
    title: mismatched.length === 1 ? `Another build of ${paths[0]} was uploaded` : `Other builds of ${mismatched.length} files were uploaded`,
    detail:
      "The build-ids of the uploaded files, or their first pages where the core tells no build-id, differ from those in the core, so they were not used. Upload the very files that ran.",
    confidence: "certain",
    lwp: null,
    evidence: { modules: mismatched.slice(0, 20).map(({ path, build_id }) => ({ path, build_id })) },
    links: [],
  };
};
