/** One attempt of one delivery: from its row to what is written about it. */
import type { Logger } from "../log/logger.ts";
import type { Told } from "../contract/webhook.ts";
import type { DeliveryStore, Outcome } from "../storage/delivery-store.ts";
import type { AddressRules } from "./address-rules.ts";
import { pauseAfter } from "./retry-pause.ts";
import { send } from "./send.ts";
import { signatureHeaders } from "./sign.ts";

export interface DeliverParts {
  readonly deliveries: Pick<DeliveryStore, "open" | "record">;
  readonly rules: AddressRules;
  /** Tries of one delivery before it is dead. */
  readonly attempts: number;
  readonly timeoutMilliseconds: number;
  /** Where users reach this service, without a slash at the end; null leaves links relative. */
  readonly publicUrl: string | null;
  readonly version: string;
  readonly log: Pick<Logger, "info" | "warn">;
  /** This process ends: what is under way is left to the next one. */
  readonly stop?: AbortSignal;
  readonly pauseAfter?: (tries: number) => number;
}

/** Links as the receiver can follow them. */
export function bodyOf(told: Told, publicUrl: string | null): string {
  const links = <T extends { readonly links: object }>(part: T | null): T | null =>
    part === null || publicUrl === null
      ? part
      : { ...part, links: Object.fromEntries(Object.entries(part.links).map(([name, path]) => [name, `${publicUrl}${path}`])) };
  return JSON.stringify({ ...told, job: links(told.job), group: links(told.group) });
}

/** When it is to be tried again (milliseconds since 1970); null when it has ended, or is none to send. */
export async function deliver(parts: DeliverParts, id: string): Promise<number | null> {
  const delivery = await parts.deliveries.open(id);
  if (delivery === null) return null;
  if (delivery.dueAt > Date.now()) return delivery.dueAt;
  const { url, secret, payload, webhookId } = delivery;
  const body = bodyOf(payload, parts.publicUrl);
  const at = new Date();
  const began = performance.now();
  const headers = {
    "content-type": "application/json",
    "user-agent": `Inquest/${parts.version}`,
    ...signatureHeaders(secret, id, Math.floor(at.getTime() / 1_000), body),
  };
  const { responseStatus, error } = await send({ url, headers, body, timeoutMilliseconds: parts.timeoutMilliseconds, rules: parts.rules, stop: parts.stop });
  if (error !== null && parts.stop?.aborted === true) throw new Error("stopped");
  const duration = Math.round(performance.now() - began);
  const tries = delivery.tries + 1;
  const again = Date.now() + (parts.pauseAfter ?? pauseAfter)(tries);
  const outcome: Outcome =
    error === null ? { kind: "delivered" } : tries >= parts.attempts ? { kind: "dead" } : { kind: "again", dueAt: new Date(again).toISOString() };
  await parts.deliveries.record(id, { at: at.toISOString(), duration_ms: duration, response_status: responseStatus, error }, outcome);
  const fields = { delivery_id: id, webhook_id: webhookId, type: payload.type, attempt: tries, status: responseStatus, error, duration_ms: duration };
  if (outcome.kind === "delivered") parts.log.info(fields, "webhook_delivered");
  else parts.log.warn({ ...fields, dead: outcome.kind === "dead" }, "webhook_failed");
  return outcome.kind === "again" ? again : null;
}
