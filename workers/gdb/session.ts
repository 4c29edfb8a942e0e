/**
 * Layer 3: a token to a promise.
 *
 * One session owns one gdb process. It can end in a few ways (it exits, breaks the protocol, outlasts a limit, is
 * cancelled, is disposed of); the first one is recorded as a `Failure` before anything is killed, and everything that
 * waits then or later fails with that one.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../../services/contract/failure.ts";
import { isRunning, signalProcess } from "../../services/sandbox/child-pid.ts";
import { LineSplitter } from "./lines.ts";
import { type MiRecord, type MiTuple, parseRecord } from "./mi-parser.ts";
import { killSandboxed, type SandboxedProcess } from "../../services/sandbox/sandboxed-process.ts";

export interface SessionOptions {
  /** Bytes of one record. */
  readonly lineCap: number;
  /** Milliseconds that an interrupted command gets to end by itself before gdb is killed. */
  readonly graceMs: number;
}

export interface CommandResult {
  readonly class: string;
  readonly results: MiTuple;
  /** What gdb wrote to its console and to its log (warnings and errors) while the command ran. */
  readonly console: readonly string[];
  readonly log: readonly string[];
}

type AsyncRecord = Extract<MiRecord, { kind: "async" }>;

interface Pending {
  readonly token: number;
  readonly console: string[];
  readonly log: string[];
  /** Set when the limit has passed and gdb was asked to stop: the command fails with this whatever it answers. */
  overdue: Failure | null;
  resolve(result: CommandResult): void;
  reject(reason: Failure): void;
}

const keptStderr = 4_096;
const keptStreams = 1_000;

/** The last line of stderr, fit for a report: printable, short. */
export function scrubStderr(text: string): string {
  const line = text.trimEnd().split("\n").at(-1) ?? "";
  return line.replace(/[^\x20-\x7e]/g, "?").slice(0, 200);
}

export function describeExit(exitCode: number | null, signal: string | null): string {
  if (signal !== null) return `gdb was ended by ${signal}`;
  // bubblewrap passes a child's death by signal on as a shell does.
  if (exitCode !== null && exitCode > 128) return `gdb was ended by signal ${exitCode - 128}`;
  return `gdb exited with status ${exitCode}`;
}

export class MiSession implements AsyncDisposable {
  readonly #process: SandboxedProcess;
  readonly #options: SessionOptions;
  readonly #lines: LineSplitter;
  readonly #pending = new Map<number, Pending>();
  readonly #asyncListeners = new Set<(record: AsyncRecord) => void>();
  readonly #prompt = Promise.withResolvers<undefined>();
  readonly #exited: Promise<undefined>;
  #nextToken = 1;
  #stderr = "";
  #ended: Failure | null = null;
  #gone = false;

  constructor(process: SandboxedProcess, options: SessionOptions) {
    this.#process = process;
    this.#options = options;
    this.#lines = new LineSplitter(options.lineCap);
    this.#prompt.promise.catch(() => undefined);
    const { child } = process;
    child.stdout.on("data", (chunk: Buffer) => this.#receive(chunk));
    child.stderr.on("data", (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString("latin1")).slice(-keptStderr);
    });
    // A write to a gdb that has just died; its exit tells the reason.
    child.stdin.on("error", () => undefined);
    this.#exited = new Promise((resolve) => {
      child.once("error", (error: NodeJS.ErrnoException) => {
        const missing = error.code === "ENOENT" || error.code === "EACCES";
        this.end(new Failure(missing ? "sandbox_unavailable" : "debugger_died", `the sandbox cannot be started: ${error.code ?? error.name}`));
        this.#gone = true;
        resolve(undefined);
      });
      child.once("close", (exitCode, signal) => {
        this.#gone = true;
        this.end(this.#exitFailure(exitCode, signal));
        resolve(undefined);
      });
    });
  }

  /** The reason why the session is over; null while it lives. */
  get ended(): Failure | null {
    return this.#ended;
  }

  /** The end of gdb's (and bubblewrap's) stderr. */
  get stderr(): string {
    return this.#stderr;
  }

  onAsync(listener: (record: AsyncRecord) => void): void {
    this.#asyncListeners.add(listener);
  }

  /** Waits for gdb's first prompt. */
  async ready(limitMs: number): Promise<void> {
    using _limit = this.#limit(limitMs, () => this.end(new Failure("debugger_timeout", `gdb did not start within ${limitMs} ms`)));
    await this.#prompt.promise;
  }

  /**
   * Sends one MI command, `-name arguments`, already quoted. Resolves with `^done`, `^connected` and the like; `^error` is a
   * `debugger_command`. When the limit passes, gdb is interrupted, and killed when that does not help.
   */
  async request(command: string, limitMs: number): Promise<CommandResult> {
    if (!command.startsWith("-") || /[\n\r\0]/.test(command)) throw new Failure("debugger_command", "a command for gdb is no single MI line");
    if (this.#ended !== null) throw this.#ended;
    const token = this.#nextToken;
    this.#nextToken += 1;
    const { promise, resolve, reject } = Promise.withResolvers<CommandResult>();
    const pending: Pending = { token, console: [], log: [], overdue: null, resolve, reject };
    this.#pending.set(token, pending);
    const name = command.split(" ", 1)[0] ?? "";
    using _limit = this.#limit(limitMs, () => void this.#overdue(pending, new Failure("debugger_timeout", `${name} took longer than ${limitMs} ms`)));
    this.#process.child.stdin.write(`${token}${command}\n`);
    return await promise;
  }

  /** Asks gdb to stop what it does, as Ctrl-C would. False when it cannot be reached. */
  async interrupt(): Promise<boolean> {
    const pid = await this.#process.commandPid;
    return pid !== null && !this.#gone && signalProcess(pid, "SIGINT");
  }

  /** Ends the session for `reason`, unless another one came first, and kills gdb. */
  end(reason: Failure): void {
    if (this.#ended === null) {
      this.#ended = reason;
      this.#prompt.reject(reason);
      for (const pending of this.#pending.values()) pending.reject(pending.overdue ?? reason);
      this.#pending.clear();
    }
    if (!this.#gone) killSandboxed(this.#process);
  }

  /** Kills gdb and returns when no process of it is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.end(new Failure("debugger_died", "the session was closed"));
    await this.#exited;
    const pid = await this.#process.commandPid;
    // bubblewrap's child dies with it; this only waits for the kernel to have done so. Whoever reaps orphans may take its time.
    for (let tries = 0; pid !== null && tries < 200 && isRunning(pid); tries += 1) await sleep(5);
  }

  #exitFailure(exitCode: number | null, signal: NodeJS.Signals | null): Failure {
    const last = scrubStderr(this.#stderr);
    if (/^(bwrap: execvp|setpriv: failed to execute)/.test(last)) return new Failure("debugger_missing", `gdb cannot be executed: ${last}`);
    if (/^(bwrap|prlimit|setpriv|unshare): /.test(last)) return new Failure("sandbox_unavailable", `the sandbox cannot be started: ${last}`);
    return new Failure("debugger_died", last === "" ? describeExit(exitCode, signal) : `${describeExit(exitCode, signal)}: ${last}`);
  }

  #limit(limitMs: number, expire: () => void): Disposable {
    const timer = setTimeout(expire, limitMs);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  }

  async #overdue(pending: Pending, reason: Failure): Promise<void> {
    pending.overdue = reason;
    await this.interrupt();
    await sleep(this.#options.graceMs, undefined, { ref: false });
    if (this.#pending.has(pending.token)) this.end(reason);
  }

  #receive(chunk: Buffer): void {
    if (this.#ended !== null) return;
    try {
      for (const line of this.#lines.push(chunk)) this.#dispatch(parseRecord(line));
    } catch (error) {
      this.end(error instanceof Failure ? error : new Failure("debugger_protocol", "a record of gdb's cannot be read", { cause: error }));
    }
  }

  #dispatch(record: MiRecord): void {
    switch (record.kind) {
      case "prompt":
        this.#prompt.resolve(undefined);
        break;
      case "result":
        this.#settle(record);
        break;
      case "stream":
        for (const pending of this.#pending.values()) {
          const into = record.of === "log" ? pending.log : pending.console;
          if (into.length < keptStreams) into.push(record.text);
        }
        break;
      case "async":
        for (const listener of this.#asyncListeners) listener(record);
        break;
      case "raw":
        break;
      default:
        record satisfies never;
    }
  }

  #settle(record: Extract<MiRecord, { kind: "result" }>): void {
    const pending = record.token === null ? undefined : this.#pending.get(record.token);
    if (pending === undefined) return;
    this.#pending.delete(pending.token);
    const { console, log } = pending;
    if (pending.overdue !== null) pending.reject(pending.overdue);
    else if (record.class === "error") pending.reject(commandFailure(record.results));
    else pending.resolve({ class: record.class, results: record.results, console, log });
  }
}

/** `^error`: its message is gdb's own or a helper's `CODE: text`. */
function commandFailure(results: MiTuple): Failure {
  const message = typeof results["msg"] === "string" ? results["msg"] : "no message";
  return new Failure("debugger_command", message.replace(/[^\x20-\x7e]/g, "?").slice(0, 500));
}
