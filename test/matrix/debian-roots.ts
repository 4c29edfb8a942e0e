/** Other Debians to crash programs in: made once by `debian-root.sh`, in the temporary folder, and kept there. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("./debian-root.sh", import.meta.url));

export async function debianRoots(suites: readonly string[]): Promise<string[]> {
  const folder = join(tmpdir(), "inquest-debian");
  await mkdir(folder, { recursive: true });
  const roots: string[] = [];
  for (const suite of suites) {
    const [, name, architecture] = /^([a-z][a-z0-9-]*)(?::([a-z0-9]+))?$/.exec(suite) ?? [];
    if (name === undefined) throw new Error(`'${suite}' is no Debian suite`);
    const root = join(folder, architecture === undefined ? name : `${name}-${architecture}`);
    const child = spawn("sh", [script, name, root, ...(architecture === undefined ? [] : [architecture])], { stdio: ["ignore", "inherit", "inherit"] });
    const [status]: unknown[] = await once(child, "close");
    if (status !== 0) throw new Error(`Debian ${suite} could not be made in ${root}`);
    roots.push(root);
  }
  return roots;
}
