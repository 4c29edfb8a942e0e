/** What the sender says of a resumable upload when it begins: the upload is a core, or the whole form that `POST /v1/jobs` takes. */
import { Failure } from "../../contract/failure.ts";
import type { Limits } from "../../contract/limits.ts";
import { cleanFileName } from "../multipart/file-names.ts";
import { digestOfField } from "../receive/sent-digest.ts";
import { fieldNames, readFields, usualFields } from "../receive/submission-fields.ts";

export type UploadMetadata = Readonly<Record<string, string | null>>;

/** A form has parts for these. */
const ofCoreAlone: readonly string[] = [...fieldNames, "sha256"];
const known: readonly string[] = ["filename", "filetype", "name", "type", ...ofCoreAlone];

const typeOf = ({ filetype, type }: UploadMetadata) => filetype ?? type ?? "";

/** The Content-Type that a form would have as a request; null for a core. */
export const formType = (metadata: UploadMetadata) => (/^multipart\/form-data\s*(?:;|$)/i.test(typeOf(metadata)) ? typeOf(metadata) : null);

/** Throws for what the metadata of an upload may not say: before its first byte is sent. */
export function readMetadata(metadata: UploadMetadata, limits: Limits) {
  const form = formType(metadata) !== null;
  for (const name of Object.keys(metadata)) {
    if (!known.includes(name))
      throw new Failure("invalid_parameter", `the metadata ${JSON.stringify(name.slice(0, 50))} is not known; the known ones are ${known.join(", ")}`);
    if (form && ofCoreAlone.includes(name))
      throw new Failure("invalid_parameter", `the metadata ${name} is of a core sent alone`, { hint: `In a form, ${name} is one of its parts.` });
  }
  const { filename, name, sha256 } = metadata;
  return {
    filename: cleanFileName(filename ?? name ?? null),
    fields: { ...usualFields, ...readFields(metadata, limits) },
    sha256: typeof sha256 === "string" ? digestOfField(sha256, "sha256") : null,
  };
}
