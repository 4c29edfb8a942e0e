/** What can be told of a webhook's URL before anything is sent; names are looked up, and held against the same rules, at every attempt. */
import { isIP } from "node:net";
import { Failure } from "../contract/failure.ts";
import type { AddressRules } from "./address-rules.ts";

const allowHint = "Send an https URL of a public host, or have the operator name the host in INQUEST_WEBHOOK_ALLOW.";

/** Throws `webhook_url_refused`. The host is judged as the URL's own rules spell it, so `0x7f.1` is 127.0.0.1. */
export function checkUrl(url: string, rules: AddressRules): void {
  const refuse = (why: string): never => {
    throw new Failure("webhook_url_refused", `The field url=${JSON.stringify(url.slice(0, 200))} ${why}.`, { hint: allowHint });
  };
  if (!URL.canParse(url)) refuse("is no URL");
  const { protocol, hostname, username, password } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  if (protocol !== "https:" && protocol !== "http:") refuse("begins with neither https: nor http:");
  if (username !== "" || password !== "") refuse("holds a user's name or password: the signature tells receivers who sends");
  if (isIP(host) !== 0 && !rules.reachable(host, host)) refuse("names an address that is not public");
  if (/(^|\.)localhost$/.test(host) && !rules.named(host)) refuse("names this machine");
  if (protocol === "http:" && !rules.named(host)) refuse("is not https");
}
