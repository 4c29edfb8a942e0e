import { afterAll, beforeAll, expect, test } from "vitest";
import { signature } from "../../storage/group-contract.ts";
import { newJob, newReport } from "../../storage/sample.ts";
import { type ApiUnderTest, openApiUnderTest } from "../support/api-under-test.ts";

let api: ApiUnderTest;

async function crash(hash: string, title: string): Promise<string> {
  const { job } = await api.parts.jobs.create(newJob());
  const started = await api.parts.jobs.start(job.id);
  await api.parts.jobs.finish(job.id, started?.run ?? 0, { report: newReport(job.id, { signature: signature(hash, { title }) }), missingBinaries: [] });
  return job.id;
}

let jobs: string[];
beforeAll(async () => {
  api = await openApiUnderTest();
  jobs = [await crash("a", "SIGSEGV in <lambda> & \u0007 more"), await crash("b", "SIGABRT in b")];
});
afterAll(() => api[Symbol.asyncDispose]());

test("the feed holds what Atom asks for, newest first, with ids that stay", async () => {
  const answer = await api.ask({ url: "/v1/groups/feed.atom" });
  expect([answer.statusCode, answer.headers["content-type"]]).toEqual([200, "application/atom+xml; charset=utf-8"]);
  for (const part of ["<id>urn:uuid:", "<updated>", "<author><name>", 'rel="self"']) expect(answer.body.split("<entry>")[0]).toContain(part);
  const titles = [...answer.body.matchAll(/<entry>\s*<id>(.*?)<\/id>\s*<title>(.*?)<\/title>/g)];
  expect(titles.map((match) => match[2])).toEqual(["SIGABRT in b", "SIGSEGV in &lt;lambda&gt; &amp; \ufffd more"]);
  await crash("a", "SIGSEGV in <lambda> & \u0007 more");
  const again = await api.ask({ url: "/v1/groups/feed.atom" });
  expect(again.body).toBe(answer.body);
});

test("a client that has it is told so, and gets what is new", async () => {
  const { headers } = await api.ask({ url: "/v1/groups/feed.atom" });
  const conditional = [{ "if-none-match": `"old", W/${String(headers["etag"])}` }, { "if-modified-since": String(headers["last-modified"]) }];
  for (const each of conditional) expect((await api.ask({ url: "/v1/groups/feed.atom", headers: each })).statusCode).toBe(304);
  expect((await api.ask({ url: "/v1/groups/feed.atom", headers: { "if-modified-since": "Thu, 01 Jan 1970 00:00:00 GMT" } })).statusCode).toBe(200);
  await crash("c", "SIGBUS in c");
  const next = await api.ask({ url: "/v1/groups/feed.atom", headers: { "if-none-match": String(headers["etag"]) } });
  expect(next.statusCode).toBe(200);
  expect(next.body).toContain("SIGBUS in c");
});

test("a group's example comes as SARIF", async () => {
  const answer = await api.ask({ url: "/v1/groups/b/sarif" });
  expect([answer.statusCode, answer.headers["content-type"]]).toEqual([200, "application/sarif+json; charset=utf-8"]);
  expect(answer.json()).toMatchObject({
    version: "2.1.0",
    runs: [{ results: [{ ruleId: "null_dereference", partialFingerprints: { "inquestSignature/v1": "b" } }] }],
  });
  expect((await api.ask({ url: "/v1/groups/none/sarif" })).json().code).toBe("group_not_found");
});

test("two jobs, and two groups, are compared as JSON and as text", async () => {
  const [one = "", other = ""] = jobs;
  const found = await api.ask({ url: `/v1/jobs/${one}/compare/${other}` });
  expect(found.json()).toMatchObject({ one: { job_id: one }, other: { job_id: other }, same_signature: false, common: 1, part_behind: null });
  const text = await api.ask({ url: "/v1/groups/a/compare/b", headers: { accept: "text/plain" } });
  expect(text.headers["content-type"]).toBe("text/plain; charset=utf-8");
  expect(text.body).toContain("different signatures");
  expect((await api.ask({ url: "/v1/groups/a/compare/none" })).json().code).toBe("group_not_found");
  expect((await api.ask({ url: `/v1/jobs/${one}/compare/none` })).json().code).toBe("job_not_found");
  expect((await api.ask({ url: `/v1/jobs/${one}/compare/${other}`, headers: { accept: "image/png" } })).statusCode).toBe(406);
});
