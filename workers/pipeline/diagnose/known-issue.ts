/** Which known issues a crash looks like; each beside the finding that it leans on, never instead of it. */
import type { Diagnosis, NativeFrame } from "../../../services/contract/report.ts";
import type { Evidence } from "./evidence.ts";
import { type KnownIssue, knownIssues } from "./known-issues.ts";

const minorOf = (version: string) => {
  const [major = 0, minor = 0] = version.split(".").map((part) => Number.parseInt(part, 10));
  return major * 1_000 + minor;
};

const concerns = ({ from, to }: KnownIssue, version: string) =>
  (from === null || minorOf(version) >= minorOf(from)) && (to === null || minorOf(version) <= minorOf(to));

export function matchingIssues({ core, site, threads, python }: Evidence, found: readonly Diagnosis[]): Diagnosis[] {
  const info = python?.python ?? null;
  const crashed = threads.find((thread) => thread.crashed);
  const { signal } = site;
  if (info === null || crashed === undefined || signal === null || site.sent) return [];
  const all = crashed.native_frames.filter((frame): frame is NativeFrame => frame.kind === "native");
  const at = site.pc === null ? -1 : all.findIndex((frame) => frame.pc === site.pc);
  const seen = { python: info, crashed, frames: at < 0 ? all : all.slice(at), finding: (code: string) => found.find((each) => each.code === code) ?? null };
  return knownIssues
    .filter((issue) => concerns(issue, info.version) && issue.seen(seen))
    .map(({ id, title, advice, links }) => ({
      code: "known_issue",
      title,
      detail: `This crash looks like a known one. ${advice}`,
      confidence: "possible",
      lwp: core.crashedLwp,
      evidence: { pattern: id, version: info.version },
      links: [...links],
    }));
}
