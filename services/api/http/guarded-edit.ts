/**
 * Edits that may race others: who read a revision sends it back as `If-Match`, and is refused with 412 when somebody was faster.
 * Without the header, or with `*`, the edit is made whatever there is.
 */
import { Type } from "typebox";
import { Failure } from "../../contract/failure.ts";

export const IfMatch = Type.Object({
  "if-match": Type.Optional(Type.String({ maxLength: 200, description: "The ETag that was read: refused when it has changed since." })),
});

/** Changes when people change the document, not with every job that is counted or every step of a job. */
export const etagOf = (revision: number): string => `"${revision}"`;

/** The revision that `If-Match` names; null for none and for `*`. */
export function wantedRevision(header: string | undefined): number | null {
  if (header === undefined || header.trim() === "*") return null;
  const match = /^\s*"(\d{1,15})"\s*$/.exec(header);
  if (match === null) throw new Failure("precondition_failed", `If-Match: ${header.slice(0, 100)} is no ETag of this document.`);
  return Number(match[1]);
}
