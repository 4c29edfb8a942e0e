/**
 * The server's end: what waits is told, and a connection is closed as soon as its last answer is out.
 *
 * `close` alone would wait for kept-alive connections until their clients lose interest.
 */
import type { App } from "../app-type.ts";

const sweepMs = 100;

/** Aborts when the server begins to close. */
export function closeSwiftly(app: App): AbortSignal {
  const closing = new AbortController();
  app.addHook("preClose", async () => {
    closing.abort();
    const timer = setInterval(() => app.server.closeIdleConnections(), sweepMs).unref();
    app.server.once("close", () => clearInterval(timer));
  });
  return closing.signal;
}
