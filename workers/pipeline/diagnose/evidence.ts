/** What a rule of the diagnosis may look at. */
import type { Diagnosis, Module } from "../../../services/contract/report.ts";
import type { Thread } from "../../../services/contract/thread.ts";
import type { CoreFacts } from "../../../services/intake/core/core-facts.ts";
import type { CrashSite } from "../crash-site.ts";
import type { NativeAnswer, PythonAnswer } from "../helper-answer.ts";
import type { JudgedReport } from "../logs/judged-report.ts";

export interface Evidence {
  readonly core: CoreFacts;
  readonly site: CrashSite;
  /** Assembled, the crashed one first. */
  readonly threads: readonly Thread[];
  readonly modules: readonly Module[];
  readonly python: PythonAnswer | null;
  readonly native: NativeAnswer | null;
  /** What memory checkers said in the attachments. */
  readonly logs?: readonly JudgedReport[];
}

/** Null: nothing to say. */
export type Finding = (evidence: Evidence) => Diagnosis | null;
