/**
 * What a submission says beside its files. The same words mean the same in a form of one core, in a form of many, in a raw
 * body's query and in the metadata of a resumable upload; here is the one place that reads them.
 */
import type { Labels } from "../../contract/common.ts";
import { Failure, type FailureCode } from "../../contract/failure.ts";
import type { JobPriority, WhenMissing } from "../../contract/job.ts";
import { type JobOptions, noOptions, parseOptions } from "../../contract/job-options.ts";
import type { Limits } from "../../contract/limits.ts";
import type { Part } from "../multipart/form-parts.ts";
import { fieldBytes, parseLabels, parsePriority, parseWhenMissing, readField } from "./form-fields.ts";

export interface SubmissionFields {
  readonly labels: Labels;
  readonly whenMissing: WhenMissing;
  readonly options: JobOptions;
  readonly priority: JobPriority;
}

export const usualFields: SubmissionFields = { labels: {}, whenMissing: "analyze", options: noOptions, priority: "normal" };

type Reader = (text: string, limits: Limits) => Partial<SubmissionFields>;

const readers = {
  labels: (text, limits) => ({ labels: parseLabels(text, limits) }),
  when_missing: (text) => ({ whenMissing: parseWhenMissing(text) }),
  options: (text) => ({ options: parseOptions(text) }),
  priority: (text) => ({ priority: parsePriority(text) }),
} as const satisfies Record<string, Reader>;

export type FieldName = keyof typeof readers;
export const fieldNames = ["labels", "when_missing", "options", "priority"] as const satisfies FieldName[];

const repeated: Readonly<Record<FieldName, FailureCode>> = {
  labels: "labels_invalid",
  when_missing: "when_missing_invalid",
  options: "options_invalid",
  priority: "priority_invalid",
};

export const isFieldName = (name: string): name is FieldName => Object.hasOwn(readers, name);

/** Those of the names that have a text; the others are left out. */
export function readFields(texts: Readonly<Record<string, string | null | undefined>>, limits: Limits): Partial<SubmissionFields> {
  const told = fieldNames.flatMap((name) => {
    const text = texts[name];
    return typeof text === "string" ? [readers[name](text, limits)] : [];
  });
  return Object.assign({}, ...told);
}

/** The fields of a form as its parts come; each may come once. */
export class FormFields {
  readonly #limits: Limits;
  readonly #seen = new Set<FieldName>();
  #told: Partial<SubmissionFields> = {};

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  async take({ body }: Pick<Part, "body">, name: FieldName): Promise<void> {
    const text = await readField(body, name, fieldBytes(this.#limits));
    if (this.#seen.has(name)) throw new Failure(repeated[name], `a second part named \`${name}\` came`);
    this.#seen.add(name);
    this.#told = { ...this.#told, ...readers[name](text, this.#limits) };
  }

  /** `otherwise`: what was said elsewhere, which counts less. */
  fields(otherwise: Partial<SubmissionFields> = {}): SubmissionFields {
    return { ...usualFields, ...otherwise, ...this.#told };
  }
}
