import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import type { Report } from "../../services/contract/report.ts";
import type { Core, Interpreter } from "../corpus/make-core.ts";
import { mappedFiles } from "../support/mapped-files.ts";
import { analyse, type Service } from "../support/submit.ts";

const execute = promisify(execFile);

/** With the binaries as they are, with stripped copies of them, with the core alone. */
export const variants = ["as-is", "stripped", "core-alone"] as const;
export type Variant = (typeof variants)[number];

/**
 * The service as one variant sees it. Each variant has a project of its own, so that the store of one does not answer for the other, and
 * sends a file once: the store keeps it for the next core.
 */
export class VariantProject {
  readonly #variant: Variant;
  readonly #service: Service;
  readonly #folder: string;
  readonly #sent = new Set<string>();
  readonly #copies = new Map<string, Promise<string>>();

  constructor(variant: Variant, service: Service, folder: string) {
    this.#variant = variant;
    this.#service = service;
    this.#folder = folder;
  }

  async analyse(core: Core, interpreter: Interpreter): Promise<Report> {
    const files = this.#variant === "core-alone" ? [] : await mappedFiles(core.path, interpreter.root);
    const unsent = files.filter((file) => !this.#sent.has(file));
    const binaries = this.#variant === "stripped" ? await Promise.all(unsent.map((file) => this.#copyOf(file))) : unsent;
    const { report } = await analyse(this.#service, { core: core.path, binaries });
    for (const file of unsent) this.#sent.add(file);
    return report;
  }

  #copyOf(file: string): Promise<string> {
    const copy = this.#copies.get(file) ?? this.#stripped(file);
    this.#copies.set(file, copy);
    return copy;
  }

  /** A copy without symbols and debug info; the build-id stays. */
  async #stripped(file: string): Promise<string> {
    const copy = join(this.#folder, file.replaceAll("/", "%"), basename(file));
    await mkdir(dirname(copy), { recursive: true });
    await execute("strip", ["--strip-all", "-o", copy, file]).catch(() => execute("cp", [file, copy]));
    return copy;
  }
}
