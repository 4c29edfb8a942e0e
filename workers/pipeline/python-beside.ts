/**
 * The Python helper in a gdb of its own, beside the one that unwinds: two processors, two halves of the answer.
 *
 * That gdb is shown no file, so it has no DWARF. Its answer is the one that the other gdb would have given when the layouts came
 * from the interpreter's own debug offsets, for then DWARF is not asked; and when they came from a table that DWARF bears out.
 * Anything else is read again in the gdb that has the files.
 */
import { Type } from "typebox";
import { Compile } from "typebox/compile";
import { Failure } from "../../services/contract/failure.ts";
import type { GdbSession, HelperRun } from "../gdb/debugger.ts";
import { PythonAnswer } from "./helper-answer.ts";

const validator = Compile(PythonAnswer);
const tableFact = Compile(Type.Object({ table: Type.String() }));

export interface PythonBeside extends AsyncDisposable {
  /** Null when it failed, broke its schema, or found no Python: whoever has the files may do better. */
  answer(): Promise<PythonAnswer | null>;
  /** Why it took all the time that a gdb has: it would elsewhere too. Null when it did not, or has not yet. */
  readonly late: Failure | null;
  readonly duration_ms: number | null;
}

/** Never fails: the gdb beside is a short cut, and what ails the machine shows in the one that has the files. */
export function startPythonBeside(open: () => Promise<GdbSession>): PythonBeside {
  let run: HelperRun | null = null;
  let late: Failure | null = null;
  const opening = open().catch(() => null);
  const answering = opening
    .then(async (session) => {
      run = (await session?.runHelper("python")) ?? null;
      const answer = run?.answer;
      return validator.Check(answer) && answer.python !== null ? answer : null;
    })
    .catch((error: unknown) => {
      if (error instanceof Failure && error.code === "debugger_timeout") late = error;
      return null;
    });
  return {
    answer: () => answering,
    get late() {
      return late;
    },
    get duration_ms() {
      return run?.duration_ms ?? null;
    },
    [Symbol.asyncDispose]: async () => {
      await (await opening)?.[Symbol.asyncDispose]();
    },
  };
}

/** The answer as the gdb with the files would have given it; null when it must be asked itself. */
export async function borneOut(answer: PythonAnswer, session: GdbSession): Promise<PythonAnswer | null> {
  if (answer.layout_source === "debug_offsets") return answer;
  const fact = answer.facts["runtime"];
  const version = /^\d+\.\d+\.\d+/.exec(answer.python?.version ?? "")?.[0];
  if (answer.layout_source !== "table" || answer.python === null || !tableFact.Check(fact) || version === undefined) return null;
  const confirmed = await session.confirmLayout(version, fact.table);
  if (confirmed === null) return answer;
  return confirmed ? { ...answer, layout_source: "dwarf", python: { ...answer.python, layout_source: "dwarf" } } : null;
}
