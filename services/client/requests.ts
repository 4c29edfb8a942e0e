/** One request of the API, and the patience around it: what a drop of the link, a restart or a full store costs is tried again. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Static, TSchema } from "typebox";
import type { Call } from "./calls.ts";
import { refusalOf, Unreachable } from "./client-error.ts";
import { FileChanged } from "./file-changed.ts";

export interface RequestBody {
  readonly type: string;
  /** Bytes; null when only sending them tells. */
  readonly length: number | null;
  /** Once for each try. */
  stream(): ReadableStream<Uint8Array>;
}

export interface Request {
  readonly parameters?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly body?: RequestBody;
}

export interface Requests {
  readonly url: string;
  /** Tries after the first. */
  readonly retries: number;
  /** One try. Throws Unreachable, FileChanged, and Refused for any other status than the call's own. */
  readonly once: (call: Call, request?: Request) => Promise<Response>;
  /** Calls that change something twice when repeated carry a key or are harmless: a binary is known by its bytes. */
  readonly ask: (call: Call, request?: Request) => Promise<Response>;
  readonly document: <T extends TSchema>(call: Call<T>, request?: Request) => Promise<Static<T>>;
}

/** Statuses that another try may not meet. */
export const passing: ReadonlySet<number> = new Set([408, 429, 502, 503, 504]);

/** A link on which nothing of a body moves for so long is given up. */
const stalledMs = 60_000;

const filled = (path: string, parameters: Readonly<Record<string, string>>) =>
  path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => encodeURIComponent(parameters[name] ?? ""));

const isAnswer = ({ status, also }: Call, response: Response) => response.status === status || response.status === also;

function changedFile(error: unknown): FileChanged | null {
  for (let each = error; each instanceof Error; each = each.cause) if (each instanceof FileChanged) return each;
  return null;
}

/** Aborts when nobody takes of the stream for too long; until it has ended. */
function watched(body: ReadableStream<Uint8Array>): { readonly stream: ReadableStream<Uint8Array>; readonly signal: AbortSignal; readonly stop: () => void } {
  const stalled = new AbortController();
  const timer = setTimeout(() => stalled.abort(new Error("nothing was taken for a minute")), stalledMs);
  const reader = body.getReader();
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        timer.refresh();
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        clearTimeout(timer);
        controller.close();
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
  return { stream, signal: stalled.signal, stop: () => clearTimeout(timer) };
}

export function createRequests(url: string, token: string | null, retries: number): Requests {
  const base = url.replace(/\/+$/, "");

  async function send(call: Call, { parameters = {}, query = {}, headers = {}, json, body }: Request): Promise<Response> {
    const search = new URLSearchParams(query).toString();
    const watch = body === undefined ? null : watched(body.stream());
    const content: Record<string, string> = json === undefined ? {} : { "content-type": "application/json" };
    if (body !== undefined) {
      content["content-type"] = body.type;
      if (body.length !== null) content["content-length"] = String(body.length);
    }
    try {
      return await fetch(`${base}${filled(call.path, parameters)}${search === "" ? "" : `?${search}`}`, {
        method: call.method,
        headers: { accept: call.type ?? "*/*", ...content, ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...headers },
        ...(watch === null ? {} : { body: watch.stream, duplex: "half" as const, signal: watch.signal }),
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      });
    } catch (error) {
      throw changedFile(error) ?? new Unreachable(base, error);
    } finally {
      watch?.stop();
    }
  }

  async function ask(call: Call, request: Request = {}): Promise<Response> {
    for (let left = retries, pause = 0.5; ; left -= 1, pause = Math.min(pause * 2, 15)) {
      const response = await send(call, request).catch((error: unknown) => {
        if (left === 0 || !(error instanceof Unreachable)) throw error;
        return null;
      });
      if (response !== null && isAnswer(call, response)) return response;
      if (response !== null && (left === 0 || !passing.has(response.status))) throw await refusalOf(response);
      await response?.body?.cancel();
      const told = Number(response?.headers.get("retry-after") ?? 0);
      await sleep(1000 * Math.max(Math.min(told, 60), pause * (0.5 + Math.random())));
    }
  }

  return {
    url: base,
    retries,
    once: async (call, request = {}) => {
      const response = await send(call, request);
      if (!isAnswer(call, response)) throw await refusalOf(response);
      return response;
    },
    ask,
    document: async <T extends TSchema>(call: Call<T>, request: Request = {}) => {
      const text = await (await ask(call, request)).text();
      const answer: Static<T> = JSON.parse(text);
      return answer;
    },
  };
}
