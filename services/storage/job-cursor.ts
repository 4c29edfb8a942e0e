/** Where a page of jobs ended: the last job's id, made opaque so that its meaning can change. */
import { Failure } from "../contract/failure.ts";

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const encodeCursor = (lastId: string): string => Buffer.from(`1:${lastId}`).toString("base64url");

export function decodeCursor(cursor: string): string {
  const text = Buffer.from(cursor, "base64url").toString("latin1");
  const id = text.slice(2);
  if (!text.startsWith("1:") || !uuid.test(id) || encodeCursor(id) !== cursor) {
    throw new Failure("invalid_cursor", `cursor=${JSON.stringify(cursor.slice(0, 100))} was not given by this service.`, {
      hint: "Use the `next_cursor` of the page before as it is, or leave it out to begin with the newest.",
    });
  }
  return id;
}
