/** What is kept of an unfinished upload beside its bytes: a small JSON file, written as a whole. */
import { readFile, rename, writeFile } from "node:fs/promises";
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";

export const UploadRecord = Type.Object({
  /** Bytes of the whole upload; null until a client that packs on the way has told it. */
  size: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]),
  metadata: Type.Record(Type.String(), Type.Union([Type.String(), Type.Null()])),
  createdAt: Type.String(),
  /** Once its bytes have become a job; they are gone then. */
  job: Type.Union([Type.String(), Type.Null()]),
});
export type UploadRecord = Static<typeof UploadRecord>;

/** Null when there is none, or nothing that could be one. */
export async function readRecord(path: string): Promise<UploadRecord | null> {
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    return Value.Check(UploadRecord, value) ? value : null;
  } catch {
    return null;
  }
}

export async function writeRecord(path: string, record: UploadRecord): Promise<void> {
  await writeFile(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
  await rename(`${path}.new`, path);
}
