/** Frames as lines: number, language, function, place; below a Python frame its source line and its locals. */
import type { FoldedFrames, Frame, NativeFrame, PythonFrame } from "../contract/thread.ts";
import { pageWidth } from "./layout.ts";
import { columns, safeCut } from "./safe-text.ts";

export interface FrameStyle {
  readonly locals: boolean;
}

const longestName = 240;
const localsPerFrame = 40;

export const lastPart = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

export const pythonName = (frame: PythonFrame): string => safeCut(frame.qualname ?? frame.defined_as ?? frame.function, longestName);

export function pythonPlace(frame: PythonFrame): string {
  if (frame.file === null) return "";
  return `${safeCut(frame.file, longestName)}${frame.line === null ? "" : `:${frame.line}`}`;
}

export const nativeName = (frame: NativeFrame): string => safeCut(frame.function ?? "??", longestName);

/** `callproc.c:923`, else `libc.so.6+0x9a3c1`, else the address. */
export function nativePlace(frame: NativeFrame): string {
  const module = frame.module === null ? "" : safeCut(lastPart(frame.module), longestName);
  if (frame.file !== null) return `${safeCut(frame.file, longestName)}${frame.line === null ? "" : `:${frame.line}`}${module === "" ? "" : `  (${module})`}`;
  if (module !== "") return `${module}${frame.offset === null ? "" : `+${frame.offset}`}`;
  return frame.pc === null ? "" : `at ${frame.pc}`;
}

function nativeNotes(frame: NativeFrame): string {
  const notes = [...(frame.inlined ? ["inlined"] : []), ...(frame.trust === "scan" ? ["guessed from the stack"] : [])];
  return notes.length === 0 ? "" : `  [${notes.join(", ")}]`;
}

/** One line where it fits, else the place on a line of its own. */
function frameLines(head: string, place: string, indent: string): readonly string[] {
  if (place === "") return [head];
  const gap = Math.max(2, 40 - columns(head));
  if (columns(head) + gap + columns(place) <= pageWidth) return [`${head}${" ".repeat(gap)}${place}`];
  if (columns(head) + 2 + columns(place) <= pageWidth) return [`${head}  ${place}`];
  return [head, `${indent}${place}`];
}

function localLines(frame: PythonFrame, indent: string): readonly string[] {
  const shown = frame.locals.slice(0, localsPerFrame);
  const width = Math.min(20, Math.max(0, ...shown.map((local) => columns(safeCut(local.name, 40)))));
  const lines = shown.map((local) => {
    const head = `${indent}${safeCut(local.name, 40).padEnd(width)} = `;
    return `${head}${safeCut(local.repr, Math.max(20, pageWidth - columns(head)))}`;
  });
  return frame.locals.length > shown.length ? [...lines, `${indent}… ${frame.locals.length - shown.length} more`] : lines;
}

export function foldedText({ cycle, count }: FoldedFrames): string {
  if (count === 1) return `… ${cycle} frames left out`;
  return cycle === 1 ? `… the frame above, ${count} more times` : `… the ${cycle} frames above, ${count} more times`;
}

function* linesOf(frame: Frame, number: number, width: number, style: FrameStyle): Generator<string> {
  const indent = " ".repeat(width + 9);
  if (frame.kind === "folded") {
    yield `${" ".repeat(width + 5)}${foldedText(frame)}`;
    return;
  }
  const mark = `  #${String(number).padEnd(width)} ${frame.kind === "native" ? "c " : "py"} `;
  if (frame.kind === "native") {
    yield* frameLines(`${mark}${nativeName(frame)}${nativeNotes(frame)}`, nativePlace(frame), indent);
    return;
  }
  const damaged = frame.status === "partial" ? "  [damaged]" : "";
  yield* frameLines(`${mark}${pythonName(frame)}${damaged}`, pythonPlace(frame), indent);
  if (frame.source_line !== null) yield `${indent}${safeCut(frame.source_line.trim(), pageWidth - indent.length)}`;
  if (style.locals) yield* localLines(frame, `${indent}  `);
}

/** Numbered from 0; folded frames count as the number of frames they stand for. */
export function stackLines(frames: readonly Frame[], style: FrameStyle): string[] {
  const total = frames.reduce((sum, frame) => sum + (frame.kind === "folded" ? frame.cycle * frame.count : 1), 0);
  const width = String(Math.max(0, total - 1)).length;
  const lines: string[] = [];
  let number = 0;
  for (const frame of frames) {
    lines.push(...linesOf(frame, number, width, style));
    number += frame.kind === "folded" ? frame.cycle * frame.count : 1;
  }
  return lines;
}
