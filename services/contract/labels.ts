/** What labels may be: names and values of a limited length, so many of them. */
import type { Labels } from "./common.ts";
import { Failure } from "./failure.ts";
import type { LabelChange } from "./job.ts";
import type { Limits } from "./limits.ts";

export type LabelLimits = Pick<Limits, "labels_per_job" | "label_bytes">;

const invalid = (detail: string) => new Failure("labels_invalid", detail);
const shown = (text: string) => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);

/** Throws `labels_invalid`, naming what is wrong. */
export function checkedLabels(value: object, limits: LabelLimits): Labels {
  const labels = Object.entries(value).map(([name, label]: [string, unknown]): [string, string] => {
    if (typeof label !== "string") throw invalid(`the label ${shown(name)} is ${JSON.stringify(label)?.slice(0, 80)}, not a string`);
    if (name === "") throw invalid("a label has an empty name");
    if (/\p{Cc}/u.test(name)) throw invalid(`the name of the label ${shown(name)} has control characters`);
    const size = Math.max(Buffer.byteLength(name), Buffer.byteLength(label));
    if (size > limits.label_bytes) throw invalid(`the label ${shown(name)} has ${size} bytes; ${limits.label_bytes} are taken`);
    return [name, label.toWellFormed()];
  });
  if (labels.length > limits.labels_per_job) throw invalid(`there are ${labels.length} labels; ${limits.labels_per_job} are taken`);
  return Object.fromEntries(labels);
}

/** Null takes a label away, the labels that are not named stay. Throws `labels_invalid`. */
export function changedLabels(labels: Labels, change: LabelChange, limits: LabelLimits): Labels {
  const merged = Object.entries({ ...labels, ...change }).filter(([, value]) => value !== null);
  return checkedLabels(Object.fromEntries(merged), limits);
}
