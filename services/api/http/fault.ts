/**
 * What went wrong, as a `Failure`: the one place that reads other people's errors.
 *
 * A `Failure` passes unchanged. Fastify's own refusals get the code of the failure table, its validation errors name the
 * field and the value. Everything else is an internal error, whose text the client never sees.
 */
import type { FastifyError } from "fastify";
import { Failure, type FailureCode } from "../../contract/failure.ts";

const byFastifyCode: Readonly<Record<string, FailureCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: "upload_too_large",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "unsupported_media_type",
  FST_ERR_CTP_EMPTY_JSON_BODY: "malformed_json",
  FST_ERR_CTP_INVALID_JSON_BODY: "malformed_json",
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: "upload_truncated",
  FST_ERR_NOT_FOUND: "not_found",
  FST_ERR_MAX_PARAM_LENGTH: "not_found",
};

const places: Readonly<Record<string, string>> = { querystring: "query parameter", params: "path parameter", headers: "header", body: "field" };

/** At most 100 characters of a value, as JSON. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

interface AjvError {
  readonly keyword: string;
  readonly instancePath: string;
  readonly message?: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly data?: unknown;
  readonly parentSchema?: { readonly properties?: object; readonly patternProperties?: Readonly<Record<string, { readonly title?: string }>> };
}

function invalid(errors: readonly AjvError[], context: string): Failure {
  const place = places[context] ?? "field";
  const code = context === "body" ? "invalid_body" : "invalid_parameter";
  const error = errors[0];
  if (error === undefined) return new Failure(code, "The request does not fit its schema.");
  const name = error.instancePath.slice(1).replaceAll("/", ".");
  const { additionalProperty, missingProperty, allowedValues } = error.params;
  if (typeof additionalProperty === "string") {
    const { properties = {}, patternProperties = {} } = error.parentSchema ?? {};
    const known = [...Object.keys(properties), ...Object.values(patternProperties).flatMap(({ title }) => title ?? [])];
    const list = known.length === 0 ? "none is known here" : `the known ones are ${known.join(", ")}`;
    return new Failure(code, `The ${place} ${shown(additionalProperty)} is not known; ${list}.`);
  }
  if (typeof missingProperty === "string") return new Failure(code, `The ${place} ${name === "" ? "" : `${name}.`}${missingProperty} is missing.`);
  const wanted = Array.isArray(allowedValues) ? `must be one of ${allowedValues.join(", ")}` : (error.message ?? "is not valid");
  return new Failure(code, name === "" ? `The body ${wanted}.` : `The ${place} ${name}=${shown(error.data)} ${wanted}.`);
}

const isFastifyError = (error: Error): error is FastifyError => "code" in error && typeof error.code === "string" && error.code.startsWith("FST_");

export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (!(error instanceof Error)) return new Failure("internal_error", "Something unexpected happened.", { cause: error });
  if ("validation" in error && Array.isArray(error.validation)) {
    return invalid(error.validation, "validationContext" in error ? String(error.validationContext) : "body");
  }
  if (isFastifyError(error)) {
    const code = byFastifyCode[error.code];
    if (code !== undefined) return new Failure(code, `${error.message}.`.replace(/\.\.$/, "."), { cause: error });
    const { statusCode } = error;
    if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return new Failure("bad_request", error.message, { cause: error });
  }
  if ("code" in error && (error.code === "ECONNRESET" || error.code === "ERR_STREAM_PREMATURE_CLOSE")) {
    return new Failure("upload_aborted", "The connection closed before the request was complete.", { cause: error });
  }
  return new Failure("internal_error", "Something unexpected happened; it is in the server's log under this request_id.", { cause: error });
}
