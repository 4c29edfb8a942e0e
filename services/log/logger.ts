/**
 * Logs are events with fields, one JSON object a line, on standard output.
 *
 * Tokens, labels and anything that may hold memory contents are redacted here, so that no caller can forget.
 */
import { type Logger, pino } from "pino";

export type { Logger };

/** Field names whose values never reach a log, at the top and one level down. */
const secret = ["authorization", "token", "tokens", "labels", "locals", "repr", "memory", "environment", "command_line", "message_of_exception"];

export function createLogger(options: { readonly level: string; readonly component: string }): Logger {
  return pino({
    level: options.level,
    base: { component: options.component, pid: process.pid },
    messageKey: "event",
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: [...secret, ...secret.map((name) => `*.${name}`), "req.headers.authorization"], censor: "[redacted]" },
  });
}
