/** `/v1/webhooks/{id}/deliveries`: what was sent, what became of it, and sending it again. */
import { Type } from "typebox";
import { Nullable } from "../../contract/common.ts";
import { Failure } from "../../contract/failure.ts";
import { Delivery, DeliveryDetail, DeliveryStatus } from "../../contract/webhook.ts";
import type { App } from "../app-type.ts";
import type { Dependencies } from "../dependencies.ts";
import { answers, json } from "../schema/answers.ts";
import { nextLink } from "../schema/next-link.ts";
import { reference } from "../schema/reference.ts";
import { noSuchWebhook, WebhookParameter } from "./webhooks.ts";

const DeliveryParameter = Type.Object({ ...WebhookParameter.properties, delivery: Type.String({ maxLength: 200, description: "The delivery's id." }) });
const DeliveryPage = Type.Object({ items: Type.Array(reference(Delivery)), next_cursor: Nullable(Type.String()) });
const noSuchDelivery = (id: string) => new Failure("delivery_not_found", `There is no delivery ${JSON.stringify(id.slice(0, 100))} of this webhook.`);
const config = { scope: "admin" } as const;
const tags = ["webhooks"];

/** These calls have no body; one that comes all the same is not read. */
function ignoreBodies(app: App): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => done(null, null));
}

export function webhookDeliveryRoutes(
  app: App,
  { webhooks, deliveries, sendDue, limits }: Pick<Dependencies, "webhooks" | "deliveries" | "sendDue" | "limits">,
): void {
  ignoreBodies(app);
  /** The webhook is the project's own. */
  const own = async (project: string, id: string): Promise<string> => {
    if ((await webhooks.get(project, id)) === null) throw noSuchWebhook(id);
    return id;
  };

  app.get(
    "/v1/webhooks/:id/deliveries",
    {
      config,
      schema: {
        operationId: "listDeliveries",
        summary: "The log of a webhook's deliveries",
        tags,
        params: WebhookParameter,
        querystring: Type.Object(
          {
            status: Type.Optional(DeliveryStatus),
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.page_items, default: 50 })),
            cursor: Type.Optional(Type.String({ maxLength: 1_000, description: "`next_cursor` of the page before." })),
          },
          { additionalProperties: false },
        ),
        response: answers(
          {
            200: json("A page of deliveries, newest first.", DeliveryPage, { link: Type.String({ description: '`rel="next"`, while there is a next page.' }) }),
          },
          "webhook_not_found",
          "invalid_parameter",
        ),
      },
    },
    async (request, reply) => {
      const { status = null, limit = 50, cursor = null } = request.query;
      const { items, nextCursor } = await deliveries.list(await own(request.caller.project, request.params.id), { status, limit, cursor });
      if (nextCursor !== null) reply.header("link", nextLink(request.url, nextCursor));
      return { items, next_cursor: nextCursor };
    },
  );

  app.get(
    "/v1/webhooks/:id/deliveries/:delivery",
    {
      config,
      schema: {
        operationId: "getDelivery",
        summary: "A delivery, with its attempts and what is sent",
        tags,
        params: DeliveryParameter,
        response: answers({ 200: json("The delivery.", reference(DeliveryDetail)) }, "webhook_not_found", "delivery_not_found", "invalid_parameter"),
      },
    },
    async (request) => {
      const { id, delivery } = request.params;
      const found = await deliveries.get(await own(request.caller.project, id), delivery);
      if (found === null) throw noSuchDelivery(delivery);
      return found;
    },
  );

  app.post(
    "/v1/webhooks/:id/deliveries/:delivery/redeliver",
    {
      config,
      schema: {
        operationId: "redeliver",
        summary: "Send a delivery again",
        description: "With the same `webhook-id`, at once, and with all its tries anew.",
        tags,
        params: DeliveryParameter,
        response: answers({ 202: json("The delivery, pending.", reference(Delivery)) }, "webhook_not_found", "delivery_not_found", "invalid_parameter"),
      },
    },
    async (request, reply) => {
      const { id, delivery } = request.params;
      const again = await deliveries.redeliver(await own(request.caller.project, id), delivery);
      if (again === null) throw noSuchDelivery(delivery);
      sendDue();
      reply.code(202);
      return again;
    },
  );

  app.post(
    "/v1/webhooks/:id/ping",
    {
      config,
      schema: {
        operationId: "pingWebhook",
        summary: "Send a test",
        description: "An event `ping`, sent the same way as all others; the delivery tells what became of it.",
        tags,
        params: WebhookParameter,
        response: answers({ 202: json("The delivery, pending.", reference(Delivery), { location: Type.String() }) }, "webhook_not_found", "invalid_parameter"),
      },
    },
    async (request, reply) => {
      const delivery = await deliveries.ping(await own(request.caller.project, request.params.id));
      sendDue();
      reply.code(202).header("location", delivery.links.self);
      return delivery;
    },
  );
}
