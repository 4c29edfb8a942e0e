/** The header of one part of a multipart/form-data body. */
import { Failure } from "../../contract/failure.ts";
import { cleanFileName, fileNameOf, parseHeaderParameters } from "./header-parameters.ts";

export interface PartHeader {
  readonly name: string;
  /** True when the client sent it as a file, with or without a name. */
  readonly isFile: boolean;
  readonly filename: string | null;
}

const malformed = (detail: string) => new Failure("multipart_malformed", detail);
const plainEncodings = new Set(["7bit", "8bit", "binary"]);

/** `bytes` are the header's lines without the empty one. */
export function parsePartHeader(bytes: Buffer): PartHeader {
  const fields = new Map<string, string>();
  for (const line of bytes.toString("utf8").split(/\r\n(?![ \t])/)) {
    const colon = line.indexOf(":");
    if (colon <= 0) throw malformed("a part's header has a line that is no field");
    const name = line.slice(0, colon).trim().toLowerCase();
    if (fields.has(name)) throw malformed(`a part's header has ${JSON.stringify(name.slice(0, 50))} twice`);
    fields.set(name, line.slice(colon + 1).trim());
  }
  const disposition = parseHeaderParameters(fields.get("content-disposition") ?? "");
  if (disposition?.value !== "form-data") throw malformed("a part has no Content-Disposition: form-data");
  const encoding = (fields.get("content-transfer-encoding") ?? "binary").toLowerCase();
  if (!plainEncodings.has(encoding))
    throw malformed(`a part has the Content-Transfer-Encoding ${JSON.stringify(encoding.slice(0, 50))}; send its bytes as they are`);
  const name = disposition.parameters.get("name");
  if (name === undefined || name === "") throw malformed("a part has no name");
  const filename = fileNameOf(disposition.parameters);
  const isFile = filename !== undefined || fields.get("content-type")?.toLowerCase() === "application/octet-stream";
  return { name, isFile, filename: cleanFileName(filename ?? null) };
}
