/** `/v1/webhooks`: who is told of what. Scope `admin`, since a webhook makes this service send. */
import { Type } from "typebox";
import { Failure } from "../../contract/failure.ts";
import { NewWebhook, Webhook, WebhookChange, WebhookSecret } from "../../contract/webhook.ts";
import { checkUrl } from "../../notify/check-url.ts";
import { secretPrefix } from "../../notify/sign.ts";
import type { App } from "../app-type.ts";
import type { Dependencies } from "../dependencies.ts";
import { answers, empty, json } from "../schema/answers.ts";
import { reference } from "../schema/reference.ts";

export const WebhookParameter = Type.Object({ id: Type.String({ maxLength: 200, description: "The webhook's id." }) });
export const noSuchWebhook = (id: string) => new Failure("webhook_not_found", `There is no webhook ${JSON.stringify(id.slice(0, 100))}.`);

const Created = Type.Object({ ...Webhook.properties, secret: WebhookSecret.properties.secret });
const WebhookList = Type.Object({ items: Type.Array(reference(Webhook)) });
const config = { scope: "admin" } as const;
const tags = ["webhooks"];

export function webhookRoutes(app: App, { webhooks, addresses }: Pick<Dependencies, "webhooks" | "addresses">): void {
  app.post(
    "/v1/webhooks",
    {
      config,
      schema: {
        operationId: "createWebhook",
        summary: "Have a receiver told of what happens",
        description:
          "Each event is a POST with a JSON body (`Told`), signed as Standard Webhooks has it, repeated with growing pauses until the receiver answers 2xx, and delivered at least once: `webhook-id` tells repeats. The `secret` is told in this answer and never again.",
        tags,
        body: NewWebhook,
        response: answers(
          { 201: json("The webhook, with its secret.", Created, { location: Type.String() }) },
          "invalid_body",
          "malformed_json",
          "webhook_url_refused",
          "too_many_webhooks",
        ),
      },
    },
    async (request, reply) => {
      checkUrl(request.body.url, addresses);
      const { webhook, secret } = await webhooks.create(request.caller.project, request.body);
      reply.code(201).header("location", webhook.links.self);
      return { ...webhook, secret: `${secretPrefix}${secret}` };
    },
  );

  app.get(
    "/v1/webhooks",
    {
      config,
      schema: { operationId: "listWebhooks", summary: "All webhooks", tags, response: answers({ 200: json("All of them.", WebhookList) }) },
    },
    async (request) => ({ items: await webhooks.list(request.caller.project) }),
  );

  app.get(
    "/v1/webhooks/:id",
    {
      config,
      schema: {
        operationId: "getWebhook",
        summary: "A webhook",
        tags,
        params: WebhookParameter,
        response: answers({ 200: json("The webhook.", reference(Webhook)) }, "webhook_not_found", "invalid_parameter"),
      },
    },
    async (request) => {
      const webhook = await webhooks.get(request.caller.project, request.params.id);
      if (webhook === null) throw noSuchWebhook(request.params.id);
      return webhook;
    },
  );

  app.patch(
    "/v1/webhooks/:id",
    {
      config,
      schema: {
        operationId: "changeWebhook",
        summary: "Change a webhook",
        tags,
        params: WebhookParameter,
        body: WebhookChange,
        response: answers(
          { 200: json("The webhook as it is now.", reference(Webhook)) },
          "webhook_not_found",
          "invalid_body",
          "malformed_json",
          "webhook_url_refused",
          "invalid_parameter",
        ),
      },
    },
    async (request) => {
      const { url } = request.body;
      if (url !== undefined) checkUrl(url, addresses);
      const webhook = await webhooks.change(request.caller.project, request.params.id, request.body);
      if (webhook === null) throw noSuchWebhook(request.params.id);
      return webhook;
    },
  );

  app.delete(
    "/v1/webhooks/:id",
    {
      config,
      schema: {
        operationId: "deleteWebhook",
        summary: "Delete a webhook and the log of its deliveries",
        tags,
        params: WebhookParameter,
        response: answers({ 204: empty("It is gone.") }, "webhook_not_found", "invalid_parameter"),
      },
    },
    async (request, reply) => {
      if (!(await webhooks.delete(request.caller.project, request.params.id))) throw noSuchWebhook(request.params.id);
      return reply.code(204).send();
    },
  );

  app.post(
    "/v1/webhooks/:id/secret",
    {
      config,
      schema: {
        operationId: "renewWebhookSecret",
        summary: "Give a webhook a new secret",
        description: "In force at once: what is sent from now on, repeats included, is signed with the new one.",
        tags,
        params: WebhookParameter,
        response: answers({ 200: json("The secret; it is told this once.", WebhookSecret) }, "webhook_not_found", "invalid_parameter"),
      },
    },
    async (request) => {
      const { id } = request.params;
      const secret = await webhooks.renewSecret(request.caller.project, id);
      if (secret === null) throw noSuchWebhook(id);
      return { id, secret: `${secretPrefix}${secret}` };
    },
  );
}
