/**
 * Signatures as Standard Webhooks has them: HMAC-SHA256 over `ID.TIMESTAMP.BODY`, so that neither a body nor its time can be
 * changed, and a recording cannot be played again later. docs/webhooks.md shows how receivers check it.
 */
import { createHmac } from "node:crypto";

export const secretPrefix = "whsec_";

/** `key` in base64; `seconds` since 1970. */
export function signatureHeaders(key: string, id: string, seconds: number, body: string): Record<string, string> {
  const mac = createHmac("sha256", Buffer.from(key, "base64")).update(`${id}.${seconds}.${body}`).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": String(seconds), "webhook-signature": `v1,${mac}` };
}
