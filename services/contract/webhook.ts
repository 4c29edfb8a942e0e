/** Who is told of what happens: webhooks, what they are sent, and the log of the deliveries. */
import { type Static, Type } from "typebox";
import { Id, Nullable, NullableText, Timestamp } from "./common.ts";

export const webhookEvents = ["job.ended", "group.new", "group.regressed", "group.growing"] as const;
export const WebhookEvent = Type.Enum([...webhookEvents]);
export type WebhookEvent = Static<typeof WebhookEvent>;

/** When a group is told to grow: today's crashes are so many, and so many times the daily mean of the seven days before. */
export const Growing = Type.Object(
  {
    factor: Type.Number({ minimum: 1, maximum: 1_000, description: "Today's crashes, as a multiple of the daily mean of the seven days before." }),
    at_least: Type.Integer({ minimum: 1, maximum: 1_000_000, description: "Fewer crashes today are chance." }),
  },
  { additionalProperties: false },
);
export type Growing = Static<typeof Growing>;
export const usualGrowing: Growing = { factor: 3, at_least: 10 };

const url = Type.String({ maxLength: 2_000, pattern: "^https?://\\S+$", description: "`https`; `http` only to hosts in INQUEST_WEBHOOK_ALLOW." });
const events = Type.Array(WebhookEvent, { minItems: 1, uniqueItems: true });
const longestDescription = 1_000;
const description = Type.String({ maxLength: longestDescription });
const active = Type.Boolean({
  description:
    "One that is not active is told nothing, and what happens meanwhile is not told later. What is pending when it is set to false ends as dead; pings and redeliveries go out all the same.",
});

export const Webhook = Type.Object(
  {
    id: Id,
    url,
    events,
    description: Nullable(description),
    active,
    growing: Growing,
    created_at: Timestamp,
    updated_at: Timestamp,
    links: Type.Object({ self: Type.String(), deliveries: Type.String() }),
  },
  { $id: "Webhook" },
);
export type Webhook = Static<typeof Webhook>;

/** The secret is told here and never again. */
export const WebhookSecret = Type.Object({
  id: Id,
  secret: Type.String({ description: "`whsec_` and the key in base64. It is told this once: keep it." }),
});
export type WebhookSecret = Static<typeof WebhookSecret>;

export const NewWebhook = Type.Object(
  {
    url,
    events,
    description: Type.Optional(NullableText({ maxLength: longestDescription })),
    active: Type.Optional(active),
    growing: Type.Optional(Growing),
  },
  { additionalProperties: false },
);
export type NewWebhook = Static<typeof NewWebhook>;

export const WebhookChange = Type.Partial(NewWebhook, { additionalProperties: false, minProperties: 1 });
export type WebhookChange = Static<typeof WebhookChange>;

/** `pending` until an attempt succeeds; `dead` when the last one failed. */
export const DeliveryStatus = Type.Enum(["pending", "delivered", "dead"]);
export type DeliveryStatus = Static<typeof DeliveryStatus>;

export const DeliveryAttempt = Type.Object({
  at: Timestamp,
  duration_ms: Type.Integer(),
  /** Of the receiver's answer; null when none came. */
  response_status: Nullable(Type.Integer()),
  /** Why it failed: `refused_address`, `redirected`, `timeout`, `connection_failed`, `name_not_found`, `tls_failed`, `bad_status`. */
  error: Nullable(Type.String()),
});
export type DeliveryAttempt = Static<typeof DeliveryAttempt>;

export const Delivery = Type.Object(
  {
    /** The `webhook-id` of every attempt: what receivers tell repeats by. */
    id: Id,
    webhook_id: Id,
    event: Type.String({ description: "One of the events, or `ping`." }),
    status: DeliveryStatus,
    created_at: Timestamp,
    finished_at: Nullable(Timestamp),
    next_attempt_at: Nullable(Timestamp),
    /** Of this delivery and its redeliveries. The last ones are in `log`. */
    attempts: Type.Integer(),
    response_status: Nullable(Type.Integer()),
    duration_ms: Nullable(Type.Integer()),
    error: Nullable(Type.String()),
    links: Type.Object({ self: Type.String() }),
  },
  { $id: "Delivery" },
);
export type Delivery = Static<typeof Delivery>;

const TellableJob = Type.Object({
  id: Id,
  status: Type.String(),
  created_at: Timestamp,
  finished_at: Nullable(Timestamp),
  signature: Nullable(Type.Object({ hash: Type.String(), title: Type.String() })),
  /** Code and title of what the report found, most telling first. */
  diagnoses: Type.Array(Type.Object({ code: Type.String(), title: Type.String() })),
  /** Of a failed job. */
  error: Nullable(Type.Object({ code: Type.String() })),
  links: Type.Object({ self: Type.String(), report: Type.String() }),
});
export type TellableJob = Static<typeof TellableJob>;

const TellableGroup = Type.Object({
  hash: Type.String(),
  title: Type.String(),
  count: Type.Integer(),
  first_seen: Timestamp,
  last_seen: Timestamp,
  status: Type.String(),
  resolved_in: Nullable(Type.String()),
  links: Type.Object({ self: Type.String(), jobs: Type.String() }),
});
export type TellableGroup = Static<typeof TellableGroup>;

/** The body of a webhook. Nothing of a report's memory is in it: ids, codes, titles, counts and links. */
const told = {
  id: Id,
  type: Type.String({ description: "One of the events, or `ping`." }),
  created_at: Timestamp,
  /** The job that ended, or the one that made the group's news; null for a ping. */
  job: Nullable(TellableJob),
  group: Nullable(TellableGroup),
  /** Of `group.growing`: crashes today, and the daily mean of the seven days before. */
  growth: Nullable(Type.Object({ today: Type.Integer(), daily_mean: Type.Number() })),
};
export const Told = Type.Object(told, { $id: "Told" });
export type Told = Static<typeof Told>;

export const DeliveryDetail = Type.Object(
  {
    ...Delivery.properties,
    log: Type.Array(DeliveryAttempt, { description: "The last attempts, oldest first." }),
    payload: Type.Object(told),
  },
  { $id: "DeliveryDetail" },
);
export type DeliveryDetail = Static<typeof DeliveryDetail>;
