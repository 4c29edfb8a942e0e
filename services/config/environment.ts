/**
 * The configuration: the one file that reads the environment.
 *
 * Each variable is validated when the process starts; a bad one ends it with a message that names the variable, the
 * value and what would do. Nothing else in the project knows that an environment exists.
 */
import { isIP } from "node:net";
import { resolve } from "node:path";
import { Failure } from "../contract/failure.ts";
import type { Limits } from "../contract/limits.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

export interface Config {
  readonly listen: { readonly host: string; readonly port: number };
  readonly dataDir: string;
  /** `null`: the all-in-one command starts a private redis-server in the data folder. */
  readonly redisUrl: string | null;
  /** `sqlite:PATH` or `postgres://…`. */
  readonly databaseUrl: string;
  /** `file:PATH`; `s3://BUCKET?endpoint=…` is the second kind. */
  readonly blobUrl: string;
  readonly tokensFile: string | null;
  readonly workers: number;
  readonly logLevel: "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";
  readonly gdb: string;
  /** Upstream servers, without a slash at the end. */
  readonly debuginfodUrls: readonly string[];
  /** Hosts, addresses and blocks that webhooks may reach though they are not public. */
  readonly webhookAllow: readonly string[];
  /** Where users reach the API, without a slash at the end; null when links stay relative. */
  readonly publicUrl: string | null;
  /** Whether workers make gdb's indexes of stored binaries while they are idle. */
  readonly indexing: boolean;
  readonly limits: Limits;
}

type Environment = Readonly<Record<string, string | undefined>>;

const wrong = (name: string, value: string, wanted: string) =>
  new Failure("configuration_invalid", `${name}=${JSON.stringify(value)} is not ${wanted}`, { hint: `Set ${name} to ${wanted}, or leave it unset.` });

function text(environment: Environment, name: string, fallback: string): string {
  const value = environment[name];
  return value === undefined || value === "" ? fallback : value;
}

function integer(environment: Environment, name: string, fallback: number, from: number, to: number): number {
  const value = environment[name];
  if (value === undefined || value === "") return fallback;
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < from || number > to) throw wrong(name, value, `a whole number from ${from} to ${to}`);
  return number;
}

/** `10GiB`, `500MB` or plain bytes. */
function size(environment: Environment, name: string, fallback: number): number {
  const value = environment[name];
  if (value === undefined || value === "") return fallback;
  const match = /^(\d+)\s*([KMGT]i?)?B?$/i.exec(value);
  if (match === null) throw wrong(name, value, "a size such as 500MiB or 20GiB");
  const unit = (match[2] ?? "").toLowerCase();
  const power = " kmgt".indexOf(unit.charAt(0) || " ");
  return Number(match[1]) * (unit.endsWith("i") ? 1024 : 1000) ** power;
}

function oneOf<T extends string>(environment: Environment, name: string, fallback: T, values: readonly T[]): T {
  const value = text(environment, name, fallback);
  const found = values.find((each) => each === value);
  if (found === undefined) throw wrong(name, value, `one of ${values.join(", ")}`);
  return found;
}

function listen(environment: Environment): Config["listen"] {
  const value = text(environment, "INQUEST_LISTEN", "127.0.0.1:8080");
  const match = /^(\[[0-9a-f:.]+\]|[^:]+):(\d{1,5})$/i.exec(value);
  const port = Number(match?.[2]);
  if (match?.[1] === undefined || port > 65535) throw wrong("INQUEST_LISTEN", value, "HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080");
  return { host: match[1].replace(/^\[|\]$/g, ""), port };
}

function url(environment: Environment, name: string, fallback: string, schemes: readonly string[]): string {
  const value = text(environment, name, fallback);
  if (!schemes.some((scheme) => value.startsWith(scheme))) throw wrong(name, value, `a URL that begins with ${schemes.join(" or ")}`);
  return value;
}

/** Words between blanks, as in debuginfod's own `DEBUGINFOD_URLS`. */
function urls(environment: Environment, name: string): string[] {
  const words = text(environment, name, "").split(/\s+/).filter(Boolean);
  const bad = words.find((word) => !/^https?:\/\//.test(word) || !URL.canParse(word));
  if (bad !== undefined) throw wrong(name, bad, "a list of URLs that begin with http:// or https://, with blanks between them");
  return words.map((word) => word.replace(/\/+$/, ""));
}

const addressBlock = /^(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9a-f]*:[0-9a-f:.]+)(?:\/\d{1,3})?$/i;
const hostName = /^(?!\d+$)[a-z0-9_]([a-z0-9._-]*[a-z0-9])?$/i;

/** Words between blanks or commas: hosts, addresses, blocks of addresses. */
function allowed(environment: Environment, name: string): string[] {
  const words = text(environment, name, "")
    .split(/[\s,]+/)
    .filter(Boolean);
  const fits = (word: string) => {
    const [address = "", bits] = word.split("/");
    const form = isIP(address);
    return addressBlock.test(word) ? form !== 0 && Number(bits ?? 0) <= (form === 4 ? 32 : 128) : hostName.test(word);
  };
  const bad = words.find((word) => !fits(word));
  if (bad !== undefined) throw wrong(name, bad, "a list of hosts, addresses or blocks such as hooks.internal 10.1.0.0/16");
  return words;
}

export function readConfig(environment: Environment = process.env): Config {
  const dataDir = resolve(text(environment, "INQUEST_DATA_DIR", "data"));
  const redisUrl = text(environment, "INQUEST_REDIS_URL", "");
  const tokensFile = text(environment, "INQUEST_TOKENS_FILE", "");
  return {
    listen: listen(environment),
    dataDir,
    redisUrl: redisUrl === "" ? null : url(environment, "INQUEST_REDIS_URL", "", ["redis://", "rediss://", "unix:"]),
    databaseUrl: url(environment, "INQUEST_DATABASE_URL", `sqlite:${dataDir}/inquest.sqlite`, ["sqlite:", "postgres://", "postgresql://"]),
    blobUrl: url(environment, "INQUEST_BLOB_URL", `file:${dataDir}/blobs`, ["file:", "s3:"]),
    tokensFile: tokensFile === "" ? null : resolve(tokensFile),
    workers: integer(environment, "INQUEST_WORKERS", 1, 1, 256),
    logLevel: oneOf(environment, "INQUEST_LOG_LEVEL", "info", ["trace", "debug", "info", "warn", "error", "fatal", "silent"]),
    gdb: text(environment, "INQUEST_GDB", "gdb"),
    debuginfodUrls: urls(environment, "INQUEST_DEBUGINFOD_URLS"),
    webhookAllow: allowed(environment, "INQUEST_WEBHOOK_ALLOW"),
    publicUrl:
      text(environment, "INQUEST_PUBLIC_URL", "") === "" ? null : url(environment, "INQUEST_PUBLIC_URL", "", ["http://", "https://"]).replace(/\/+$/, ""),
    indexing: oneOf(environment, "INQUEST_INDEXING", "on", ["on", "off"]) === "on",
    limits: {
      core_bytes: size(environment, "INQUEST_MAX_CORE", 64 * GiB),
      core_inflate_ratio: integer(environment, "INQUEST_MAX_INFLATE_RATIO", 200, 2, 1_000_000),
      inflate_memory_bytes: 512 * MiB,
      binary_bytes: size(environment, "INQUEST_MAX_BINARY", 4 * GiB),
      attachment_bytes: size(environment, "INQUEST_MAX_ATTACHMENT", 16 * MiB),
      unfinished_uploads: integer(environment, "INQUEST_MAX_UNFINISHED_UPLOADS", 256, 1, 100_000),
      upload_expiry_seconds: integer(environment, "INQUEST_UPLOAD_EXPIRY_SECONDS", 86_400, 60, 30 * 86_400),
      binaries_per_job: integer(environment, "INQUEST_MAX_BINARIES", 2_000, 0, 100_000),
      archive_entries: integer(environment, "INQUEST_MAX_ARCHIVE_ENTRIES", 20_000, 1, 10_000_000),
      archive_bytes: size(environment, "INQUEST_MAX_ARCHIVE", 16 * GiB),
      archive_ratio: 200,
      attachments_per_job: integer(environment, "INQUEST_MAX_ATTACHMENTS", 16, 0, 1_000),
      labels_per_job: 64,
      label_bytes: 1 * KiB,
      awaiting_binaries_seconds: integer(environment, "INQUEST_AWAITING_BINARIES_SECONDS", 3_600, 1, 30 * 86_400),
      wait_seconds: 60,
      page_items: 200,
      job_seconds: integer(environment, "INQUEST_JOB_TIMEOUT_SECONDS", 300, 1, 86_400),
      debug_seconds: integer(environment, "INQUEST_DEBUG_TIMEOUT_SECONDS", 120, 1, 86_400),
      debug_memory_bytes: size(environment, "INQUEST_DEBUG_MEMORY", 4 * GiB),
      attempts: integer(environment, "INQUEST_ATTEMPTS", 3, 1, 100),
      debuginfod_seconds: integer(environment, "INQUEST_DEBUGINFOD_TIMEOUT_SECONDS", 60, 1, 3_600),
      debuginfod_bytes: size(environment, "INQUEST_MAX_DEBUGINFOD", 1 * GiB),
      frames_per_thread: integer(environment, "INQUEST_MAX_FRAMES", 500, 10, 100_000),
      threads: integer(environment, "INQUEST_MAX_THREADS", 4_096, 1, 100_000),
      free_disk_bytes: size(environment, "INQUEST_MIN_FREE_DISK", 256 * MiB),
      webhook_attempts: integer(environment, "INQUEST_WEBHOOK_ATTEMPTS", 12, 1, 100),
      webhook_seconds: integer(environment, "INQUEST_WEBHOOK_TIMEOUT_SECONDS", 10, 1, 120),
      webhook_log_seconds: 30 * 86_400,
      cores_per_group: integer(environment, "INQUEST_KEEP_CORES_PER_GROUP", 0, 0, 1_000_000),
      core_retention_seconds: integer(environment, "INQUEST_CORE_RETENTION_SECONDS", 14 * 86_400, 60, 3_650 * 86_400),
      report_retention_seconds: integer(environment, "INQUEST_REPORT_RETENTION_SECONDS", 365 * 86_400, 60, 3_650 * 86_400),
    },
  };
}

/** The variables a child process of the all-in-one command is started with: ours as they are, with the parts it is told to share. */
export function childEnvironment(changes: Readonly<Record<string, string>>, environment: Environment = process.env): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && !name.startsWith("npm_")) kept[name] = value;
  }
  return { ...kept, ...changes };
}

/** What the `inquest` command is told by its user's environment. */
export interface UserEnvironment {
  readonly url: string | null;
  readonly token: string | null;
  /** The folder of configuration files, `~/.config`. */
  readonly configHome: string;
  readonly noColor: boolean;
}

export function readUserEnvironment(environment: Environment = process.env): UserEnvironment {
  const given = (name: string) => (environment[name] === undefined || environment[name] === "" ? null : environment[name]);
  return {
    url: given("INQUEST_URL"),
    token: given("INQUEST_TOKEN"),
    configHome: given("XDG_CONFIG_HOME") ?? resolve(given("HOME") ?? "/", ".config"),
    noColor: given("NO_COLOR") !== null || environment["TERM"] === "dumb",
  };
}
