import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const module = (path: string) => JSON.stringify(fileURLToPath(new URL(path, import.meta.url)));

/** A process that is asked to stop while something keeps it; what it printed, and the status it ended with. */
async function ended(kept: boolean): Promise<{ readonly printed: string; readonly status: unknown }> {
  const program = `
    const { stopAsked } = await import(${module("../../services/supervisor/stop-asked.ts")});
    const { createLogger } = await import(${module("../../services/log/logger.ts")});
    const stop = stopAsked(createLogger({ level: "error", component: "test" }), 50);
    const held = setInterval(() => {}, 1000);
    stop.addEventListener("abort", () => { console.log("reason", stop.reason); ${kept ? "" : "clearInterval(held);"} });
    console.log("ready");`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], { stdio: ["ignore", "pipe", "inherit"] });
  let printed = "";
  child.stdout.on("data", (chunk: Buffer) => {
    printed += chunk.toString();
    if (chunk.includes("ready")) child.kill("SIGTERM");
  });
  const [status]: unknown[] = await once(child, "close");
  return { printed, status };
}

it("a process that ends by itself ends well", async () => {
  const { printed, status } = await ended(false);
  expect(printed).toContain("reason SIGTERM");
  expect(printed).not.toContain("stop_overdue");
  expect(status).toBe(0);
});

it("a process that something keeps ends all the same, and says so", async () => {
  const { printed, status } = await ended(true);
  expect(printed).toContain("stop_overdue");
  expect(status).toBe(1);
});
