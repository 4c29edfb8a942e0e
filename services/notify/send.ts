/**
 * One HTTP request to a receiver. The address is judged where it is connected to: the name is looked up once, every address
 * that comes of it is held against the rules, and the connection goes to those very addresses, so a name that changes
 * its mind in between (DNS rebinding) wins nothing. Redirects are not followed, of the answer only its status is kept.
 */
import { type LookupAddress, lookup as lookUp, type LookupAllOptions } from "node:dns";
import { request as requestHttp, type IncomingMessage, type RequestOptions } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import type { AddressRules } from "./address-rules.ts";

/** More of an answer is not read. */
const mostAnswered = 64 * 1024;

/** dns.lookup, as it is called here. */
export type Lookup = (name: string, options: LookupAllOptions, callback: (error: Error | null, addresses: LookupAddress[]) => void) => void;

export interface Sending {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly timeoutMilliseconds: number;
  readonly rules: AddressRules;
  /** Ends it early. */
  readonly stop?: AbortSignal | undefined;
  /** For tests: who answers for names. */
  readonly lookup?: Lookup;
}

/** `error` is null when the receiver answered with 2xx. */
export interface Sent {
  readonly responseStatus: number | null;
  readonly error: string | null;
}

class RefusedAddress extends Error {
  readonly code = "REFUSED_ADDRESS";
}

/** Gives only addresses that may be reached; one that may not be spoils the name altogether. */
function guardedLookup(rules: AddressRules, host: string, lookup: Lookup): LookupFunction {
  return (name, options, callback) => {
    lookup(name, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, []);
      if (addresses.length === 0 || !addresses.every(({ address }) => rules.reachable(host, address))) {
        return callback(new RefusedAddress(`${name} leads to an address that is not public`), []);
      }
      const [first] = addresses;
      if (options.all === true || first === undefined) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

const byCode: Readonly<Record<string, string>> = {
  REFUSED_ADDRESS: "refused_address",
  ENOTFOUND: "name_not_found",
  EAI_AGAIN: "name_not_found",
  ETIMEDOUT: "timeout",
  ABORT_ERR: "timeout",
};

function errorOf(error: unknown): string {
  if (!(error instanceof Error)) return "connection_failed";
  const code = "code" in error ? String(error.code) : "";
  if (/^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)|CERT/.test(code)) return "tls_failed";
  return byCode[code] ?? (error.name === "AbortError" || error.name === "TimeoutError" ? "timeout" : "connection_failed");
}

function judged({ statusCode = 0 }: IncomingMessage): Sent {
  if (statusCode >= 200 && statusCode < 300) return { responseStatus: statusCode, error: null };
  return { responseStatus: statusCode, error: statusCode >= 300 && statusCode < 400 ? "redirected" : "bad_status" };
}

/** Never rejects. */
export async function send({ url, headers, body, timeoutMilliseconds, rules, stop, lookup = lookUp }: Sending): Promise<Sent> {
  const { protocol, hostname } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  // What is an address already is never looked up.
  if (isIP(host) !== 0 && !rules.reachable(host, host)) return { responseStatus: null, error: "refused_address" };
  if (protocol === "http:" && !rules.named(host)) return { responseStatus: null, error: "refused_address" };
  const options: RequestOptions = {
    method: "POST",
    agent: false,
    headers: { ...headers, "content-length": Buffer.byteLength(body), connection: "close" },
    lookup: guardedLookup(rules, host, lookup),
    signal: AbortSignal.any([AbortSignal.timeout(timeoutMilliseconds), ...(stop === undefined ? [] : [stop])]),
    maxHeaderSize: 16 * 1024,
  };
  return new Promise((resolve) => {
    const request = (protocol === "https:" ? requestHttps : requestHttp)(url, options, (answer) => {
      const told = judged(answer);
      let read = 0;
      const end = () => {
        resolve(told);
        request.destroy();
      };
      answer.on("data", (chunk: Buffer) => {
        read += chunk.length;
        if (read > mostAnswered) end();
      });
      answer.on("end", end).on("error", end).on("close", end);
    });
    request.on("error", (error) => resolve({ responseStatus: null, error: errorOf(error) }));
    request.end(body);
  });
}
