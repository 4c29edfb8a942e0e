/** A `Failure` as RFC 9457 problem details. */
import { type Failure, type FailureCode, failures } from "../../contract/failure.ts";
import type { Problem } from "../../contract/problem.ts";

export const problemType = "application/problem+json";

/** Where this server explains the code: stable, relative to its root. */
export const problemUri = (code: FailureCode) => `/problems/${code}`;

export function problemOf(failure: Failure, requestId: string): Problem {
  return {
    type: problemUri(failure.code),
    title: failures[failure.code].title,
    status: failure.status,
    detail: failure.message,
    code: failure.code,
    hint: failure.hint,
    request_id: requestId,
  };
}

/** Seconds for `Retry-After`: what the failure says, else a short pause for the statuses that promise one. */
export function retryAfterOf(failure: Failure): number | null {
  return failure.retryAfter ?? (failure.status === 429 || failure.status === 503 ? 5 : null);
}
