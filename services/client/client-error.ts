/** What a call may end with: the service refused it, or could not be reached. */
import type { Problem } from "../contract/problem.ts";

export class Refused extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail === "" ? problem.title : problem.detail);
    this.name = "Refused";
    this.problem = problem;
  }
}

export class Unreachable extends Error {
  constructor(url: string, cause: unknown) {
    super(`${url} cannot be reached: ${reason(cause)}`, { cause });
    this.name = "Unreachable";
  }
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? reason(error.cause) : error.message;
}

const isProblem = (value: unknown): value is Problem => typeof value === "object" && value !== null && "code" in value && "detail" in value;

/** The problem document of an answer; one is made up for answers that are no API's, such as a proxy's. */
export async function refusalOf(response: Response): Promise<Refused> {
  const body = await response.text().catch(() => "");
  let document: unknown = null;
  try {
    document = JSON.parse(body);
  } catch {
    // told below
  }
  if (isProblem(document)) return new Refused(document);
  const detail = `The answer was ${response.status} ${response.statusText}, without a problem document.`;
  const made = { type: "about:blank", title: "Not the API", status: response.status, detail, code: "unknown", hint: "Check the URL.", request_id: "" };
  return new Refused(made);
}
