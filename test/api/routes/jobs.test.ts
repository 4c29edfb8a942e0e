import { setTimeout as sleep } from "node:timers/promises";
import { v7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { noOptions } from "../../../services/contract/job-options.ts";
import type { Report } from "../../../services/contract/report.ts";
import { newJob, newReport } from "../../storage/sample.ts";
import { type ApiUnderTest, openApiUnderTest } from "../support/api-under-test.ts";

let api: ApiUnderTest;
beforeAll(async () => {
  api = await openApiUnderTest();
});
afterAll(() => api[Symbol.asyncDispose]());

const report = (id: string): Report => newReport(id);

async function queued(some: Parameters<typeof newJob>[0] = {}): Promise<string> {
  const { job } = await api.parts.jobs.create(newJob(some));
  return job.id;
}

async function started(id: string): Promise<number> {
  const run = await api.parts.jobs.start(id);
  if (run === null) throw new Error("the job does not start");
  return run.run;
}

async function finished(some: Parameters<typeof newJob>[0] = {}): Promise<string> {
  const id = await queued(some);
  await api.parts.jobs.finish(id, await started(id), { report: report(id), missingBinaries: [] });
  await api.parts.changes.announce(id);
  return id;
}

const problemOf = (answer: { json(): { code: string; detail: string; hint: string } }) => answer.json();

test("an unfinished job says when to ask again, a finished one does not", async () => {
  const waiting = await api.ask({ url: `/v1/jobs/${await queued()}` });
  expect(waiting.json()).toMatchObject({ status: "queued", error: null, signature: null });
  expect(waiting.headers["retry-after"]).toBe("1");
  const done = await api.ask({ url: `/v1/jobs/${await finished()}` });
  expect(done.json().status).toBe("succeeded");
  expect(done.headers["retry-after"]).toBeUndefined();
});

test("?wait= holds the answer until the job has ended", async () => {
  const id = await queued();
  const answer = api.ask({ url: `/v1/jobs/${id}?wait=60` });
  const run = await started(id);
  await api.parts.changes.announce(id);
  await api.parts.jobs.finish(id, run, { report: report(id), missingBinaries: [] });
  await api.parts.changes.announce(id);
  expect((await answer).json().status).toBe("succeeded");
});

test("?wait= ends with the job as it is when the time is up", async () => {
  const answer = await api.ask({ url: `/v1/jobs/${await queued()}?wait=1` });
  expect(answer.json().status).toBe("queued");
});

test("?wait= answers even when the news of the end is lost", async () => {
  const id = await queued();
  const answer = api.ask({ url: `/v1/jobs/${id}?wait=60` });
  await sleep(100);
  await api.parts.jobs.finish(id, await started(id), { report: report(id), missingBinaries: [] });
  expect((await answer).json().status).toBe("succeeded");
});

test.each([["wait=61"], ["wait=-1"], ["wait=soon"], ["wiat=3"]])("GET job?%s is refused, naming the parameter", async (query) => {
  const answer = await api.ask({ url: `/v1/jobs/${await queued()}?${query}` });
  expect(answer.statusCode).toBe(422);
  expect(problemOf(answer)).toMatchObject({ code: "invalid_parameter", detail: expect.stringContaining(query.split("=")[0] ?? "") });
});

test.each([["/v1/jobs/ID"], ["/v1/jobs/ID/report"], ["/v1/jobs/ID/events"]])("GET %s of no job is 404, whatever the id's form", async (url) => {
  for (const id of [v7(), "nonsense", "..%2f..%2fetc", "%00"]) {
    const answer = await api.ask({ url: url.replace("ID", id) });
    expect(answer.statusCode).toBe(404);
    expect(problemOf(answer).code).toBe("job_not_found");
  }
});

test("another project's job is not there", async () => {
  const id = await finished({ projectId: "other" });
  for (const url of [`/v1/jobs/${id}`, `/v1/jobs/${id}/report`, `/v1/jobs/${id}/events`]) expect((await api.ask({ url })).statusCode).toBe(404);
  expect((await api.ask({ method: "DELETE", url: `/v1/jobs/${id}` })).statusCode).toBe(404);
  expect((await api.ask({ method: "POST", url: `/v1/jobs/${id}/reanalyze` })).statusCode).toBe(404);
  expect(await api.parts.jobs.get("other", id)).not.toBeNull();
});

test("the report comes as JSON by default and as text for people", async () => {
  const id = await finished();
  const json = await api.ask({ url: `/v1/jobs/${id}/report` });
  expect(json.headers["content-type"]).toBe("application/json; charset=utf-8");
  expect(json.json()).toEqual(JSON.parse(JSON.stringify(report(id))));
  expect(json.headers["vary"]).toBe("Accept");
  const text = await api.ask({ url: `/v1/jobs/${id}/report`, headers: { accept: "text/plain" } });
  expect(text.headers["content-type"]).toBe("text/plain; charset=utf-8");
  expect(text.body).toContain("SIGSEGV");
});

test("?wait= holds the report until it is there, and tells when the time was up before", async () => {
  const id = await queued();
  expect(problemOf(await api.ask({ url: `/v1/jobs/${id}/report?wait=1` })).code).toBe("job_not_finished");
  const answer = api.ask({ url: `/v1/jobs/${id}/report?wait=60`, headers: { accept: "text/plain" } });
  const run = await started(id);
  await api.parts.jobs.finish(id, run, { report: report(id), missingBinaries: [] });
  await api.parts.changes.announce(id);
  expect((await answer).body).toContain("SIGSEGV");
});

test("a report in no form that we have is 406", async () => {
  const answer = await api.ask({ url: `/v1/jobs/${await finished()}/report`, headers: { accept: "application/pdf" } });
  expect(answer.statusCode).toBe(406);
  expect(problemOf(answer)).toMatchObject({ code: "not_acceptable", detail: expect.stringContaining("application/pdf") });
});

test("a report before its time is 409 job_not_finished", async () => {
  const answer = await api.ask({ url: `/v1/jobs/${await queued()}/report` });
  expect(answer.statusCode).toBe(409);
  expect(problemOf(answer).code).toBe("job_not_finished");
});

test("a failed job's report is 409 job_failed and tells the cause", async () => {
  const id = await queued();
  await api.parts.jobs.fail(id, await started(id), { code: "debugger_died", stage: "debug", detail: "gdb ended with SIGSEGV.", hint: "" });
  const answer = await api.ask({ url: `/v1/jobs/${id}/report` });
  expect(answer.statusCode).toBe(409);
  expect(problemOf(answer)).toMatchObject({ code: "job_failed", detail: expect.stringContaining("gdb ended with SIGSEGV.") });
});

test("a cancelled job's report is 409 job_cancelled", async () => {
  const id = await queued();
  await api.parts.jobs.cancel("default", id);
  expect(problemOf(await api.ask({ url: `/v1/jobs/${id}/report` })).code).toBe("job_cancelled");
});

test("an expired report is 410", async () => {
  const id = await finished({ expiresAt: new Date(Date.now() - 1_000).toISOString() });
  await api.parts.jobs.expire(new Date());
  const answer = await api.ask({ url: `/v1/jobs/${id}/report` });
  expect(answer.statusCode).toBe(410);
  expect(problemOf(answer).code).toBe("report_expired");
});

test("reanalyze queues an ended job again", async () => {
  const id = await finished();
  const answer = await api.ask({ method: "POST", url: `/v1/jobs/${id}/reanalyze` });
  expect(answer.statusCode).toBe(202);
  expect(answer.headers["location"]).toBe(`/v1/jobs/${id}`);
  expect(answer.json().status).toBe("queued");
  expect(await api.parts.queue.lacking([id])).toEqual([]);
});

test("reanalyze with options does those from now on, without it keeps what there were", async () => {
  const id = await finished();
  const again = async (query: string) => {
    const answer = (await api.ask({ method: "POST", url: `/v1/jobs/${id}/reanalyze${query}` })).json();
    const started = await api.parts.jobs.start(id);
    await api.parts.jobs.fail(id, started?.run ?? -1, { code: "helper_failed", stage: "debug", detail: "", hint: "" });
    return answer.options;
  };
  expect(await again("?options=heap_check")).toEqual({ ...noOptions, heap_check: true });
  expect(await again("")).toEqual({ ...noOptions, heap_check: true });
  expect(await again("?options=")).toEqual(noOptions);
  expect((await api.ask({ method: "POST", url: `/v1/jobs/${id}/reanalyze?options=fsck` })).json()).toMatchObject({ code: "options_invalid" });
});

test("reanalyze ignores a body and whatever type it claims", async () => {
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const answer = await api.ask({ method: "POST", url: `/v1/jobs/${await finished()}/reanalyze`, headers, payload: "a=b" });
  expect(answer.statusCode).toBe(202);
});

test("reanalyze of a running job is 409", async () => {
  const id = await queued();
  await started(id);
  const answer = await api.ask({ method: "POST", url: `/v1/jobs/${id}/reanalyze` });
  expect(answer.statusCode).toBe(409);
  expect(problemOf(answer).code).toBe("job_running");
});

test("DELETE removes the job, its report and its bytes, and stops what runs", async () => {
  const id = v7();
  await using writer = await api.parts.blobs.create();
  writer.stream.end("a core");
  await new Promise((resolve) => writer.stream.once("finish", resolve));
  await writer.commit(`cores/${id}`);
  await queued({ id });
  const run = await started(id);
  const answer = await api.ask({ method: "DELETE", url: `/v1/jobs/${id}` });
  expect(answer.statusCode).toBe(204);
  expect(answer.body).toBe("");
  expect((await api.ask({ url: `/v1/jobs/${id}` })).statusCode).toBe(404);
  expect(await api.parts.blobs.has(`cores/${id}`)).toBe(false);
  expect(await api.parts.jobs.finish(id, run, { report: report(id), missingBinaries: [] })).toBe(false);
  expect((await api.ask({ method: "DELETE", url: `/v1/jobs/${id}` })).statusCode).toBe(404);
});
