/** Builds what the programs load, and the program that embeds an interpreter, each once. */
import { execFile } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { promisify } from "node:util";
import type { Interpreter } from "../corpus/make-core.ts";
import { casesFolder, type Source } from "./cases.ts";

const execute = promisify(execFile);
const shared = ["-shared", "-fPIC", "-pthread"];

export interface Builder {
  /** The libraries and modules; one of the limited API serves every interpreter. */
  built(sources: readonly Source[]): Promise<string[]>;
  /** The path of a program that embeds the interpreter. Throws where its headers or its library are not there. */
  host(source: string, interpreter: Interpreter): Promise<string>;
}

/** As words of a compiler's line: the headers, and for a program the library. */
async function flags({ path, root }: Interpreter, embed: boolean): Promise<string[]> {
  if (root !== null) throw new Error("another userland has no headers here");
  const library = `
import os
v = s.get_config_var
library = os.path.join(v("LIBPL"), v("LIBRARY"))
shared = os.path.join(v("LIBDIR"), v("INSTSONAME"))
print("-rdynamic", library if v("INSTSONAME") == v("LIBRARY") else shared + " -Wl,-rpath," + v("LIBDIR"), v("LIBS"), v("SYSLIBS"), v("LINKFORSHARED"), "-lm", "-pthread")
`;
  const { stdout } = await execute(path, ["-c", `import sysconfig as s; print("-I" + s.get_path("include"))${embed ? library : ""}`]);
  return stdout.split(/\s+/).filter((word) => word !== "");
}

export function openBuilder(scratch: string, interpreters: readonly Interpreter[]): Builder {
  const made = new Map<string, Promise<string>>();
  const once = (key: string, make: () => Promise<string>) => {
    const path = made.get(key) ?? make();
    made.set(key, path);
    return path;
  };
  const compile = async (source: string, to: string, words: readonly string[]) => {
    const compiler = extname(source) === ".cpp" ? "g++" : "gcc";
    await execute(compiler, ["-g", "-O1", "-Wl,--build-id", "-o", to, join(casesFolder, source), ...words]);
    return to;
  };
  /** Those of the oldest that has some: what the limited API inlines fits the later ones. */
  const headers = async () => {
    for (const each of interpreters.filter(({ root, version: [major, minor] }) => root === null && major === 3 && minor >= 8)) {
      const found = await flags(each, false);
      const here = await execute(
        "ls",
        found.map((word) => join(word.slice(2), "Python.h")),
      ).catch(() => null);
      if (here !== null) return found;
    }
    throw new Error("no interpreter has headers");
  };
  const build = async (source: Source) => {
    const name = basename(source, extname(source));
    if (source === "crane.c") return compile(source, join(scratch, `${name}.abi3.so`), [...shared, ...(await headers())]);
    return compile(source, join(scratch, `lib${name}.so`), shared);
  };
  return {
    built: (sources) => Promise.all(sources.map((source) => once(source, () => build(source)))),
    host: (source, interpreter) =>
      once(`${source} ${interpreter.path}`, async () => {
        const folder = await mkdtemp(join(scratch, "host-"));
        return compile(source, join(folder, basename(source, ".c")), await flags(interpreter, true));
      }),
  };
}
