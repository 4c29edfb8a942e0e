/** The answers of a route, for OpenAPI: those that succeed, and one per status for the problems it may meet. */
import type { TSchema } from "typebox";
import { Failure, type FailureCode, failures } from "../../contract/failure.ts";
import { Problem } from "../../contract/problem.ts";
import { problemOf, problemType } from "../http/problem.ts";
import { reference } from "./reference.ts";

export interface Answer {
  readonly description: string;
  readonly headers?: Readonly<Record<string, TSchema>>;
  readonly content?: Readonly<Record<string, { readonly schema: TSchema; readonly examples?: Readonly<Record<string, { readonly value: unknown }>> }>>;
  readonly type?: "null";
}

export const json = (description: string, schema: TSchema, headers: Readonly<Record<string, TSchema>> = {}): Answer => ({
  description,
  headers,
  content: { "application/json": { schema } },
});

export const empty = (description: string): Answer => ({ description, type: "null" });

const exampleId = "0199aaaa-0000-7000-8000-000000000000";

function problem(status: number, codes: readonly FailureCode[]): Answer {
  return {
    description: codes.map((code) => `\`${code}\`: ${failures[code].title}.`).join(" "),
    content: {
      [problemType]: {
        schema: reference(Problem),
        examples: Object.fromEntries(codes.map((code) => [code, { value: problemOf(new Failure(code, failures[code].title, { status }), exampleId) }])),
      },
    },
  };
}

const everywhere: readonly FailureCode[] = ["internal_error", "bad_request"];
const guarded: readonly FailureCode[] = ["unauthorized", "forbidden", "database_unavailable"];

type Success = Readonly<Record<number, Answer>>;

/** `success` by status, and the failures that this route may answer with beside those that any route may. */
export function openAnswers(success: Success, ...codes: readonly FailureCode[]): Record<number, Answer> {
  const result: Record<number, Answer> = { ...success };
  for (const [status, group] of Map.groupBy(new Set([...codes, ...everywhere]), (code) => failures[code].status)) result[status] = problem(status, group);
  return result;
}

/** The same for routes that need a scope. */
export function answers(success: Success, ...codes: readonly FailureCode[]): Record<number, Answer> {
  return openAnswers(success, ...codes, ...guarded);
}
