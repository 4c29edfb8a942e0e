/** What webhooks are told and what is kept of it, whatever database is beneath. Each test gets an empty one. */
import { v7 } from "uuid";
import { describe, expect, test } from "vitest";
import type { Signature } from "../../services/contract/report.ts";
import type { Told, WebhookChange, WebhookEvent } from "../../services/contract/webhook.ts";
import { webhookEvents } from "../../services/contract/webhook.ts";
import type { Database } from "../../services/storage/database.ts";
import { createDeliveryStore } from "../../services/storage/delivery-store.ts";
import { createGroupStore } from "../../services/storage/group-store.ts";
import { createJobStore } from "../../services/storage/create-job-store.ts";
import { createWebhookStore } from "../../services/storage/webhook-store.ts";
import { signature } from "./group-contract.ts";
import { newJob, newReport, pythonFrame, thread } from "./sample.ts";

const day = 86_400_000;

export function webhookContract(openEmpty: () => Promise<Database>): void {
  async function open() {
    const database = await openEmpty();
    const jobs = createJobStore(database);
    const webhooks = createWebhookStore(database);
    const deliveries = createDeliveryStore(database);
    const listen = async (events: readonly WebhookEvent[] = webhookEvents, some: WebhookChange = {}, project = "default") =>
      (await webhooks.create(project, { url: "https://hooks.example.com/", events: [...events], ...some })).webhook;
    const analyse = async (id: string, of: Signature | null) => {
      const started = await jobs.start(id);
      const frames = [pythonFrame({ locals: [{ name: "password", type: "str", repr: "'hunter2'", truncated: false }] })];
      const report = newReport(id, { signature: of, threads: [thread({ frames, python_frames: frames })] });
      await jobs.finish(id, started?.run ?? 0, { report, missingBinaries: [] });
    };
    const crash = async (of: Signature | null, options: { at?: number; labels?: Record<string, string> } = {}) => {
      const id = v7({ msecs: options.at ?? Date.now() });
      await jobs.create(newJob({ id, labels: options.labels ?? {} }));
      await analyse(id, of);
      return id;
    };
    const told = async (webhook: { readonly id: string }): Promise<Told[]> => {
      const { items } = await deliveries.list(webhook.id, { status: null, limit: 200, cursor: null });
      const details = await Promise.all(items.toReversed().map(({ id }) => deliveries.get(webhook.id, id)));
      return details.flatMap((each) => (each === null ? [] : [each.payload]));
    };
    const types = async (webhook: { readonly id: string }) => (await told(webhook)).map(({ type }) => type);
    const groups = createGroupStore(database);
    return { database, jobs, groups, webhooks, deliveries, listen, analyse, crash, told, types, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
  }

  describe("what is told", () => {
    test("the end of a job and a new group, with codes, titles and links, and nothing of its memory", async () => {
      await using all = await open();
      const webhook = await all.listen();
      const id = await all.crash(signature("a"), { labels: { host: "secret-host" } });
      const [ended, fresh, ...more] = await all.told(webhook);
      expect(more).toEqual([]);
      expect(ended).toMatchObject({
        type: "job.ended",
        job: {
          id,
          status: "succeeded",
          signature: { hash: "a" },
          diagnoses: [{ code: "null_dereference", title: "NULL was dereferenced" }],
          error: null,
          links: { self: `/v1/jobs/${id}`, report: `/v1/jobs/${id}/report` },
        },
        growth: null,
      });
      expect(fresh).toMatchObject({ type: "group.new", job: { id }, group: { hash: "a", count: 1, status: "open", links: { self: "/v1/groups/a" } } });
      const all_ = JSON.stringify([ended, fresh]);
      for (const secret of ["hunter2", "password", "crash.py", "secret-host", "At 0x0."]) expect(all_).not.toContain(secret);
    });

    test("a job that failed, was cancelled or given up; each end once", async () => {
      await using all = await open();
      const webhook = await all.listen(["job.ended"]);
      const [failed, cancelled, lost] = [newJob(), newJob(), newJob()];
      for (const job of [failed, cancelled, lost]) await all.jobs.create(job);
      const started = await all.jobs.start(failed.id);
      const error = { code: "debugger_died", stage: "debug", detail: "/srv/secret", hint: "none" };
      await all.jobs.fail(failed.id, started?.run ?? 0, error);
      await all.jobs.fail(failed.id, started?.run ?? 0, error);
      await all.jobs.cancel("default", cancelled.id);
      await all.jobs.cancel("default", cancelled.id);
      await all.jobs.abandon(lost.id, { ...error, code: "worker_lost" });
      const told = await all.told(webhook);
      expect(told.map(({ job }) => [job?.id, job?.status, job?.error])).toEqual([
        [failed.id, "failed", { code: "debugger_died" }],
        [cancelled.id, "cancelled", null],
        [lost.id, "failed", { code: "worker_lost" }],
      ]);
      expect(JSON.stringify(told)).not.toContain("/srv/secret");
    });

    test("a group is new once, whatever is analysed again or joins it", async () => {
      await using all = await open();
      const webhook = await all.listen(["group.new"]);
      const id = await all.crash(signature("a"));
      await all.crash(signature("a"));
      await all.jobs.requeue("default", id);
      await all.analyse(id, signature("a"));
      await all.crash(signature("b", { broad_hash: "broad-a", partial: true }));
      await all.crash(null);
      expect(await all.types(webhook)).toEqual(["group.new"]);
    });

    test("a regression of a resolved group, and none of an open one", async () => {
      await using all = await open();
      const webhook = await all.listen(["group.regressed"]);
      await all.crash(signature("a"), { labels: { release: "1.0" } });
      await all.groups.edit("default", "a", { status: "resolved", resolvedIn: "1.1" }, null);
      await all.crash(signature("a"), { labels: { release: "1.0" } });
      await all.crash(signature("a"), { labels: { release: "1.2" } });
      await all.crash(signature("a"), { labels: { release: "1.2" } });
      expect(await all.told(webhook)).toMatchObject([{ type: "group.regressed", group: { hash: "a", status: "regressed", resolved_in: "1.1", count: 3 } }]);
    });

    test("a group that grows is told once a day to each, by each one's own measure", async () => {
      await using all = await open();
      const few = await all.listen(["group.growing"], { growing: { factor: 3, at_least: 4 } });
      const many = await all.listen(["group.growing"], { growing: { factor: 3, at_least: 6 } });
      const steep = await all.listen(["group.growing"], { growing: { factor: 10, at_least: 1 } });
      // A mean of one a day for the last week; what is older does not count.
      for (let back = 1; back <= 7; back += 1) await all.crash(signature("a"), { at: Date.now() - back * day });
      for (let time = 0; time < 9; time += 1) await all.crash(signature("a"), { at: Date.now() - 8 * day });
      for (const webhook of [few, many, steep]) expect(await all.types(webhook)).toEqual([]);
      for (let time = 0; time < 7; time += 1) await all.crash(signature("a"));
      expect(await all.told(few)).toMatchObject([{ type: "group.growing", growth: { today: 4, daily_mean: 1 }, group: { hash: "a" } }]);
      expect(await all.told(many)).toMatchObject([{ growth: { today: 6, daily_mean: 1 } }]);
      expect(await all.types(steep)).toEqual([]);
    });

    test("an ignored group may grow unsaid", async () => {
      await using all = await open();
      const webhook = await all.listen(["group.growing"], { growing: { factor: 1, at_least: 2 } });
      await all.crash(signature("a"));
      await all.groups.edit("default", "a", { status: "ignored" }, null);
      await all.crash(signature("a"));
      expect(await all.types(webhook)).toEqual([]);
      await all.groups.edit("default", "a", { status: "open" }, null);
      await all.crash(signature("a"));
      expect(await all.types(webhook)).toEqual(["group.growing"]);
    });

    test("only what a webhook wants, of its own project, while it is active", async () => {
      await using all = await open();
      const [other, silent] = [await all.listen(webhookEvents, {}, "other"), await all.listen(webhookEvents, { active: false })];
      const groupsOnly = await all.listen(["group.new"]);
      await all.crash(signature("a"));
      expect(await all.types(other)).toEqual([]);
      expect(await all.types(silent)).toEqual([]);
      expect(await all.types(groupsOnly)).toEqual(["group.new"]);
    });
  });

  describe("the outbox", () => {
    const attempt = { at: "2026-11-01T00:00:00.000Z", duration_ms: 7, response_status: 500, error: "bad_status" };

    test("what is due comes until it has ended, and not before its time", async () => {
      await using all = await open();
      const webhook = await all.listen(["job.ended"]);
      await all.crash(null);
      const later = new Date(Date.now() + 1_000);
      const [due] = await all.deliveries.due(later, 10);
      const id = due?.id ?? "";
      expect(due).toMatchObject({ webhookId: webhook.id });
      expect(await all.deliveries.open(id)).toMatchObject({ url: "https://hooks.example.com/", tries: 0, payload: { id, type: "job.ended" } });
      await all.deliveries.record(id, attempt, { kind: "again", dueAt: new Date(Date.now() + 60_000).toISOString() });
      expect(await all.deliveries.due(later, 10)).toEqual([]);
      expect(await all.deliveries.due(new Date(Date.now() + 61_000), 10)).toMatchObject([{ id }]);
      await all.deliveries.record(id, { ...attempt, response_status: 204, error: null }, { kind: "delivered" });
      expect(await all.deliveries.open(id)).toBeNull();
      expect(await all.deliveries.due(new Date(Date.now() + 1e9), 10)).toEqual([]);
      expect(await all.deliveries.get(webhook.id, id)).toMatchObject({
        status: "delivered",
        attempts: 2,
        response_status: 204,
        duration_ms: 7,
        error: null,
        next_attempt_at: null,
        finished_at: expect.any(String),
        log: [{ response_status: 500 }, { response_status: 204 }],
      });
    });

    test("redelivery begins anew with the same id, and the log goes on", async () => {
      await using all = await open();
      const webhook = await all.listen(["job.ended"]);
      const { id } = await all.deliveries.ping(webhook.id);
      await all.deliveries.record(id, attempt, { kind: "dead" });
      expect(await all.deliveries.list(webhook.id, { status: "dead", limit: 5, cursor: null })).toMatchObject({ items: [{ id, event: "ping", attempts: 1 }] });
      expect(await all.deliveries.redeliver(webhook.id, id)).toMatchObject({ id, status: "pending", finished_at: null, attempts: 1 });
      expect(await all.deliveries.open(id)).toMatchObject({ tries: 0 });
      expect(await all.deliveries.redeliver(webhook.id, v7())).toBeNull();
    });

    test("a webhook with many does not hide another's", async () => {
      await using all = await open();
      const [one, other] = [await all.listen(), await all.listen()];
      for (let time = 0; time < 5; time += 1) await all.deliveries.ping(one.id);
      await all.deliveries.ping(other.id);
      const due = await all.deliveries.due(new Date(Date.now() + 1_000), 2);
      expect(due.map(({ webhookId }) => webhookId).toSorted()).toEqual([one.id, one.id, other.id].toSorted());
    });

    test("switching a webhook off ends what was pending; deleting it takes its log along", async () => {
      await using all = await open();
      const webhook = await all.listen();
      const { id } = await all.deliveries.ping(webhook.id);
      await all.webhooks.change("default", webhook.id, { active: false });
      expect(await all.deliveries.get(webhook.id, id)).toMatchObject({ status: "dead", next_attempt_at: null });
      expect(await all.webhooks.delete("other", webhook.id)).toBe(false);
      expect(await all.webhooks.delete("default", webhook.id)).toBe(true);
      expect(await all.deliveries.get(webhook.id, id)).toBeNull();
    });

    test("pages come newest first; ended ones are forgotten after their time, pending ones never", async () => {
      await using all = await open();
      const webhook = await all.listen();
      const made = [];
      for (let time = 0; time < 3; time += 1) made.push((await all.deliveries.ping(webhook.id)).id);
      const first = await all.deliveries.list(webhook.id, { status: null, limit: 2, cursor: null });
      const second = await all.deliveries.list(webhook.id, { status: null, limit: 2, cursor: first.nextCursor });
      expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(made.toReversed());
      expect(second.nextCursor).toBeNull();
      await all.deliveries.record(made[0] ?? "", attempt, { kind: "delivered" });
      expect(await all.deliveries.expire(new Date(Date.now() - day))).toBe(0);
      expect(await all.deliveries.expire(new Date(Date.now() + day))).toBe(1);
    });

    test("a project has a limited number of webhooks", async () => {
      await using all = await open();
      for (let time = 0; time < 100; time += 1) await all.listen();
      await expect(all.listen()).rejects.toMatchObject({ code: "too_many_webhooks" });
      await expect(all.listen(["group.new"], {}, "other")).resolves.toBeDefined();
    });
  });
}
