/**
 * Asks upstream debuginfod servers for what a job misses: by the worker, outside the sandbox, before gdb starts.
 *
 * The servers are the operator's choice; what they send is an upload like any other. A file is kept only when its own
 * build-id is the one that was asked for. A question is asked once among all workers, and not again soon when no server knew.
 * Whatever goes wrong here, the job goes on without.
 */
import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../../services/contract/failure.ts";
import type { MissingBinary } from "../../services/contract/job.ts";
import type { Limits } from "../../services/contract/limits.ts";
import type { Warning } from "../../services/contract/report.ts";
import { inspectBinaryFile } from "../../services/intake/binary/inspect-binary.ts";
import { keepBinaries } from "../../services/intake/binary/keep-binaries.ts";
import type { CoreFacts } from "../../services/intake/core/core-facts.ts";
import { findBinaries } from "../../services/intake/needs/find-binaries.ts";
import { baseName } from "../../services/intake/needs/sysroot-path.ts";
import type { BinaryStore } from "../../services/storage/binary-store.ts";
import type { BlobStore } from "../../services/storage/blob-store.ts";
import type { UpstreamKind, UpstreamQuestion, UpstreamRequests } from "../../services/storage/upstream-requests.ts";

export interface UpstreamParts {
  /** Without a slash at the end, in the order of asking. */
  readonly urls: readonly string[];
  readonly requests: UpstreamRequests;
  readonly binaries: BinaryStore;
  readonly blobs: Pick<BlobStore, "create" | "remove">;
  readonly limits: Pick<Limits, "debuginfod_seconds" | "debuginfod_bytes">;
}

export interface UpstreamJob {
  readonly id: string;
  readonly projectId: string;
  readonly facts: CoreFacts;
  readonly signal: AbortSignal;
}

/** As long as debuginfod's own clients remember a miss. */
const MISSING_SECONDS = 600;
/** A server that is down may be up again soon. */
const FAULT_SECONDS = 30;
const AT_ONCE = 4;
/** Executables, then their debug files, then what dwz moved out of those. */
const ROUNDS = 3;
const MOST_QUESTIONS = 200;

const kindOf = ({ needed_for }: MissingBinary): UpstreamKind => (needed_for === "symbols" ? "debuginfo" : "executable");

/** Fails with `upload_too_large`, so that nobody waits for what would be thrown away. */
async function* capped(body: Readable, most: number): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of body) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > most) throw new Failure("upload_too_large", `the file is larger than ${most} bytes`);
    yield bytes;
  }
}

class Upstream {
  readonly #parts: UpstreamParts;
  readonly #job: UpstreamJob;
  readonly #signal: AbortSignal;
  readonly warnings: Warning[] = [];

  constructor(parts: UpstreamParts, job: UpstreamJob) {
    this.#parts = parts;
    this.#job = job;
    this.#signal = AbortSignal.any([job.signal, AbortSignal.timeout(parts.limits.debuginfod_seconds * 1_000)]);
  }

  get over(): boolean {
    return this.#signal.aborted;
  }

  /** True when the store has the file now. */
  async ask(missing: MissingBinary, buildId: string): Promise<boolean> {
    const { requests, limits } = this.#parts;
    const question: UpstreamQuestion = { projectId: this.#job.projectId, buildId, kind: kindOf(missing) };
    const lease = randomUUID();
    for (;;) {
      const claim = await requests.claim(question, lease, limits.debuginfod_seconds + 5);
      if (claim === "missing") return false;
      if (claim === "mine") break;
      if (this.over) return false;
      await sleep(200);
      if ((await this.#stored(question)) > 0) return true;
    }
    let missingSeconds: number | null = FAULT_SECONDS;
    try {
      // Another worker may have brought it between the look at the store and the claim.
      if ((await this.#stored(question)) > 0 || (await this.#fromServers(question, missing.path))) {
        missingSeconds = null;
        return true;
      }
      missingSeconds = this.#faulty ? FAULT_SECONDS : MISSING_SECONDS;
      return false;
    } finally {
      await requests.settle(question, lease, missingSeconds);
    }
  }

  #faulty = false;

  async #stored({ projectId, buildId, kind }: UpstreamQuestion): Promise<number> {
    const found = await this.#parts.binaries.byBuildId(projectId, buildId, kind === "debuginfo" ? ["debug"] : ["executable", "shared_library"]);
    return found.length;
  }

  async #fromServers(question: UpstreamQuestion, path: string): Promise<boolean> {
    this.#faulty = false;
    for (const url of this.#parts.urls) {
      if (this.over) return false;
      try {
        if (await this.#fromServer(url, question, path)) return true;
      } catch (error) {
        this.#faulty = true;
        const why = error instanceof Failure ? error.message : this.over ? "it took too long" : "it does not answer";
        this.warnings.push({ code: "debuginfod_failed", detail: `${question.kind} ${question.buildId}: ${new URL(url).host}: ${why}` });
      }
    }
    return false;
  }

  async #fromServer(url: string, { projectId, buildId, kind }: UpstreamQuestion, path: string): Promise<boolean> {
    const { blobs, limits } = this.#parts;
    const response = await fetch(`${url}/buildid/${buildId}/${kind}`, { signal: this.#signal, headers: { "user-agent": "inquest" } });
    if (response.status === 404 || response.body === null) {
      await response.body?.cancel();
      return false;
    }
    if (!response.ok) {
      await response.body.cancel();
      throw new Failure("store_unavailable", `it answers ${response.status}`);
    }
    if (Number(response.headers.get("content-length") ?? 0) > limits.debuginfod_bytes) {
      await response.body.cancel();
      throw new Failure("upload_too_large", `the file is larger than ${limits.debuginfod_bytes} bytes`);
    }
    await using writer = await blobs.create();
    await pipeline(capped(Readable.from(response.body), limits.debuginfod_bytes), writer.stream, { signal: this.#signal });
    const facts = await inspectBinaryFile(writer.path);
    if (facts.buildId !== buildId)
      throw new Failure("build_id_mismatch", `it sent a file with ${facts.buildId === null ? "no build-id" : `build-id ${facts.buildId}`}`);
    await keepBinaries(this.#parts, projectId, [{ writer, facts, filename: baseName(path) || null, path: null, origin: "debuginfod" }]);
    return true;
  }
}

/** Brings into the store what upstream servers have of what this job misses; tells what went wrong. */
export async function askUpstream(parts: UpstreamParts, job: UpstreamJob): Promise<readonly Warning[]> {
  if (parts.urls.length === 0) return [];
  const upstream = new Upstream(parts, job);
  const asked = new Set<string>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const { missing } = await findBinaries(parts.binaries, job.projectId, job.facts, await parts.binaries.ofJob(job.id));
    const open = missing.filter((each) => each.build_id !== null && !asked.has(`${kindOf(each)} ${each.build_id}`)).slice(0, MOST_QUESTIONS);
    for (const each of open) asked.add(`${kindOf(each)} ${each.build_id}`);
    let found = 0;
    const ask = async () => {
      for (let next = open.shift(); next !== undefined && !upstream.over; next = open.shift()) {
        if (next.build_id !== null && (await upstream.ask(next, next.build_id))) found += 1;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, ask));
    job.signal.throwIfAborted();
    if (found === 0 || upstream.over) break;
  }
  return upstream.warnings.slice(0, 20);
}
