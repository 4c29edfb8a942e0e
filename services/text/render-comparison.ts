/** Two crashes as a person compares them: the differences, then one column of frames with a mark for each stack. */
import type { ComparedFrame, Comparison, Pair } from "../contract/comparison.ts";
import { safeCut } from "./safe-text.ts";

const marks = { both: "  ", one: "- ", other: "+ " } as const;
const longest = 160;

const sideLine = (mark: string, { job_id, signature }: Comparison["one"]) =>
  `${mark} ${job_id}  ${signature === null ? "no signature" : `${signature.hash}  ${safeCut(signature.title, longest)}`}`;

const pairLines = (title: string, pairs: readonly Pair[]) =>
  pairs.length === 0
    ? []
    : ["", title, ...pairs.map(({ name, one, other }) => `  ${safeCut(name, 60)}: ${safeCut(one ?? "none", 80)} | ${safeCut(other ?? "none", 80)}`)];

function frameLine({ kind, key, in: where, one, other }: ComparedFrame): string {
  const place = one === other || one === null || other === null ? (one ?? other ?? "") : `${one} | ${other}`;
  return `${marks[where]}${kind === "native" ? "c " : "py"}  ${safeCut(key, 60).padEnd(44)}  ${safeCut(place, longest)}`.trimEnd();
}

export function renderComparison(comparison: Comparison): string {
  const { frames, common, common_innermost, common_outermost, part_behind, diagnoses } = comparison;
  const lists = [
    ["both", diagnoses.both],
    ["- only", diagnoses.one],
    ["+ only", diagnoses.other],
  ] as const;
  const found = lists.flatMap(([label, codes]) => (codes.length === 0 ? [] : [`  ${label}: ${codes.join(", ")}`]));
  return [
    sideLine("-", comparison.one),
    sideLine("+", comparison.other),
    comparison.same_signature ? "the same signature" : "different signatures",
    ...pairLines("Differences", comparison.differences),
    ...pairLines("Extension modules", comparison.extensions),
    ...pairLines("Builds", comparison.modules),
    ...pairLines("Labels", comparison.labels),
    ...(found.length === 0 ? [] : ["", "Diagnoses", ...found]),
    "",
    `Crashed threads, innermost first: ${common} frames in common, ${common_innermost} from the crash outwards, ${common_outermost} from the outermost inwards`,
    ...(part_behind === null ? [] : [`they part behind ${safeCut(part_behind, longest)}`]),
    ...frames.map(frameLine),
    "",
  ].join("\n");
}
