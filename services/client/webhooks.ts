/** Calls for webhooks: who is told of what, and what became of it. They take a token with the scope `admin`. */
import type { Delivery, DeliveryDetail, NewWebhook, Webhook, WebhookChange, WebhookSecret } from "../contract/webhook.ts";
import { calls, type DeliveryPage, type WebhookWithSecret } from "./calls.ts";
import type { Requests } from "./requests.ts";

export interface Webhooks {
  listWebhooks(): Promise<readonly Webhook[]>;
  /** Its secret is told this once. */
  createWebhook(webhook: NewWebhook): Promise<WebhookWithSecret>;
  getWebhook(id: string): Promise<Webhook>;
  changeWebhook(id: string, change: WebhookChange): Promise<Webhook>;
  deleteWebhook(id: string): Promise<void>;
  renewWebhookSecret(id: string): Promise<WebhookSecret>;
  pingWebhook(id: string): Promise<Delivery>;
  /** `query`: `status`, `limit`, `cursor`. */
  listDeliveries(id: string, query?: Readonly<Record<string, string>>): Promise<DeliveryPage>;
  getDelivery(id: string, delivery: string): Promise<DeliveryDetail>;
  redeliver(id: string, delivery: string): Promise<Delivery>;
}

export function webhooks({ ask, document }: Requests): Webhooks {
  return {
    listWebhooks: async () => (await document(calls.listWebhooks)).items,
    createWebhook: (json) => document(calls.createWebhook, { json }),
    getWebhook: (id) => document(calls.getWebhook, { parameters: { id } }),
    changeWebhook: (id, json) => document(calls.changeWebhook, { parameters: { id }, json }),
    async deleteWebhook(id) {
      await ask(calls.deleteWebhook, { parameters: { id } });
    },
    renewWebhookSecret: (id) => document(calls.renewWebhookSecret, { parameters: { id } }),
    pingWebhook: (id) => document(calls.pingWebhook, { parameters: { id } }),
    listDeliveries: (id, query = {}) => document(calls.listDeliveries, { parameters: { id }, query }),
    getDelivery: (id, delivery) => document(calls.getDelivery, { parameters: { id, delivery } }),
    redeliver: (id, delivery) => document(calls.redeliver, { parameters: { id, delivery } }),
  };
}
