/** Who a request comes from: by bearer token, or, where no token is configured, whoever is on this machine. */
import { hash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { isIPv4 } from "node:net";
import { Failure } from "../../contract/failure.ts";
import type { Caller, Scope } from "./caller.ts";
import type { Token } from "./tokens-file.ts";

/** Throws `unauthorized` or `forbidden`. */
export type Authenticate = (request: { readonly method: string; readonly headers: IncomingHttpHeaders }) => Caller;

export function authenticateByToken(tokens: readonly Token[]): Authenticate {
  const rows = tokens.map(({ sha256, project, scopes }) => ({ digest: Buffer.from(sha256, "hex"), caller: { project, scopes: new Set<Scope>(scopes) } }));
  return ({ headers }) => {
    const given = /^Bearer +([\x21-\x7e]{1,1024}) *$/i.exec(headers.authorization ?? "")?.[1];
    if (given === undefined) {
      throw new Failure(
        "unauthorized",
        headers.authorization === undefined ? "The request has no Authorization header." : "The Authorization header is not `Bearer TOKEN`.",
      );
    }
    const digest = hash("sha256", given, "buffer");
    // Every row is compared, each in constant time: the answer's time tells nothing about the tokens.
    let found: Caller | null = null;
    for (const row of rows) if (timingSafeEqual(row.digest, digest)) found = row.caller;
    if (found === null) throw new Failure("unauthorized", "The token is not known.");
    return found;
  };
}

export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, "").toLowerCase();
  return bare === "localhost" || bare === "::1" || (isIPv4(bare) && bare.startsWith("127."));
}

const anyone: Caller = { project: "default", scopes: new Set<Scope>(["submit", "read", "admin"]) };

/**
 * No tokens: the server listens on loopback only. A web page that this machine's browser shows could still reach it, so
 * the name it is called by must be a loopback one (no DNS rebinding), and other sites' pages may change nothing.
 */
export const authenticateLocal: Authenticate = ({ method, headers }) => {
  const host = (headers.host ?? "localhost").replace(/:\d+$/, "");
  if (!isLoopback(host)) {
    throw new Failure("forbidden", `Without tokens this server answers only to loopback names, not to ${JSON.stringify(host.slice(0, 100))}.`, {
      hint: "Call it by 127.0.0.1 or localhost, or set INQUEST_TOKENS_FILE.",
    });
  }
  const { origin } = headers;
  const foreign = headers["sec-fetch-site"] === "cross-site" || (origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== headers.host));
  if (foreign && method !== "GET" && method !== "HEAD") {
    throw new Failure("forbidden", "Without tokens this server takes no requests from other sites' pages.", {
      hint: "Set INQUEST_TOKENS_FILE and send a token.",
    });
  }
  return anyone;
};
