/** A received file with its facts, as the store takes it. */
import type { NewBinary } from "../../storage/binary-store.ts";
import type { BlobKey } from "../../storage/blob-store.ts";
import type { BinaryFacts } from "./binary-facts.ts";

export interface BinaryFile {
  readonly facts: BinaryFacts;
  readonly sha256: string;
  readonly size: number;
  readonly filename: string | null;
  readonly path: string | null;
  readonly origin: NewBinary["origin"];
  readonly blob: BlobKey;
}

export function newBinary({ facts, sha256, size, filename, path, origin, blob }: BinaryFile): NewBinary {
  const { buildId, kind, hasSymbols, hasDebugInfo, debugLink, altLink, crc, head } = facts;
  return {
    build_id: buildId,
    kind,
    size,
    sha256,
    filename,
    path,
    origin,
    has_symbols: hasSymbols,
    has_debug_info: hasDebugInfo,
    debug_link: debugLink,
    alt_link: altLink === null ? null : { name: altLink.name, build_id: altLink.buildId },
    crc,
    head,
    blob,
  };
}
