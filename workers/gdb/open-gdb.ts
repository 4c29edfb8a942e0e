/** Starts one fresh gdb in the sandbox and gives it the helpers. */
import { Failure } from "../../services/contract/failure.ts";
import type { GdbSession, OpenGdbOptions } from "./debugger.ts";

export async function openGdb(options: OpenGdbOptions): Promise<GdbSession> {
  await Promise.resolve();
  throw new Failure("debugger_missing", `${options.gdb} is not wired yet`);
}
