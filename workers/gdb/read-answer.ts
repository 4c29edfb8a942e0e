/** Reads a helper's answer from the one folder that the sandbox can write to. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { basename, join } from "node:path";
import { Failure } from "../../services/contract/failure.ts";

const maxBytes = 512 << 20;

/**
 * The JSON document at `out` (a path inside, directly below `/job/out`). What wrote it may have been taken over by the core: a
 * link, a pipe or a device in its place is refused, and so is a file too large.
 */
export async function readAnswer(jobDir: string, out: string): Promise<unknown> {
  const name = basename(out);
  if (out !== `/job/out/${name}`) throw new Failure("debugger_command", "a helper's answer belongs into /job/out");
  const path = join(jobDir, "out", name);
  const refused = (why: string, cause?: unknown) => new Failure("helper_answer_invalid", `${name} ${why}`, { cause });
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch((error: unknown) => {
    throw refused("cannot be opened", error);
  });
  try {
    const { size } = await file.stat().then((entry) => {
      if (!entry.isFile()) throw refused("is no file");
      return entry;
    });
    if (size > maxBytes) throw refused(`is larger than ${maxBytes} bytes`);
    const text = await file.readFile("utf8");
    return JSON.parse(text);
  } catch (error) {
    throw error instanceof Failure ? error : refused("is no JSON", error);
  } finally {
    await file.close();
  }
}
