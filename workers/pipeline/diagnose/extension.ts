/**
 * The third-party extension nearest the crash: only where one of its functions lies between the crash and the first Python frame, so that Python
 * had called it and it had not come back. Being loaded says nothing.
 */
import type { ExtensionModule } from "../../../services/contract/interpreter.ts";
import type { NativeFrame, Thread } from "../../../services/contract/thread.ts";
import type { Evidence, Finding } from "./evidence.ts";

/** The innermost frames of the thread up to the first of Python's, from the one on that the signal struck. */
function calledLast(thread: Thread, pc: string | null): readonly NativeFrame[] {
  const frames: NativeFrame[] = [];
  for (const frame of thread.frames) {
    if (frame.kind === "python") break;
    if (frame.kind === "native") frames.push(frame);
  }
  const struck = pc === null ? 0 : frames.findIndex((frame) => frame.pc === pc);
  return frames.slice(Math.max(0, struck));
}

interface Nearest {
  readonly extension: ExtensionModule;
  /** Its name: of what is inlined, mostly macros of Python's own headers, that of the function round it. */
  readonly called: string | null;
  readonly at: number;
}

function nearest({ python, threads, site }: Evidence): Nearest | null {
  const crashed = threads.find((thread) => thread.crashed);
  const extensions = new Map((python?.python?.extension_modules ?? []).filter((each) => each.third_party).map((each) => [each.path, each]));
  if (crashed === undefined || crashed.python_frames.length === 0 || extensions.size === 0) return null;
  const frames = calledLast(crashed, site.pc);
  for (const [at, frame] of frames.entries()) {
    const extension = frame.module === null || frame.trust === "scan" ? undefined : extensions.get(frame.module);
    if (extension === undefined) continue;
    const round = frames.slice(at).find(({ inlined, module }) => !inlined && module === frame.module) ?? frame;
    return { extension, called: round.function, at };
  }
  return null;
}

export const thirdPartyExtension: Finding = (evidence) => {
  const { core, site } = evidence;
  if (core.processAlive || site.signal === null) return null;
  // A signal that came from elsewhere strikes whatever runs.
  if (site.sent && site.signal.name !== "SIGABRT") return null;
  if (site.sent && site.signal.sender_pid !== core.pid) return null;
  const found = nearest(evidence);
  if (found === null) return null;
  const { extension, called, at } = found;
  const version = extension.version === null ? "" : ` ${extension.version}`;
  const name = `${extension.name}${version}`;
  return {
    code: "third_party_extension",
    title: at === 0 ? `The crash is in the third-party extension ${name}` : `The crash is in code that the third-party extension ${name} called`,
    detail: `${called ?? "A function"} of ${extension.path} is ${at === 0 ? "the innermost frame" : `${at} frame${at === 1 ? "" : "s"} from the crash`}, and Python had called into it. Look for its known issues and newer versions, and at what it was given.`,
    confidence: at === 0 ? "likely" : "possible",
    lwp: core.crashedLwp,
    evidence: { module: extension.name, path: extension.path, version: extension.version, function: called, frame: at },
    links: [],
  };
};
