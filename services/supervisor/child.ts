/**
 * One watched child: started, started again with a growing pause when it dies, ended cleanly.
 *
 * Over its IPC channel a child says that it is ready, and notices when this process is gone (`disconnect`) and ends itself: a SIGKILL of
 * the supervisor leaves no orphan that would answer for it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "../log/logger.ts";

export interface ChildOptions {
  readonly name: string;
  readonly command: string;
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Node's own children get a channel; others do not understand it. */
  readonly channel: boolean;
  /** How long it may take to end after SIGTERM before it is killed, in ms. */
  readonly graceMs: number;
  readonly logger: Logger;
  /** Called when the child says, by its status, that another start would end the same way. */
  readonly onHopeless: (name: string) => void;
}

/** EX_CONFIG of sysexits.h: the configuration or the machine is at fault, so starting again is no use. */
export const hopelessStatus = 78;

const firstPauseMs = 200;
const longestPauseMs = 10_000;
/** A child that lived this long is taken as healthy, and its next pause is the first one again. */
const healthyAfterMs = 30_000;

export class Child {
  readonly #options: ChildOptions;
  #process: ChildProcess | null = null;
  #ending = false;
  #ready = false;
  #loop: Promise<void> | null = null;
  readonly #wake = new AbortController();

  constructor(options: ChildOptions) {
    this.#options = options;
  }

  get running(): boolean {
    return this.#process !== null && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Whether the running process has said, over its channel, that it serves. */
  get ready(): boolean {
    return this.#ready && this.running;
  }

  start(): void {
    this.#loop ??= this.#watch();
  }

  async #watch(): Promise<void> {
    const { name, logger } = this.#options;
    let pause = firstPauseMs;
    while (!this.#ending) {
      const startedAt = Date.now();
      const why = await this.#runOnce();
      if (this.#ending) return;
      if (why === `status ${hopelessStatus}`) {
        this.#options.onHopeless(name);
        return;
      }
      if (Date.now() - startedAt > healthyAfterMs) pause = firstPauseMs;
      logger.warn({ child: name, why, again_in_ms: pause }, "child_ended");
      await sleep(pause, undefined, { signal: this.#wake.signal }).catch(() => undefined);
      pause = Math.min(pause * 2, longestPauseMs);
    }
  }

  async #runOnce(): Promise<string> {
    const { command, arguments: words, environment, channel, name, logger } = this.#options;
    const child = spawn(command, words, {
      env: { ...environment },
      stdio: channel ? ["ignore", "inherit", "inherit", "ipc"] : ["ignore", "ignore", "inherit"],
      // Its own process group: a Ctrl-C in the terminal reaches only the supervisor, which ends the children in order.
      detached: true,
    });
    this.#process = child;
    this.#ready = false;
    child.on("message", (message) => (this.#ready ||= message === "ready"));
    logger.debug({ child: name, child_pid: child.pid ?? null }, "child_started");
    return new Promise((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("exit", (code, signal) => resolve(signal ?? `status ${code}`));
    });
  }

  /** SIGTERM, then SIGKILL when the grace is over. Returns once it is gone. */
  async stop(): Promise<void> {
    this.#ending = true;
    this.#wake.abort();
    const child = this.#process;
    if (child !== null && this.running) {
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), this.#options.graceMs);
      await gone;
      clearTimeout(timer);
    }
    await this.#loop;
  }
}
