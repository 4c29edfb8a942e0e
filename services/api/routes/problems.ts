/** What a problem's `type` leads to: the failure table, explained. */
import { type Static, Type } from "typebox";
import { Failure, type FailureCode, failures } from "../../contract/failure.ts";
import type { App } from "../app-type.ts";
import { problemUri } from "../http/problem.ts";
import { json, openAnswers } from "../schema/answers.ts";

const Explanation = Type.Object({
  type: Type.String(),
  code: Type.String(),
  title: Type.String(),
  status: Type.Integer({ description: "The HTTP status it usually has." }),
  stage: Type.String({ description: "Where it happens." }),
  retry: Type.Boolean({ description: "Whether a job that meets it is tried again by itself." }),
  hint: Type.String({ description: "What to do next." }),
});
type Explanation = Static<typeof Explanation>;

const isCode = (code: string): code is FailureCode => Object.hasOwn(failures, code);

const codes: readonly FailureCode[] = Object.keys(failures).filter(isCode);

function explain(code: FailureCode): Explanation {
  const { title, status, stage, retry, hint } = failures[code];
  return { type: problemUri(code), code, title, status, stage, retry, hint };
}

export function problemsRoutes(app: App): void {
  app.get(
    "/problems",
    {
      schema: {
        operationId: "listProblems",
        summary: "Every problem code",
        tags: ["operations"],
        response: openAnswers({ 200: json("The table of failures.", Type.Object({ items: Type.Array(Explanation) })) }),
      },
    },
    async () => ({ items: codes.map(explain) }),
  );

  app.get(
    "/problems/:code",
    {
      schema: {
        operationId: "explainProblem",
        summary: "What a problem code means",
        tags: ["operations"],
        params: Type.Object({ code: Type.String({ maxLength: 100 }) }),
        response: openAnswers({ 200: json("Its row of the table of failures.", Explanation) }, "not_found", "invalid_parameter"),
      },
    },
    async (request): Promise<Explanation> => {
      const { code } = request.params;
      if (!isCode(code)) throw new Failure("not_found", `There is no problem code ${JSON.stringify(code)}.`, { hint: "GET /problems lists them." });
      return explain(code);
    },
  );
}
