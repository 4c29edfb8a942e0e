import { afterAll, beforeAll, expect, test } from "vitest";
import { signature } from "../../storage/group-contract.ts";
import { newJob, newReport } from "../../storage/sample.ts";
import { type ApiUnderTest, openApiUnderTest } from "../support/api-under-test.ts";

let api: ApiUnderTest;

async function crash(hash: string, labels: Record<string, string> = {}): Promise<string> {
  const { job } = await api.parts.jobs.create(newJob({ labels }));
  const started = await api.parts.jobs.start(job.id);
  await api.parts.jobs.finish(job.id, started?.run ?? 0, { report: newReport(job.id, { signature: signature(hash) }), missingBinaries: [] });
  return job.id;
}

beforeAll(async () => {
  api = await openApiUnderTest();
  for (const hash of ["a", "a", "b", "c"]) await crash(hash, { release: "1.0", host: "web1" });
});
afterAll(() => api[Symbol.asyncDispose]());

test("lists groups with counts, trend and links, page by page", async () => {
  const answer = await api.ask({ url: "/v1/groups?sort=count&limit=1" });
  expect(answer.json().items).toMatchObject([
    {
      signature: { hash: "a" },
      count: 2,
      status: "open",
      executables: ["python3.11"],
      python_versions: ["3.11.2"],
      trend: { last_7_days: 2, direction: "new" },
    },
  ]);
  expect(answer.headers["link"]).toContain('rel="next"');
});

test("an unknown filter is 422 and named beside the known ones", async () => {
  const answer = await api.ask({ url: "/v1/groups?sgnal=11" });
  expect(answer.statusCode).toBe(422);
  for (const known of ["sgnal", "signal", "sort", "new_since", "label.NAME"]) expect(answer.body).toContain(known);
});

test("a group has a histogram, its labels, an example and its related groups", async () => {
  const group = (await api.ask({ url: "/v1/groups/a" })).json();
  expect(group).toMatchObject({ count: 2, labels: { host: [{ value: "web1", count: 2 }] }, histogram: [{ count: 2 }] });
  expect(group.related.map(({ hash }: { hash: string }) => hash).toSorted()).toEqual(["b", "c"]);
  expect((await api.ask({ url: group.example.report })).statusCode).toBe(200);
});

test("an unknown group is 404", async () => {
  const answer = await api.ask({ url: "/v1/groups/none" });
  expect([answer.statusCode, answer.json().code]).toEqual([404, "group_not_found"]);
});

test("an edit that races another is refused with 412, and the ETag of the answer lets the next one through", async () => {
  const read = await api.ask({ url: "/v1/groups/b" });
  const etag = read.headers["etag"]?.toString() ?? "";
  const edit = (tag: string, payload: object) => api.ask({ method: "PATCH", url: "/v1/groups/b", headers: { "if-match": tag }, payload });
  const first = await edit(etag, { note: "mine", issue_url: "https://tracker.example/7" });
  expect(first.json()).toMatchObject({ note: "mine", issue_url: "https://tracker.example/7" });
  const second = await edit(etag, { note: "theirs" });
  expect([second.statusCode, second.json().code]).toEqual([412, "precondition_failed"]);
  expect((await edit(first.headers["etag"]?.toString() ?? "", { note: "both" })).json().note).toBe("both");
  expect((await edit("*", { note: null, issue_url: null })).json()).toMatchObject({ note: null, issue_url: null });
});

test("a group resolved in a release is regressed by that release, and says since when", async () => {
  await api.ask({ method: "PATCH", url: "/v1/groups/c", payload: { status: "resolved", resolved_in: "1.1" } });
  await crash("c", { release: "1.0" });
  expect((await api.ask({ url: "/v1/groups/c" })).json().status).toBe("resolved");
  await crash("c", { release: "1.2" });
  expect((await api.ask({ url: "/v1/groups/c" })).json()).toMatchObject({ status: "regressed", regressed_at: expect.any(String) });
});

test.each([{ status: "regressed" }, { issue_url: "javascript:alert(1)" }, { nonsense: 1 }, {}])("the change %j is refused", async (payload) => {
  expect((await api.ask({ method: "PATCH", url: "/v1/groups/a", payload })).statusCode).toBe(422);
});

test("merging and splitting answer with the group, and merged hashes lead to it", async () => {
  const merged = await api.ask({ method: "POST", url: "/v1/groups/a/merge", payload: { groups: ["b"] } });
  expect(merged.json()).toMatchObject({ count: 3, signatures: [{ hash: "a" }, { hash: "b", placed_by_hand: true }] });
  expect((await api.ask({ url: "/v1/groups/b" })).json().signature.hash).toBe("a");
  expect((await api.ask({ url: "/v1/jobs?signature=b" })).json().items).toHaveLength(3);
  const split = await api.ask({ method: "POST", url: "/v1/groups/a/split", payload: { signatures: ["b"] } });
  expect(split.json().count).toBe(2);
  const refused = await api.ask({ method: "POST", url: "/v1/groups/a/split", payload: { signatures: ["a"] } });
  expect([refused.statusCode, refused.json().code]).toEqual([409, "group_conflict"]);
});
