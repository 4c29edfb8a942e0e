/** The data folder: private to its owner, and of one all-in-one command at a time. */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../contract/failure.ts";

/** When a process started, in clock ticks after boot; null when it is gone. Tells a pid from its reuse. (proc(5), field 22 of stat) */
async function startTime(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}

/** Makes the folder 0700 and takes it for this process; releases it on disposal. Throws `configuration_invalid` while another one lives in it. */
export async function claimDataFolder(folder: string): Promise<AsyncDisposable> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const lock = join(folder, "inquest.pid");
  const mine = `${process.pid} ${await startTime(process.pid)}\n`;
  for (let attempt = 0; ; attempt += 1) {
    try {
      await writeFile(lock, mine, { flag: "wx", mode: 0o600 });
      return { [Symbol.asyncDispose]: () => rm(lock, { force: true }) };
    } catch (error) {
      if (attempt > 0) throw error;
      const [pid = "", started = ""] = (await readFile(lock, "latin1").catch(() => "")).trim().split(" ");
      if (started !== "" && (await startTime(Number(pid))) === started) {
        throw new Failure("configuration_invalid", `another Inquest (pid ${pid}) runs in this data folder`, {
          hint: "Stop it, or set INQUEST_DATA_DIR to another folder.",
          cause: error,
        });
      }
      await rm(lock, { force: true });
    }
  }
}
