/** A PostgreSQL cluster of the test's own: Debian's server binaries, a unix socket in a temporary folder, gone when disposed. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, readFileSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";

export interface PrivatePostgres extends AsyncDisposable {
  /** Makes an empty database and gives its URL. */
  createDatabase(): Promise<string>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

const versionsFolder = "/usr/lib/postgresql";

function serverBinaries(): string {
  let versions: string[] = [];
  try {
    versions = readdirSync(versionsFolder).toSorted((a, b) => Number(a) - Number(b));
  } catch {
    // Not installed: told below.
  }
  const newest = versions.at(-1);
  if (newest === undefined) throw new Error(`no PostgreSQL server below ${versionsFolder}; install one: apt-get install postgresql`);
  return join(versionsFolder, newest, "bin");
}

/** PostgreSQL refuses to run as root; then it runs as the user that its package made. */
function serverUser(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const entry = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"))
    .find(([name]) => name === "postgres");
  if (entry === undefined) throw new Error("PostgreSQL does not run as root and there is no user `postgres`");
  return { uid: Number(entry[2]), gid: Number(entry[3]) };
}

export async function startPrivatePostgres(): Promise<PrivatePostgres> {
  const binaries = serverBinaries();
  const user = serverUser();
  const folder = await mkdtemp(join(tmpdir(), "inquest-postgres-"));
  if (user.uid !== undefined && user.gid !== undefined) chownSync(folder, user.uid, user.gid);
  const data = join(folder, "data");
  // A language's order of text, unlike the order of bytes: what depends on the latter must ask for it.
  const order = ["--encoding=UTF8", "--locale-provider=icu", "--icu-locale=en-US", "--locale=C.UTF-8"];
  execFileSync(join(binaries, "initdb"), ["-D", data, "-U", "inquest", "--auth=trust", "--no-sync", ...order], { ...user, cwd: folder, stdio: "pipe" });
  const url = (database: string) => `postgresql:///${database}?host=${encodeURIComponent(folder)}&user=inquest`;
  let server: ChildProcess | null = null;
  let databases = 0;

  async function asAdministrator(statement: string): Promise<void> {
    const client = new Client({ connectionString: url("postgres") });
    client.on("error", () => undefined);
    await client.connect();
    try {
      await client.query(statement);
    } finally {
      await client.end();
    }
  }

  const postgres: PrivatePostgres = {
    start: async () => {
      const settings = ["-c", "listen_addresses=", "-c", `unix_socket_directories=${folder}`, "-c", "fsync=off"];
      server = spawn(join(binaries, "postgres"), ["-D", data, ...settings], { ...user, cwd: folder, stdio: "ignore" });
      for (let tries = 0; ; tries += 1) {
        try {
          await asAdministrator("select 1");
          return;
        } catch (error) {
          if (tries > 500 || server.exitCode !== null) throw error;
          await sleep(20);
        }
      }
    },
    stop: async () => {
      if (server === null) return;
      const gone = once(server, "exit");
      server.kill("SIGQUIT");
      await gone;
      server = null;
    },
    createDatabase: async () => {
      databases += 1;
      const name = `test_${databases}`;
      await asAdministrator(`create database ${name}`);
      return url(name);
    },
    [Symbol.asyncDispose]: async () => {
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  await postgres.start();
  return postgres;
}
