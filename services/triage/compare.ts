/** What two reports have in common, and where they part. Pure. */
import type { Labels } from "../contract/common.ts";
import type { ComparedFrame, Comparison, Pair } from "../contract/comparison.ts";
import type { Report } from "../contract/report.ts";
import type { NativeFrame, PythonFrame } from "../contract/thread.ts";
import { align } from "./align.ts";
import { moduleName, plainNativeName } from "./native-name.ts";
import { programRoot, pythonPlace } from "./python-place.ts";

const mostFrames = 600;

export interface Compared {
  readonly report: Report;
  readonly labels: Labels;
}

interface KeyedPlace {
  readonly kind: ComparedFrame["kind"];
  readonly key: string;
  readonly place: string;
}

/** Interpreters of several releases are one module: `python3.12`, `libpython3.9` and `python3` are `python`. */
const familyOf = (module: string): string => (/^(lib)?python\d?(\.\d+)?\w*$/.test(module) ? "python" : module);

function nativePlace(frame: NativeFrame): KeyedPlace {
  const module = frame.module === null ? "?" : familyOf(moduleName(frame.module));
  const name = frame.exported ?? frame.function;
  const where = frame.file === null ? `${frame.module ?? "?"}+${frame.offset ?? "?"}` : `${frame.file}:${frame.line ?? "?"}`;
  return { kind: "native", key: `${module}!${name === null ? (frame.offset ?? "?") : plainNativeName(name)}`, place: where };
}

function pythonFramePlace(frame: PythonFrame, root: string | null): KeyedPlace {
  // The plain name: qualified ones came with 3.11.
  return { kind: "python", key: `${pythonPlace(frame.file, root).module}.${frame.function}`, place: `${frame.file ?? "?"}:${frame.line ?? "?"}` };
}

/** Of the crashed thread, else of the first; inlined frames exist only where there is debug info. */
function stackOf(report: Report): { readonly places: readonly KeyedPlace[]; readonly truncated: boolean } {
  const thread = report.threads.find(({ crashed }) => crashed) ?? report.threads[0];
  const root = programRoot(report.threads, report.process.pid);
  const all = (thread?.frames ?? []).flatMap((frame): KeyedPlace[] => {
    if (frame.kind === "folded" || (frame.kind === "native" && frame.inlined)) return [];
    return [frame.kind === "native" ? nativePlace(frame) : pythonFramePlace(frame, root)];
  });
  return { places: all.slice(0, mostFrames), truncated: all.length > mostFrames || thread?.truncated === true };
}

function pairs(one: ReadonlyMap<string, string | null>, other: ReadonlyMap<string, string | null>): Pair[] {
  return [...new Set([...one.keys(), ...other.keys()])]
    .map((name) => ({ name, one: one.get(name) ?? null, other: other.get(name) ?? null }))
    .filter((pair) => pair.one !== pair.other)
    .toSorted((first, second) => (first.name < second.name ? -1 : 1));
}

const told = (value: boolean | null | undefined): string | null => (value == null ? null : String(value));

const factsOf = ({ process, python }: Report): ReadonlyMap<string, string | null> =>
  new Map([
    ["signal", process.signal?.name ?? process.signal?.number.toString() ?? null],
    ["signal_code", process.signal?.code ?? null],
    ["executable", process.executable],
    ["python_version", python?.version ?? null],
    ["python_implementation", python?.implementation ?? null],
    ["debug_build", told(python?.build.debug)],
    ["free_threaded", told(python?.build.free_threaded)],
    ["malloc", python?.flags.malloc ?? null],
  ]);

const extensionsOf = ({ python }: Report) =>
  new Map((python?.extension_modules ?? []).filter((each) => each.third_party).map(({ name, version }) => [name, version ?? "unknown version"]));

const buildIds = ({ modules }: Report) => new Map(modules.map(({ path, build_id }) => [moduleName(path), build_id]));

const sideOf = ({ job_id, signature }: Report): Comparison["one"] => ({
  job_id,
  signature: signature === null ? null : { hash: signature.hash, title: signature.title },
});

const sharedRun = (frames: readonly ComparedFrame[]): number => {
  const end = frames.findIndex((frame) => frame.in !== "both");
  return end < 0 ? frames.length : end;
};

export function compare(one: Compared, other: Compared): Comparison {
  const [first, second] = [stackOf(one.report), stackOf(other.report)];
  const keys = ({ places }: typeof first) => places.map(({ kind, key }) => `${kind} ${key}`);
  const frames = align(keys(first), keys(second)).flatMap(({ one: at, other: otherAt }): ComparedFrame[] => {
    const [mine, theirs] = [at === null ? undefined : first.places[at], otherAt === null ? undefined : second.places[otherAt]];
    const known = mine ?? theirs;
    if (known === undefined) return [];
    const where = mine === undefined ? "other" : theirs === undefined ? "one" : "both";
    return [{ kind: known.kind, key: known.key, in: where, one: mine?.place ?? null, other: theirs?.place ?? null }];
  });
  const outermost = sharedRun(frames.toReversed());
  const codes = ({ report }: Compared) => [...new Set(report.diagnoses.map(({ code }) => code))];
  const [mine, theirs] = [codes(one), codes(other)];
  const hash = one.report.signature?.hash;
  // Only what both have: a file that one lacks says as a rule that it was not mapped there.
  const modules = pairs(buildIds(one.report), buildIds(other.report)).filter((pair) => pair.one !== null && pair.other !== null);
  return {
    one: sideOf(one.report),
    other: sideOf(other.report),
    same_signature: hash !== undefined && hash === other.report.signature?.hash,
    frames,
    common: frames.filter((frame) => frame.in === "both").length,
    common_innermost: sharedRun(frames),
    common_outermost: outermost,
    part_behind: outermost === frames.length ? null : frames.at(-outermost)?.in === "both" && outermost > 0 ? (frames.at(-outermost)?.key ?? null) : null,
    truncated: first.truncated || second.truncated,
    differences: pairs(factsOf(one.report), factsOf(other.report)),
    extensions: pairs(extensionsOf(one.report), extensionsOf(other.report)),
    modules,
    labels: pairs(new Map(Object.entries(one.labels)), new Map(Object.entries(other.labels))),
    diagnoses: {
      both: mine.filter((code) => theirs.includes(code)),
      one: mine.filter((code) => !theirs.includes(code)),
      other: theirs.filter((code) => !mine.includes(code)),
    },
  };
}
