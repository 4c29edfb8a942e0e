/** The page: about a hundred columns, sections with a rule under their titles, words wrapped under their label. */
import { columns } from "./safe-text.ts";

export const pageWidth = 100;

export const section = (title: string): readonly string[] => ["", title, "─".repeat(Math.min(columns(title), pageWidth))];

/** Breaks at blanks; a word longer than the line stays whole, so that paths can be copied. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && columns(line) + 1 + columns(word) > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** `label` in its own column, the text wrapped beside it. */
export function labelled(label: string, text: string, labelWidth = 11): readonly string[] {
  const indent = " ".repeat(labelWidth);
  return wrap(text, pageWidth - labelWidth).map((line, index) => (index === 0 ? label.padEnd(labelWidth) : indent) + line);
}
