/** A program on a terminal of its own, typed into as by a person: util-linux's `script` makes the terminal. */
import { spawn } from "node:child_process";
import { once } from "node:events";

export interface Typed {
  /** What must have been printed since the line before, before this one is typed. */
  readonly after: RegExp;
  readonly type: string;
}

/** All that the terminal showed, and the program's exit code. */
export async function onTerminal(
  command: string,
  lines: readonly Typed[],
  env: Readonly<Record<string, string>>,
): Promise<{ screen: string; status: number | null }> {
  const child = spawn("script", ["-qec", command, "/dev/null"], { env, stdio: ["pipe", "pipe", "inherit"] });
  const left = [...lines];
  let screen = "";
  let seen = 0;
  child.stdin.on("error", () => undefined);
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    screen += chunk;
    const [next] = left;
    if (next === undefined || !next.after.test(screen.slice(seen))) return;
    seen = screen.length;
    left.shift();
    child.stdin.write(next.type);
  });
  const [status] = await once(child, "close");
  return { screen, status };
}
