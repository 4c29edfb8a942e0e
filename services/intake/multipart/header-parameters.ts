/** `form-data; name="core"; filename="core.1"`: a header's value and its parameters (RFC 9110, 5.6.6; RFC 7578). */
export interface ParameterisedValue {
  /** Lower case. */
  readonly value: string;
  /** By lower-case name; of names given twice, the first. */
  readonly parameters: ReadonlyMap<string, string>;
}

const parameterForm = /;\s*([!#$%&'*+\-.^_`|~\w]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))\s*/sy;

/** Null when what follows the value is not a list of parameters. */
export function parseHeaderParameters(text: string): ParameterisedValue | null {
  const semicolon = text.indexOf(";");
  const value = (semicolon < 0 ? text : text.slice(0, semicolon)).trim().toLowerCase();
  const parameters = new Map<string, string>();
  let at = semicolon < 0 ? text.length : semicolon;
  while (at < text.length && !/^[;\s]*$/.test(text.slice(at))) {
    parameterForm.lastIndex = at;
    const match = parameterForm.exec(text);
    if (match === null) return null;
    const [whole, name = "", quoted, plain = ""] = match;
    const key = name.toLowerCase();
    if (!parameters.has(key)) parameters.set(key, quoted === undefined ? plain : unquote(quoted));
    at += whole.length;
  }
  return { value, parameters };
}

/** curl writes `\"` and `\\`; a lone backslash is part of a Windows path. */
const unquote = (text: string) => text.replace(/\\(["\\])/g, "$1");

/** `UTF-8''na%C3%AFve` (RFC 8187); null when it is no such thing. */
function decodeExtended(text: string): string | null {
  const encoded = /^utf-8'[^']*'(.*)$/is.exec(text)?.[1];
  if (encoded === undefined) return null;
  try {
    return decodeURIComponent(encoded);
  } catch {
    return null;
  }
}

const LONGEST_NAME = 255;

/**
 * The file name that a part or a query gives, for showing: its last component, without control characters, at most 255
 * characters. Null when nothing is left. Browsers write `%22`, `%0D` and `%0A` for what a quoted string cannot hold.
 */
export function cleanFileName(text: string | null): string | null {
  if (text === null) return null;
  const last = text.split(/[/\\]/).at(-1) ?? "";
  const clean = last
    .replace(/%22/g, '"')
    .replace(/%0[da]/gi, " ")
    .replace(/\p{Cc}|\p{Bidi_Control}/gu, "")
    .trim();
  return clean === "" || clean === "." || clean === ".." ? null : clean.slice(0, LONGEST_NAME).toWellFormed();
}

/** `filename`, or `filename*` where a client sends it. Undefined when the part has none: then it is a field. */
export function fileNameOf(parameters: ReadonlyMap<string, string>): string | undefined {
  const extended = parameters.get("filename*");
  return (extended === undefined ? null : decodeExtended(extended)) ?? parameters.get("filename") ?? extended;
}
