/** The fields of an upload: labels, when_missing, options and priority. They may come as fields or as files. */
import type { Labels } from "../../contract/common.ts";
import { Failure, type FailureCode } from "../../contract/failure.ts";
import { jobPriorities, type JobPriority, type WhenMissing } from "../../contract/job.ts";
import { checkedLabels, type LabelLimits } from "../../contract/labels.ts";
import type { ChunkSource } from "./chunk-source.ts";

/** Room for all labels at their largest, with every byte escaped. */
export const fieldBytes = (limits: LabelLimits) => 64 + limits.labels_per_job * (2 * 6 * limits.label_bytes + 8);

const invalidCode: Readonly<Record<string, FailureCode>> = {
  when_missing: "when_missing_invalid",
  options: "options_invalid",
  priority: "priority_invalid",
  sha256: "digest_invalid",
  digest: "digest_invalid",
};

/** The text of a field; bytes that are no UTF-8 are refused. */
export async function readField(body: ChunkSource, name: string, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for (let chunk = await body.next(); chunk !== null; chunk = await body.next()) {
    size += chunk.length;
    if (size > limit) throw new Failure("upload_too_large", `the part ${JSON.stringify(name)} is larger than ${limit} bytes`);
    chunks.push(Buffer.from(chunk)); // a copy, so that a small field does not keep a large chunk
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
  } catch (error) {
    throw new Failure(invalidCode[name] ?? "labels_invalid", `the part ${JSON.stringify(name)} is not UTF-8`, { cause: error });
  }
}

const invalid = (detail: string) => new Failure("labels_invalid", detail);
const shown = (text: string) => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid(`${shown(text)} is not JSON`);
  }
}

/** A JSON object of strings within the limits. */
export function parseLabels(text: string, limits: LabelLimits): Labels {
  const value = parseJson(text);
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw invalid(`${shown(text)} is not a JSON object`);
  return checkedLabels(value, limits);
}

export function parsePriority(text: string): JobPriority {
  const value = text.trim();
  const found = jobPriorities.find((each) => each === value);
  if (found === undefined) throw new Failure("priority_invalid", `priority=${shown(value)} is none of ${jobPriorities.join(", ")}`);
  return found;
}

export function parseWhenMissing(text: string): WhenMissing {
  const value = text.trim();
  if (value === "analyze" || value === "wait") return value;
  throw new Failure("when_missing_invalid", `when_missing=${shown(value)} is neither "analyze" nor "wait"`);
}
