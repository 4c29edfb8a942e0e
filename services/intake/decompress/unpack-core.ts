/** A core that came packed, as the core itself. */
import { Failure } from "../../contract/failure.ts";
import { type ChunkSource, peek } from "../receive/chunk-source.ts";
import { SNIFF_BYTES } from "../sniff.ts";
import { apportCore } from "./apport-core.ts";
import { inflate, type InflateOptions, type Inflating } from "./inflate.ts";
import { compressionOf, type Packing } from "./packing.ts";

export async function unpackCore(sent: ChunkSource, packing: Packing, options: Omit<InflateOptions, "compression">): Promise<Inflating> {
  if (packing !== "apport") return inflate(sent, { ...options, compression: packing });
  const { first, whole } = await peek(apportCore(sent), SNIFF_BYTES);
  const compression = compressionOf(first);
  if (compression === null) throw new Failure("core_compressed_damaged", "the report's CoreDump is neither gzip nor zstd");
  return inflate(whole, { ...options, compression });
}
