/**
 * A crash as SARIF 2.1.0, for tools that show findings at lines of code: the rule is the diagnosis, the location the
 * innermost Python frame of the user's own code, the flow leads there from the program's start.
 */
import { posix } from "node:path";
import type { Report } from "../contract/report.ts";
import type { Frame, PythonFrame } from "../contract/thread.ts";
import type { Sarif, SarifLocation } from "../contract/sarif.ts";
import { programRoot, pythonName, pythonPlace } from "./python-place.ts";

const schema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/** The folder of the program; files below it are told relative to it, so that they match a repository's. */
const base = "PROGRAM";
const mostFrames = 200;

/** As a URI's path. Tools refuse one with `..` in it, which a program that was started as `../app.py` has in its files' names. */
const encoded = (path: string): string => posix.normalize(path).split("/").map(encodeURIComponent).join("/");

function artifactOf(file: string, root: string | null): { readonly uri: string; readonly uriBaseId?: string } | null {
  if (file.startsWith("<") || file === "") return null;
  if (root !== null && file.startsWith(root) && file.length > root.length) return { uri: encoded(file.slice(root.length)), uriBaseId: base };
  return { uri: file.startsWith("/") ? `file://${encoded(file)}` : encoded(file) };
}

/** CPython's column, from 0 in bytes of UTF-8, as SARIF's, from 1 in characters. */
function columnOf(bytes: number | null, line: string | null): number | null {
  if (bytes === null) return null;
  if (line === null) return bytes + 1;
  return Array.from(Buffer.from(line).subarray(0, bytes).toString()).length + 1;
}

function regionOf(frame: PythonFrame): NonNullable<NonNullable<SarifLocation["physicalLocation"]>["region"]> | null {
  const { line, end_line: endLine, source_line: source } = frame;
  if (line === null || line < 1) return null;
  const [from, to] = [columnOf(frame.column, source), columnOf(frame.end_column, endLine === null || endLine === line ? source : null)];
  const ends = endLine !== null && endLine >= line;
  return {
    startLine: line,
    ...(from === null ? {} : { startColumn: from }),
    ...(ends ? { endLine } : {}),
    ...(from !== null && to !== null && ends && (endLine > line || to > from) ? { endColumn: to } : {}),
  };
}

function locationOf(frame: Exclude<Frame, { kind: "folded" }>, root: string | null): SarifLocation {
  const python = frame.kind === "python";
  const artifact = frame.file === null ? null : artifactOf(frame.file, root);
  const region = python ? regionOf(frame) : frame.line === null || frame.line < 1 ? null : { startLine: frame.line };
  const name = python
    ? `${pythonPlace(frame.file, root).module}.${pythonName(frame)}`
    : (frame.function ?? frame.exported ?? `${frame.module ?? "?"}+${frame.offset ?? "?"}`);
  return {
    ...(artifact === null ? {} : { physicalLocation: { artifactLocation: artifact, ...(region === null ? {} : { region }) } }),
    logicalLocations: [{ fullyQualifiedName: name, kind: "function" }],
    message: { text: name },
  };
}

interface Rule {
  readonly id: string;
  readonly shortDescription: { readonly text: string };
}

/** One for each code, the most telling first; a crash that no diagnosis explains has a rule of its own. */
function rulesOf(report: Report): readonly [Rule, ...Rule[]] {
  const told = new Map(report.diagnoses.map(({ code, title }): [string, Rule] => [code, { id: code, shortDescription: { text: title } }]));
  const [first, ...rest] = told.values();
  return first === undefined ? [{ id: "crash", shortDescription: { text: "The process died" } }] : [first, ...rest];
}

/** `count`: crashes of the group. */
export function sarifOf(report: Report, group: { readonly hash: string; readonly title: string; readonly count: number }, version: string): Sarif {
  const thread = report.threads.find(({ crashed }) => crashed) ?? report.threads[0];
  const root = programRoot(report.threads, report.process.pid);
  const frames = (thread?.frames ?? []).filter((frame) => frame.kind !== "folded").slice(0, mostFrames);
  const python = frames.filter((frame) => frame.kind === "python");
  const own = python.find((frame) => pythonPlace(frame.file, root).of === "user") ?? python[0] ?? frames[0];
  const rules = rulesOf(report);
  const details = report.diagnoses.map(({ title, confidence }) => `${title} (${confidence}).`);
  const stack = frames.map((frame) => ({
    location: locationOf(frame, root),
    ...(frame.kind === "native" && frame.module !== null ? { module: frame.module } : {}),
    ...(thread?.lwp == null ? {} : { threadId: thread.lwp }),
  }));
  return {
    $schema: schema,
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "Inquest", semanticVersion: version, rules: [...rules] } },
        columnKind: "unicodeCodePoints",
        ...(root === null ? {} : { originalUriBaseIds: { [base]: { uri: `file://${encoded(root)}` } } }),
        results: [
          {
            ruleId: rules[0].id,
            ruleIndex: 0,
            level: "error",
            message: { text: [`${group.title}.`, ...details].join(" ") },
            locations: own === undefined ? [] : [locationOf(own, root)],
            codeFlows:
              python.length === 0 ? [] : [{ threadFlows: [{ locations: python.toReversed().map((frame) => ({ location: locationOf(frame, root) })) }] }],
            stacks: stack.length === 0 ? [] : [{ message: { text: "The crashed thread, innermost frame first" }, frames: stack }],
            partialFingerprints: { "inquestSignature/v1": group.hash },
            occurrenceCount: Math.max(1, group.count),
          },
        ],
      },
    ],
  };
}
