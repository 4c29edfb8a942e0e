/** The tus server's refusals as ours. Its own errors are a status and a line of text. */
import { Failure, type FailureCode } from "../../contract/failure.ts";
import { asFailure } from "../http/fault.ts";

const byStatus: Readonly<Record<number, FailureCode>> = {
  400: "upload_request_invalid",
  403: "upload_request_invalid",
  404: "upload_not_found",
  409: "upload_offset_conflict",
  410: "upload_not_found",
  412: "upload_protocol_unsupported",
  413: "upload_too_large",
  501: "upload_request_invalid",
};

export function tusFailure(error: unknown): Failure {
  if (typeof error === "object" && error !== null && "status_code" in error && "body" in error) {
    const text = String(error.body).trim().slice(0, 300);
    if (/aborted/i.test(text)) return new Failure("upload_aborted", "the connection was closed, or another request goes on with this upload");
    if (/lock/i.test(text)) return new Failure("upload_locked", "another request is sending this upload", { retryAfter: 5 });
    const code = byStatus[Number(error.status_code)];
    if (code !== undefined) return new Failure(code, text);
  }
  return asFailure(error);
}
