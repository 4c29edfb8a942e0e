/** What @fastify/multipart and its parser throw, in our terms. They tell by their texts what their codes do not. */
import { Failure } from "../../contract/failure.ts";

const codeOf = (error: Error) => ("code" in error && typeof error.code === "string" ? error.code : "");

export function formFailure(error: unknown): Error {
  if (error instanceof Failure || error instanceof TypeError) return error;
  if (!(error instanceof Error)) return new Failure("upload_aborted", "the body was closed before it was complete");
  const cause = { cause: error };
  if (/unexpected end of multipart data|terminated early/i.test(error.message)) {
    return new Failure("upload_truncated", "the body ends before its closing boundary", cause);
  }
  if (/boundary not found/i.test(error.message)) return new Failure("multipart_malformed", "the Content-Type has no boundary", cause);
  switch (codeOf(error)) {
    case "FST_MP_PREMATURE_CLOSE":
    case "ECONNRESET":
    case "ERR_STREAM_PREMATURE_CLOSE":
      return new Failure("upload_aborted", "the connection was closed before the body was complete", cause);
    case "FST_PROTO_VIOLATION":
      return new Failure("unknown_part", "a part has the name of a property that every object has", cause);
    default:
      return new Failure("multipart_malformed", "the body is not well-formed multipart/form-data", cause);
  }
}
