import { afterAll, beforeAll, expect, test } from "vitest";
import { newCore, newJob, newReport } from "../../storage/sample.ts";
import { type ApiUnderTest, openApiUnderTest } from "../support/api-under-test.ts";

let api: ApiUnderTest;
const ids: string[] = [];

beforeAll(async () => {
  api = await openApiUnderTest();
  for (let index = 0; index < 5; index += 1) {
    const { job } = await api.parts.jobs.create(newJob({ labels: { host: `web${index % 2}` } }));
    ids.unshift(job.id);
  }
  await api.parts.jobs.create(newJob({ projectId: "other" }));
});
afterAll(() => api[Symbol.asyncDispose]());

const itemsOf = async (url: string) => {
  const answer = await api.ask({ url });
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json().items.map(({ id }: { id: string }) => id);
};

test("lists the project's jobs, newest first", async () => {
  expect(await itemsOf("/v1/jobs")).toEqual(ids);
});

test("following the Link header visits every job once", async () => {
  const seen: string[] = [];
  let url: string | null = "/v1/jobs?limit=2&status=queued";
  while (url !== null) {
    const answer = await api.ask({ url });
    const { items, next_cursor: cursor } = answer.json();
    seen.push(...items.map(({ id }: { id: string }) => id));
    const link: string | null = /^<([^>]+)>; rel="next"$/.exec(answer.headers["link"]?.toString() ?? "")?.[1] ?? null;
    expect(link === null).toBe(cursor === null);
    expect(items.length).toBeLessThanOrEqual(2);
    url = link;
  }
  expect(seen).toEqual(ids);
});

test.each([
  ["status=queued", 5],
  ["status=failed", 0],
  ["label.host=web1", 2],
  ["label.host=web1&label.release=1", 0],
  ["signal=11", 5],
  ["signal=SIGSEGV", 5],
  ["signal=abrt", 0],
  ["executable=python3.11", 5],
  ["since=2020-01-01T00:00:00Z", 5],
  ["until=2020-01-01T00:00:00%2B02:00", 0],
])("?%s finds %i", async (query, count) => {
  expect(await itemsOf(`/v1/jobs?${query}`)).toHaveLength(count);
});

test("an unknown filter is 422, named beside the known ones", async () => {
  const answer = await api.ask({ url: "/v1/jobs?sgnal=11" });
  expect(answer.statusCode).toBe(422);
  const { code, detail } = answer.json();
  expect(code).toBe("invalid_parameter");
  expect(detail).toContain('"sgnal"');
  for (const known of ["status", "signal", "signature", "executable", "python_version", "since", "until", "limit", "cursor", "label.NAME"])
    expect(detail).toContain(known);
});

test.each([
  ["status=done", "status"],
  ["limit=0", "limit"],
  ["limit=201", "limit"],
  ["limit=many", "limit"],
  ["signal=SIGNOTHING", "signal"],
  ["since=yesterday", "since"],
  ["status=queued&status=failed", "status"],
])("?%s is 422 and names %s", async (query, name) => {
  const answer = await api.ask({ url: `/v1/jobs?${query}` });
  expect(answer.statusCode).toBe(422);
  expect(answer.json()).toMatchObject({ code: "invalid_parameter", detail: expect.stringContaining(name) });
});

test.each(["/v1/jobs", "/v1/groups"])("a broken cursor of %s has a code of its own", async (path) => {
  const answer = await api.ask({ url: `${path}?cursor=!!!` });
  expect(answer.statusCode).toBe(422);
  expect(answer.json()).toMatchObject({ code: "invalid_cursor", detail: expect.stringContaining("!!!") });
});

const linesOf = (body: string) =>
  body
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));

test("the export holds every job that the filters find, a line each", async () => {
  const answer = await api.ask({ url: "/v1/jobs/export?label.host=web1" });
  expect(answer.headers["content-type"]).toContain("application/x-ndjson");
  expect(linesOf(answer.body).map(({ id }) => id)).toEqual([ids[1], ids[3]]);
  expect(linesOf(answer.body)[0]).not.toHaveProperty("report");
});

test("the export can bring the reports, null where there is none", async () => {
  const { job } = await api.parts.jobs.create(newJob({ labels: { host: "db1" } }));
  const one = async () => linesOf((await api.ask({ url: "/v1/jobs/export?label.host=db1&include=report" })).body);
  expect(await one()).toMatchObject([{ id: job.id, report: null }]);
  const run = (await api.parts.jobs.start(job.id))?.run ?? 0;
  await api.parts.jobs.finish(job.id, run, { report: newReport(job.id), missingBinaries: [] });
  expect(await one()).toMatchObject([{ id: job.id, status: "succeeded", report: { schema: 1, job_id: job.id } }]);
  await api.parts.jobs.delete("default", job.id);
});

test("the export as CSV has a head, a row for each job, and no cell that a spreadsheet would run", async () => {
  const { job } = await api.parts.jobs.create(newJob({ labels: { host: "csv" }, core: { ...newCore(), filename: '=cmd|"x",1', executable_name: "a,b" } }));
  const answer = await api.ask({ url: "/v1/jobs/export?label.host=csv&format=csv" });
  expect(answer.headers["content-type"]).toBe("text/csv; charset=utf-8; header=present");
  const [head = "", row = "", ...rest] = answer.body.split("\r\n");
  expect(rest).toEqual([""]);
  expect(head.split(",").slice(0, 3)).toEqual(["id", "status", "created_at"]);
  expect(row).toBe(`${job.id},queued,${job.created_at},,,"a,b",11,4711,,,,0,"'=cmd|""x"",1",123456,${job.core?.sha256},"{""host"":""csv""}"`);
  expect((await api.ask({ url: "/v1/jobs/export?format=csv&include=report" })).json()).toMatchObject({ code: "invalid_parameter" });
  await api.parts.jobs.delete("default", job.id);
});
