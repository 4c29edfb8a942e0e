/** A form sent by the tus protocol (1.0.0): after a drop the service tells how far it came, and the rest is sent. */
import { setTimeout as sleep } from "node:timers/promises";
import { calls } from "./calls.ts";
import { Refused, Unreachable } from "./client-error.ts";
import { FileChanged } from "./file-changed.ts";
import type { FormBody } from "./form-body.ts";
import { passing, type Requests } from "./requests.ts";

const version = { "tus-resumable": "1.0.0" };
const bodyType = "application/offset+octet-stream";

export type Sent = (bytes: number) => void;

/** An upload that the service has begun to take. */
export class ResumableUpload {
  readonly #requests: Requests;
  readonly #form: FormBody;
  readonly #id: string;

  private constructor(requests: Requests, form: FormBody, id: string) {
    this.#requests = requests;
    this.#form = form;
    this.#id = id;
  }

  static async begin(requests: Requests, form: FormBody): Promise<ResumableUpload> {
    const size = form.length === null ? { "upload-defer-length": "1" } : { "upload-length": String(form.length) };
    const metadata = `filetype ${Buffer.from(form.type).toString("base64")}`;
    const answer = await requests.ask(calls.createUpload, { headers: { ...version, ...size, "upload-metadata": metadata } });
    return new ResumableUpload(requests, form, answer.headers.get("location")?.split("/").at(-1) ?? "");
  }

  /** Bytes from `offset` on, at most `most`; true when the form has no more. */
  async #send(
    offset: number,
    most: number,
    headers: Readonly<Record<string, string>>,
    sent?: Sent,
  ): Promise<{ readonly job: string | null; readonly size: number }> {
    let size = offset;
    const { length } = this.#form;
    const count = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        const taken = chunk.subarray(0, offset + most - size);
        size += taken.length;
        if (taken.length > 0) controller.enqueue(taken);
        if (size === offset + most) controller.terminate();
      },
    });
    const answer = await this.#requests.once(calls.continueUpload, {
      parameters: { upload: this.#id },
      headers: { ...version, "upload-offset": String(offset), ...headers },
      body: {
        type: bodyType,
        length: length === null ? null : Math.min(most, length - offset),
        stream: () => this.#form.stream(sent, offset).pipeThrough(count),
      },
    });
    return { job: answer.headers.get("inquest-job-id"), size };
  }

  /** Sends the form's beginning for a moment; bytes a second. */
  async measure(): Promise<number> {
    const length = this.#form.length ?? 0;
    let rate = 0;
    let offset = 0;
    for (const most of [1 << 18, 1 << 20, 4 << 20, 16 << 20]) {
      const size = Math.min(most, length - offset - 1); // the last byte would make a job of it
      const began = performance.now();
      await this.#send(offset, size, {});
      const took = Math.max((performance.now() - began) / 1000, 1e-6);
      offset += size;
      rate = size / took;
      if (took > 0.3) break;
    }
    return rate;
  }

  /** The id of the job that it has become. The files are read from their start each time, for the digest; what the service has is left out. */
  async finish(sent?: Sent): Promise<string> {
    let came = 0;
    for (let left = this.#requests.retries; ; left -= 1) {
      try {
        const { headers } = await this.#requests.ask(calls.uploadProgress, { parameters: { upload: this.#id }, headers: version });
        const offset = Number(headers.get("upload-offset"));
        if (offset > came) left = this.#requests.retries;
        came = Math.max(came, offset);
        const job = headers.get("inquest-job-id") ?? (await this.#rest(offset, sent));
        if (job !== null) return job;
      } catch (error) {
        if (error instanceof FileChanged) await this.giveUp();
        if (left === 0 || !mayPass(error)) throw error;
        await sleep(1000 + 1000 * Math.random());
      }
    }
  }

  async #rest(offset: number, sent?: Sent): Promise<string | null> {
    const { job, size } = await this.#send(offset, Number.MAX_SAFE_INTEGER - offset, {}, sent);
    if (this.#form.length !== null) return job;
    // What was packed on the way has its length only now.
    const end = { ...version, "upload-offset": String(size), "upload-length": String(size), "content-type": bodyType };
    const answer = await this.#requests.once(calls.continueUpload, { parameters: { upload: this.#id }, headers: end });
    return answer.headers.get("inquest-job-id");
  }

  /** It would expire by itself. */
  async giveUp(): Promise<void> {
    await this.#requests.once(calls.abandonUpload, { parameters: { upload: this.#id }, headers: version }).catch(() => undefined);
  }
}

function mayPass(error: unknown): boolean {
  if (error instanceof Unreachable) return true;
  if (!(error instanceof Refused)) return false;
  return passing.has(error.problem.status) || /^upload_(?:offset_conflict|locked|aborted)$/.test(error.problem.code);
}
