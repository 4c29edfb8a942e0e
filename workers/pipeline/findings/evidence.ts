/** What a rule of the diagnosis may look at. */
import type { Diagnosis, Module, Thread } from "../../../services/contract/report.ts";
import type { CoreFacts } from "../../../services/intake/core/core-facts.ts";
import type { HandledSignal } from "../signal-frame.ts";
import type { NativeAnswer, PythonAnswer } from "../helper-answer.ts";

export interface Evidence {
  /** Its signal is the one that a handler was called for, where one was and raised it again. */
  readonly core: CoreFacts;
  readonly handledSignal: HandledSignal | null;
  /** Assembled, the crashed one first. */
  readonly threads: readonly Thread[];
  readonly modules: readonly Module[];
  readonly python: PythonAnswer | null;
  readonly native: NativeAnswer | null;
}

/** Null: nothing to say. */
export type Finding = (evidence: Evidence) => Diagnosis | null;
