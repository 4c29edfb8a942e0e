/** Which cores go together in one request: several that are small enough that a drop of the link costs little. */
export interface SizedFile {
  readonly path: string;
  readonly size: number;
}

const mostFiles = 500;
/** A single request may be larger; of many, what a drop of the link costs is sent again. */
export const largestBatch = 64 * 1024 * 1024;

/** In the order of the files; a batch of one is a core of its own. */
export function batchesOf(files: readonly SizedFile[], most: number): string[][] {
  const batches: string[][] = [];
  let open: string[] = [];
  let bytes = 0;
  const close = () => {
    if (open.length > 0) batches.push(open);
    open = [];
    bytes = 0;
  };
  for (const { path, size } of files) {
    if (bytes + size > most || open.length >= mostFiles) close();
    open.push(path);
    bytes += size;
  }
  close();
  return batches;
}
