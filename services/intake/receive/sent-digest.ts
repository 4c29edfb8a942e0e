/**
 * The digest of a core that its sender tells, of the bytes as they are sent.
 *
 * A raw body has `Repr-Digest` or `Content-Digest` (RFC 9530): `sha-256=:BASE64:`. A form has the field `sha256` or `digest`,
 * with 64 hex digits or in the header's form; there the headers would be of the whole form and are refused rather than passed over.
 */
import type { IncomingHttpHeaders } from "node:http";
import { Failure } from "../../contract/failure.ts";

/** Lower-case hex of `sha-256=:BASE64:`; null when the list has no SHA-256. */
function sha256Of(list: string, where: string): string | null {
  for (const member of list.split(",")) {
    const [, algorithm, value] = /^\s*([\w-]+)\s*=\s*:([A-Za-z0-9+/]*={0,2}):\s*$/.exec(member) ?? [];
    if (algorithm === undefined || value === undefined) throw new Failure("digest_invalid", `${where} is not a list of NAME=:BASE64:`);
    if (algorithm.toLowerCase() !== "sha-256") continue;
    const bytes = Buffer.from(value, "base64");
    if (bytes.length !== 32) throw new Failure("digest_invalid", `the sha-256 of ${where} has ${bytes.length} bytes, not 32`);
    return bytes.toString("hex");
  }
  return null;
}

/** Lower-case hex; null when no digest was sent. */
export function digestOfHeaders(headers: IncomingHttpHeaders, form: boolean): string | null {
  for (const name of ["repr-digest", "content-digest"]) {
    const value = headers[name];
    if (typeof value !== "string") continue;
    if (form) throw new Failure("digest_invalid", `${name} would be of the whole form`, { hint: "In a form, send the core's digest as the field sha256." });
    const digest = sha256Of(value, name);
    if (digest === null) throw new Failure("digest_invalid", `${name} has no sha-256`);
    return digest;
  }
  return null;
}

/** Lower-case hex. */
export function digestOfField(text: string, name: string): string {
  const value = text.trim();
  const hex = /^(?:sha-?256[:=])?([0-9a-f]{64})$/i.exec(value)?.[1]?.toLowerCase();
  const digest = hex ?? sha256Of(value, `the field ${name}`);
  if (digest === null) throw new Failure("digest_invalid", `the field ${name} has no sha-256`);
  return digest;
}

export function requireDigest(told: string | null, sent: string): void {
  if (told !== null && told !== sent) throw new Failure("digest_mismatch", `the core was to have the SHA-256 ${told}, and the bytes that arrived have ${sent}`);
}
