/** The tokens file: a JSON list that holds each token's SHA-256, never the token: `[{"sha256": "…", "project": "web", "scopes": ["submit", "read"]}]`. */
import { readFile } from "node:fs/promises";
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { Failure } from "../../contract/failure.ts";

const Token = Type.Object(
  {
    /** Lower-case hex: `printf %s TOKEN | sha256sum`. */
    sha256: Type.String({ pattern: "^[0-9a-f]{64}$" }),
    project: Type.String({ pattern: "^[a-z0-9][a-z0-9._-]{0,62}$" }),
    scopes: Type.Array(Type.Enum(["submit", "read", "admin"]), { minItems: 1 }),
  },
  { additionalProperties: true },
);
export type Token = Static<typeof Token>;

const TokenList = Type.Array(Token);

function wrong(path: string, what: string, cause?: unknown): Failure {
  return new Failure("configuration_invalid", `INQUEST_TOKENS_FILE=${JSON.stringify(path)} ${what}`, {
    hint: 'Set INQUEST_TOKENS_FILE to a JSON file such as [{"sha256": "HEX OF THE TOKEN", "project": "web", "scopes": ["submit", "read"]}], or leave it unset.',
    cause,
  });
}

/** Throws `configuration_invalid`, which tells the place in the file but never its contents. */
export async function readTokensFile(path: string): Promise<readonly Token[]> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw wrong(path, "cannot be read", error);
  }
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (error) {
    throw wrong(path, "is not JSON", error);
  }
  if (!Value.Check(TokenList, list)) {
    const error = Value.Errors(TokenList, list)[0];
    throw wrong(path, `is not a list of tokens: ${error?.instancePath ?? ""} ${error?.message ?? "is wrong"}`);
  }
  if (list.length === 0) throw wrong(path, "holds no token");
  return list;
}
