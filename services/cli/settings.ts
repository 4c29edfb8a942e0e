/** Whom to ask: options first, then the environment, then `~/.config/inquest/config.json` ({"url": …, "token": …}). */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { UserEnvironment } from "../config/environment.ts";
import { UsageError } from "./usage-error.ts";

export interface Settings {
  readonly url: string;
  readonly token: string | null;
}

function fileSettings(path: string): Readonly<Record<string, unknown>> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return {};
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // told below
  }
  throw new UsageError(`${path} is not a JSON object such as {"url": "http://HOST:8080", "token": "…"}`);
}

export function settingsOf(options: { readonly url?: string | undefined; readonly token?: string | undefined }, environment: UserEnvironment): Settings {
  const file = fileSettings(join(environment.configHome, "inquest/config.json"));
  const text = (name: string) => (typeof file[name] === "string" ? file[name] : null);
  const url = options.url ?? environment.url ?? text("url") ?? "http://127.0.0.1:8080";
  if (!/^https?:\/\/[^/]/.test(url)) throw new UsageError(`${url} is not the address of a service; give http://HOST:PORT`);
  return { url, token: options.token ?? environment.token ?? text("token") };
}
