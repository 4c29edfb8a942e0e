/** Which known issues a crash looks like; each beside the finding that it leans on, never instead of it. */
import type { Diagnosis } from "../../../services/contract/report.ts";
import type { NativeFrame } from "../../../services/contract/thread.ts";
import type { Evidence } from "./evidence.ts";
import { type KnownIssue, knownIssues } from "./known-issues.ts";

const minorOf = (version: string) => {
  const [major = 0, minor = 0] = version.split(".").map((part) => Number.parseInt(part, 10));
  return major * 1_000 + minor;
};

const patchOf = (version: string) => Number.parseInt(version.split(".")[2] ?? "", 10);

const mendedIn = ({ mended = [] }: KnownIssue, version: string) =>
  mended.some((release) => minorOf(release) === minorOf(version) && patchOf(version) >= patchOf(release));

const concerns = (issue: KnownIssue, version: string) =>
  (issue.from === null || minorOf(version) >= minorOf(issue.from)) && (issue.to === null || minorOf(version) <= minorOf(issue.to)) && !mendedIn(issue, version);

export function matchingIssues({ core, site, threads, modules, python }: Evidence, found: readonly Diagnosis[]): Diagnosis[] {
  const info = python?.python ?? null;
  const crashed = threads.find((thread) => thread.crashed);
  const { signal } = site;
  if (info === null || crashed === undefined) return [];
  // abort() sends its signal to itself.
  const died = signal !== null && (!site.sent || (signal.name === "SIGABRT" && (signal.sender_pid === null || signal.sender_pid === core.pid)));
  const all = crashed.native_frames.filter((frame): frame is NativeFrame => frame.kind === "native");
  const at = site.pc === null ? -1 : all.findIndex((frame) => frame.pc === site.pc);
  const seen = {
    python: info,
    crashed,
    modules,
    lwps: core.threads.length,
    // A state that no thread has run yet has no id either.
    statesWithoutLwp: python?.threads.filter(({ lwp, python_thread_id: id }) => lwp === null && id !== null && BigInt(id) !== 0n).length ?? 0,
    crashedHasState: python?.threads.some(({ lwp }) => lwp === crashed.lwp) ?? false,
    frames: at < 0 ? all : all.slice(at),
    finding: (code: string) => found.find((each) => each.code === code) ?? null,
  };
  return knownIssues
    .filter((issue) => (died || issue.hangs === true) && concerns(issue, info.version) && issue.seen(seen))
    .map(({ id, title, advice, links }) => ({
      code: "known_issue",
      title,
      detail: `${died ? "This crash looks like a known one" : "This state of a process is a known one"}. ${advice}`,
      confidence: "possible",
      lwp: core.crashedLwp,
      evidence: { pattern: id, version: info.version },
      links: [...links],
    }));
}
