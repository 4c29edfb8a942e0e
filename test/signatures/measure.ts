/** placeholder */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { interpretersFrom } from "../matrix/interpreters.ts";
import { openAnalyst } from "./analyse.ts";
import { cases, casesFolder } from "./cases.ts";
import { collect, variants } from "./collect.ts";

const { values } = parseArgs({
  options: {
    python: { type: "string", multiple: true, default: [] },
    root: { type: "string", multiple: true, default: [] },
    label: { type: "string", multiple: true, default: [] },
    version: { type: "string", multiple: true, default: [] },
    cache: { type: "string" },
  },
});
const interpreters = await interpretersFrom({ paths: values.python, pyenvRoot: null, roots: values.root, path: "" });
const scratch = await mkdtemp(join(tmpdir(), "inquest-signatures-"));
const library = join(scratch, "libinventory.so");
await promisify(execFile)("gcc", ["-g", "-O1", "-shared", "-fPIC", "-Wl,--build-id", "-o", library, join(casesFolder, "inventory.c")]);
const cache = values.cache ?? "/tmp/triage/cache";
await mkdir(cache, { recursive: true });
{
  await using analyst = await openAnalyst();
  for (const each of cases) {
    if (values.label.length > 0 && !values.label.some((l) => each.label.startsWith(l))) continue;
    for (const interpreter of interpreters) {
      const [a, b] = interpreter.version;
      if (values.version.length > 0 && !values.version.includes(`${a}.${b}`)) continue;
      if (each.from && (a - each.from[0] || b - each.from[1]) < 0) continue;
      if (each.to && (a - each.to[0] || b - each.to[1]) > 0) continue;
      const t = Date.now();
      try {
        const samples = await collect({ analyst, library, scratch }, each, interpreter, variants);
        for (const s of samples)
          await writeFile(join(cache, `${s.label}@${s.interpreter.replaceAll("/", "_")}@${s.variant}.json.gz`), gzipSync(JSON.stringify(s)));
        console.log(each.label, interpreter.version.join("."), samples.length, Date.now() - t);
      } catch (e) {
        console.log(each.label, interpreter.version.join("."), String(e).slice(0, 300));
      }
    }
  }
}
await rm(scratch, { recursive: true, force: true });
